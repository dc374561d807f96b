"""What a person allows, from everything that was ever stated about it: by time, and by proof. Pure.

The latest proven and the latest unproven word on an opt-out are kept apart, so that the result is the same in
whatever order they arrive. Unproven is what a public form says: anybody may have filled it in.

- An opt-out holds until a newer opt-in: one that says `opted_out: false`. Silence lifts nothing.
- An unproven opt-in lifts an unproven opt-out only.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import UNSET, Struct

from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Consent
from shared.lead.events.signal_received import SignalReceivedV1


class Choice(Struct, frozen=True, omit_defaults=True):
    """A yes or no of a person, or the text they agreed to, and when."""

    at: datetime
    value: bool | str
    public: bool = False


class ConsentStatements(Struct, frozen=True, omit_defaults=True):
    """The statements that decide on a person's consent. `proven` and `unproven` are on the opt-out."""

    proven: Choice | None = None
    unproven: Choice | None = None
    marketing: Choice | None = None
    text: Choice | None = None


def consent_statements(
    received: LeadReceivedV1, stated_at: datetime, arrived_at: datetime
) -> ConsentStatements:
    """Return what a form states about consent. It has a time of its own, else that of the form."""
    consent, public = received.consent, received.trust == "public"
    at = min(consent.at or stated_at, arrived_at)
    opt_out = None if consent.opted_out is UNSET else Choice(at, bool(consent.opted_out))
    # Whoever asks to be left alone is believed where the source says so; an opt-in needs a known source.
    unproven = consent.proven is False or (public and not consent.opted_out)
    return ConsentStatements(
        proven=None if unproven else opt_out,
        unproven=opt_out if unproven else None,
        marketing=None if consent.marketing is None else Choice(at, consent.marketing, public),
        text=Choice(at, consent.text, public) if consent.text else None,
    )


def opt_out_statement(signal: SignalReceivedV1, arrived_at: datetime) -> ConsentStatements:
    """Return what a signal of type `opt_out` states."""
    choice = Choice(min(signal.occurred_at, arrived_at), value=True)
    if signal.trust == "public":
        return ConsentStatements(unproven=choice)
    return ConsentStatements(proven=choice)


def stored_consent(consent: Consent, stored_at: datetime | None) -> ConsentStatements:
    """Return the statements of a lead whose consent was stored before statements were kept."""
    at = consent.at or stored_at
    if at is None:
        return ConsentStatements()
    return ConsentStatements(
        proven=Choice(at, value=True) if consent.opted_out else None,
        marketing=None if consent.marketing is None else Choice(at, consent.marketing),
        text=Choice(at, consent.text) if consent.text else None,
    )


def merge_consent(one: ConsentStatements, other: ConsentStatements) -> ConsentStatements:
    """Return the statements that decide after both; `other` came later, which settles equal times."""
    return ConsentStatements(
        proven=_newer_opt_out(one.proven, other.proven),
        unproven=_newer_opt_out(one.unproven, other.unproven),
        marketing=_newer(one.marketing, other.marketing),
        text=_newer(one.text, other.text),
    )


def consent_of(statements: ConsentStatements) -> Consent:
    """Return the consent that follows from the statements."""
    proven, unproven = statements.proven, statements.unproven
    marketing, text = statements.marketing, statements.text
    decisive, is_proven = proven, True
    if unproven is not None:
        is_new = proven is None or (not proven.value and unproven.value and unproven.at > proven.at)
        decisive, is_proven = (unproven, False) if is_new else (proven, True)
    dated = [choice.at for choice in (decisive, marketing, text) if choice is not None]
    return Consent(
        marketing=None if marketing is None else bool(marketing.value),
        opted_out=UNSET if decisive is None else bool(decisive.value),
        at=decisive.at if decisive is not None else max(dated, default=None),
        text=None if text is None else str(text.value),
        proven=False if decisive is not None and decisive.value and not is_proven else None,
    )


def _newer_opt_out(one: Choice | None, other: Choice | None) -> Choice | None:
    """Return the newer choice; at the same instant the opt-out holds."""
    choices = [choice for choice in (one, other) if choice is not None]
    return max(choices, key=lambda choice: (choice.at, bool(choice.value)), default=None)


def _newer(one: Choice | None, other: Choice | None) -> Choice | None:
    """Return the choice that holds: what a known source states before what a public form does."""
    if one is None or other is None:
        return one or other
    return other if (not other.public, other.at) >= (not one.public, one.at) else one
