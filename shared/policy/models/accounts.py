"""accounts.yaml: domains of known accounts, by relation."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from pydantic import Field

from shared.lead.normalise.domains import normalise_domain
from shared.policy.models.policy_model import PolicyModel, Text, unique

_Domains = Annotated[tuple[Text, ...], Field(max_length=5_000), unique()]


class Accounts(PolicyModel):
    """accounts.yaml: company domains by relation, at most 5,000 each.

    Longer lists are sent to the API or imported. `shared_hosts` give pages or mailboxes to anybody, as social
    networks and access providers do, so they are no company's domain; Baton knows the usual ones besides.
    """

    target: _Domains = ()
    customer: _Domains = ()
    competitor: _Domains = ()
    partner: _Domains = ()
    shared_hosts: _Domains = ()

    @cached_property
    def shared(self) -> frozenset[str]:
        """The shared hosts in normal form."""
        return frozenset(host for text in self.shared_hosts if (host := normalise_domain(text)))
