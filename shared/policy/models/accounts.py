"""accounts.yaml: small lists of known accounts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.policy.models.policy_model import PolicyModel, Text, unique

_Domains = Annotated[tuple[Text, ...], Field(max_length=5_000), unique()]


class Accounts(PolicyModel):
    """accounts.yaml: domains of known accounts; the API and imports carry large lists."""

    target: _Domains = ()
    customer: _Domains = ()
    competitor: _Domains = ()
    partner: _Domains = ()
