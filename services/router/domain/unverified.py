"""Leads for which nothing but a public form speaks: they take no seller's place until a fact is known.

Anybody can post to a public form, in any number. A fact is what a vendor, a CRM or a colleague gave, what
fits the ideal customer, a buying signal, or what is known of the account.
"""

from __future__ import annotations

from typing import Final

from shared.lead.events.lead_scored import LeadScoredV1

UNVERIFIED: Final = "nothing but a public form speaks for this lead: no verified fact and none that fits"
"""The reason of such a decision, in words."""

_EMAIL_STATUS: Final = "person.email_status"


def is_unverified(data: LeadScoredV1) -> bool:
    """Tell whether a lead is only known from public forms, and nothing that it says fits.

    That an address could not be verified is no fact that speaks for it.
    """
    if data.trust != "public" or data.score.fit or data.signals.types or data.trigger.kind == "signal":
        return False
    account = data.account_view
    if account.relation != "none" or account.open_opportunity or account.owner:
        return False
    return all(
        origin.source == "form" or (field == _EMAIL_STATUS and data.person.email_status != "verified")
        for field, origin in data.provenance.items()
    )
