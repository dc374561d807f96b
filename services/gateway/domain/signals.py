"""The intake decision for signals: whom is it about, and which event follows. Pure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from services.gateway.domain.arrival import SOURCE, Arrival, invalid, is_blank, refuse_unreal_times
from services.scorer.domain.activities import activity_of
from shared.errors import DataError, FieldProblem
from shared.lead.events.envelope import Event
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.identity import account_key, identify
from shared.lead.ids import derive_id, lead_id_of
from shared.lead.normalise.domains import registrable_domain
from shared.lead.normalise.emails import normalise_email

SIGNAL_RECEIVED: Final = "baton.signal.received.v1"

_PERSONAL = frozenset({"opt_out", "activity"})


class About(Struct, frozen=True):
    """Whom a signal is about: subject and key of its event."""

    subject: str
    key: str


def receive_signal(body: SignalReceivedV1, raw: bytes, arrival: Arrival) -> Event[SignalReceivedV1]:
    """Return the event that `body` becomes; `raw` is published as it is. Raises `Reject` (422)."""
    refuse_unreal_times((("/occurred_at", body.occurred_at), ("/expires_at", body.expires_at)))
    about = _person(body) if body.type in _PERSONAL else _account(body)
    if body.type == "activity":
        _refuse_no_activity(body)
    return Event(
        id=_event_id(body, about, arrival),
        source=SOURCE,
        type=SIGNAL_RECEIVED,
        subject=about.subject,
        time=arrival.at,
        data=body,
        raw=raw,
        key=about.key,
        traceparent=arrival.traceparent,
    )


def _event_id(body: SignalReceivedV1, about: About, arrival: Arrival) -> str:
    if body.external_id:
        # Vendors number their signals per kind and account; the number alone says too little.
        return derive_id(SIGNAL_RECEIVED, about.subject, f"external_id:{body.type}:{body.external_id}", 0)
    return arrival.event_id(SIGNAL_RECEIVED)


def _person(body: SignalReceivedV1) -> About:
    email = body.person.email if body.person else None
    if is_blank(email):
        raise invalid(
            (FieldProblem("/person/email", f"A signal of type {body.type} needs an e-mail address"),)
        )
    identity = identify(email) if normalise_email(email) else None
    if identity is None:
        raise invalid((FieldProblem("/person/email", "This is not an e-mail address"),))
    return About(identity.lead_id, account_key(body.account.domain, email, identity.lead_id))


def _refuse_no_activity(body: SignalReceivedV1) -> None:
    """Reject here what the scorer could only make a dead letter of."""
    try:
        activity = activity_of(body)
    except DataError as error:
        raise invalid((FieldProblem("/details/activity", str(error)),)) from error
    refuse_unreal_times((("/details/activity/at", activity.at),))


def _account(body: SignalReceivedV1) -> About:
    domain, name = body.account.domain, body.account.name
    key = registrable_domain(domain)
    if key is not None:
        return About(key, key)
    if not is_blank(domain):
        raise invalid((FieldProblem("/account/domain", "This is not the domain of a company"),))
    if name is None or is_blank(name):
        problem = f"A signal of type {body.type} needs account.domain or account.name"
        raise invalid((FieldProblem("/account", problem),))
    # Known by name only: which account it is, the scorer says; here equal names stay together.
    named = lead_id_of(f"account-name:{' '.join(name.casefold().split())}")
    return About(named, named)
