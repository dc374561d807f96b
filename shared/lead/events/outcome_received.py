"""`baton.outcome.received.v1`: what came of a lead. Also the body of `POST /v1/outcomes`."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from shared.lead.events.event_type import event
from shared.lead.events.parts import Actor, Text, Time, Word
from shared.lead.events.subjects import lead_id
from shared.messaging.manifest import OUTCOMES_RECEIVED

OutcomeType = Literal[
    "accepted",
    "rejected",
    "reply",
    "meeting_booked",
    "meeting_held",
    "opportunity",
    "pilot_started",
    "pilot_won",
    "pilot_lost",
    "won",
    "lost",
    "renewed",
    "expanded",
    "contracted",
    "churned",
]
"""From the rep's answer over the person's, the deal and its pilot to what became of the customer."""

ACCEPTING_OUTCOMES: Final[frozenset[OutcomeType]] = frozenset(
    {
        "accepted",
        "reply",
        "meeting_booked",
        "meeting_held",
        "opportunity",
        "pilot_started",
        "pilot_won",
        "pilot_lost",
    }
)
"""Outcomes that follow from a rep's work on the lead, so they count as accepting it."""


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
    """About one lead, by id or by e-mail. It counts at its `at`, whenever it arrives.

    `external_id` is the sender's name for this very outcome, `opportunity_id` that of the deal it is about:
    several outcomes tell of one deal. `amount` is the value of the deal, or with `renewed`, `expanded`,
    `contracted` and `churned` the yearly revenue that was kept, added or lost. `stage` is the CRM's word,
    `close_date` the day on which the deal closed or is expected to. `actor` is set by the gateway alone:
    whose key it was.
    """

    type: OutcomeType
    at: Time
    lead_id: Word | None = None
    email: Word | None = None
    reason: Text | None = None
    amount: Amount | None = None
    rep: Word | None = None
    external_id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    opportunity_id: Word | None = None
    stage: Word | None = None
    close_date: date | None = None
    actor: Actor | None = None
