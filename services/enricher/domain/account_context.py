"""What the scorer and the router know of a lead and its account before the lead is scored. Pure."""

from __future__ import annotations

from msgspec import Struct

from shared.lead.events.parts import Activity
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.facts import ActiveOwner


class AccountContext(Struct, frozen=True):
    """What others know about the lead and its account. Each of `owners` may turn out to be the active one.

    `grades_before` are the grades that the lead was last given; for a new lead, none.
    """

    relation: str = "none"
    open_opportunity: bool | None = None
    owners: tuple[ActiveOwner | None, ...] = (None,)
    signals: tuple[SignalReceivedV1, ...] = ()
    activities: tuple[Activity, ...] = ()
    grades_before: str | None = None
