"""accounts.yaml: domains of known accounts, by relation."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.policy.models.policy_model import PolicyModel, Text, unique

_Domains = Annotated[tuple[Text, ...], Field(max_length=5_000), unique()]


class Accounts(PolicyModel):
    """accounts.yaml: company domains by relation, at most 5,000 each.

    Longer lists are sent to the API or imported.
    """

    target: _Domains = ()
    customer: _Domains = ()
    competitor: _Domains = ()
    partner: _Domains = ()
