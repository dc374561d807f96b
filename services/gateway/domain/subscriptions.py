"""Which events a webhook subscription may name. Pure."""

from __future__ import annotations

from typing import Final

from shared.lead.events.registry import EVENT_TYPES
from shared.messaging.manifest import LEADS_ROUTED, PEOPLE_ERASED
from shared.webhooks import EVERYTHING

# Only events of these topics are sent by webhook. Other names are refused: their webhooks would never come,
# and nothing would say so.
SENT_EVENTS: Final = {
    event_type.short: event_type.model
    for event_type in EVENT_TYPES
    if event_type.topic in (LEADS_ROUTED, PEOPLE_ERASED)
}
"""The data of each event that is sent by webhook, by the short type."""
_FAMILIES: Final = frozenset(f"{short.partition('.')[0]}.*" for short in SENT_EVENTS)
EVENT_NAMES: Final = (*sorted(SENT_EVENTS), *sorted(_FAMILIES), EVERYTHING)
"""What `events` of a subscription may hold: short types (`lead.routed`), families (`lead.*`), or `*`."""


def check_event_name(name: str) -> str:
    """Return the name. Raises `ValueError` when no such event is sent by webhook."""
    if name not in EVENT_NAMES:
        raise ValueError(f"No such event is sent; there are {', '.join(EVENT_NAMES)}")
    return name
