"""`baton.outcome.received.v1`: what came of a lead. Also the body of `POST /v1/outcomes`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from shared.lead.events.event_type import event
from shared.lead.events.parts import Actor, Text, Time, Word
from shared.lead.events.subjects import lead_id
from shared.messaging.manifest import OUTCOMES_RECEIVED


class Amount(Struct, frozen=True):
    """Money in whole units of an ISO 4217 currency."""

    value: Annotated[int, Meta(ge=0, le=10**12)] | Annotated[float, Meta(ge=0, le=1e12)]
    currency: Annotated[str, Meta(pattern="^[A-Za-z]{3}$")]


@event(
    "baton.outcome.received.v1",
    OUTCOMES_RECEIVED,
    subject=lambda data: data.lead_id or lead_id(data.email),
    default=True,
)
class OutcomeReceivedV1(Struct, frozen=True, omit_defaults=True):
    """About one lead, by id or by e-mail. `actor` is set by the gateway alone: whose key it was."""

    type: Literal["accepted", "rejected", "meeting_booked", "opportunity", "won", "lost"]
    at: Time
    lead_id: Word | None = None
    email: Word | None = None
    reason: Text | None = None
    amount: Amount | None = None
    rep: Word | None = None
    actor: Actor | None = None
