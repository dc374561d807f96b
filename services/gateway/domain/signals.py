"""The intake decision for signals: the event that a body becomes, or what is wrong with the body. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import Struct

from services.gateway.domain.arrival import (
    Arrival,
    domain_problem,
    invalid,
    is_blank,
    refuse_too_large,
    refuse_unreal_times,
)
from services.gateway.domain.received import Received, received_event
from services.gateway.domain.sources import HookSource
from services.gateway.domain.trust import refuse_reserved_fields, trusted_signal
from services.scorer.domain.activities import activity_of
from services.scorer.domain.intent import EXPIRY_FORMS, expiry_day
from shared.errors import DataError, FieldProblem
from shared.lead.bounds import SIGNAL_BYTES_MAX
from shared.lead.events.signal_received import PERSONAL_SIGNALS, SignalReceivedV1
from shared.lead.events.subjects import account_name_id
from shared.lead.identity import account_key, identify
from shared.lead.normalise.emails import normalise_email

SIGNAL_RECEIVED: Final = "baton.signal.received.v1"

_NO_TIME: Final = datetime.fromtimestamp(0, UTC)
_encode = msgspec.json.Encoder().encode


class EventSubject(Struct, frozen=True):
    """What a signal is about, as its event names it: a lead or an account, and the key of the partition."""

    subject: str
    key: str


def receive_signal(
    body: SignalReceivedV1,
    raw: bytes,
    arrival: Arrival,
    source: HookSource | None = None,
    *,
    without_time: bool = False,
) -> Received[SignalReceivedV1]:
    """Return the event that `body` becomes. `raw` is published as it is. Raises `Reject` (422).

    A signal from a source is published with the trust of the source in place of `raw`. `without_time`: the
    vendor did not say when it was, so that the same signal may come with another time of arrival.
    """
    refuse_reserved_fields(body)
    content = msgspec.structs.replace(body, occurred_at=_NO_TIME) if without_time else body
    if source is not None:
        body = trusted_signal(body, source)
        raw = _encode(body)
    refuse_too_large("signal", raw, SIGNAL_BYTES_MAX)
    refuse_unreal_times((("/occurred_at", body.occurred_at), ("/expires_at", body.expires_at)))
    subject_of = _person_subject if body.type in PERSONAL_SIGNALS else _account_subject
    about = subject_of(body, arrival.shared_hosts)
    if body.type == "activity":
        # What is rejected here, the scorer could only make a dead letter of.
        try:
            activity = activity_of(body)
        except DataError as error:
            raise invalid((FieldProblem("/details/activity", str(error)),)) from error
        refuse_unreal_times((("/details/activity/at", activity.at),))
    if body.type == "contract_expiry" and expiry_day(body.details) is None:
        raise invalid((FieldProblem("/details/expires_on", EXPIRY_FORMS),))
    return received_event(
        SIGNAL_RECEIVED,
        body,
        arrival,
        subject=about.subject,
        key=about.key,
        raw=raw,
        content=content,
        name=("external_id", body.external_id) if body.external_id else (),
        # Vendors number their signals per type and account: the number alone is not unique.
        scope=(body.type, about.subject) if body.external_id else (),
    )


def _person_subject(body: SignalReceivedV1, also_shared: frozenset[str]) -> EventSubject:
    email = body.person.email if body.person else None
    if is_blank(email):
        problem = f"A signal of type {body.type} needs an e-mail address"
        raise invalid((FieldProblem("/person/email", problem),))
    address = normalise_email(email)
    identity = None if address is None else identify(address)
    if identity is None:
        raise invalid((FieldProblem("/person/email", "This is not an e-mail address"),))
    return EventSubject(
        identity.lead_id, account_key(body.account.domain, address, identity.lead_id, also_shared)
    )


def _account_subject(body: SignalReceivedV1, also_shared: frozenset[str]) -> EventSubject:
    domain, name = body.account.domain, body.account.name
    key, name_id = account_key(domain, None, "", also_shared), account_name_id(name)
    if key:
        return EventSubject(key, key)
    if not is_blank(domain) and not name_id:
        raise invalid((domain_problem("/account/domain", domain),))
    if name is None or is_blank(name):
        problem = f"A signal of type {body.type} needs account.domain or account.name"
        raise invalid((FieldProblem("/account", problem),))
    if not name_id:
        problem = "This name has no letter or digit that could tell it from others"
        raise invalid((FieldProblem("/account/name", problem),))
    return EventSubject(name_id, name_id)
