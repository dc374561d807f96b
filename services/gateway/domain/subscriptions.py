"""Which events a webhook subscription may name, and which the event stream carries. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from shared.lead.events.registry import EVENT_TYPES
from shared.messaging.manifest import ACTIONS_RECEIVED, LEADS_ROUTED, PEOPLE_ERASED
from shared.webhooks import EVERYTHING

# Only events of these topics are sent by webhook. Other names are refused: their webhooks would never come,
# and nothing would say so.
SENT_EVENTS: Final = {
    event_type.short: event_type.model
    for event_type in EVENT_TYPES
    if event_type.topic in (LEADS_ROUTED, PEOPLE_ERASED)
}
"""The data of each event that is sent by webhook, by the short type."""
STREAM_TOPICS: Final = (LEADS_ROUTED, ACTIONS_RECEIVED, PEOPLE_ERASED)
STREAMED_EVENTS: Final = {
    event_type.short: event_type.model for event_type in EVENT_TYPES if event_type.topic in STREAM_TOPICS
}
"""The data of each event that the event stream carries: those that are sent by webhook, and actions."""


def event_names(events: Collection[str]) -> tuple[str, ...]:
    """Return how events may be named: by short type (`lead.routed`), by family (`lead.*`), or `*` for all."""
    families = {f"{short.partition('.')[0]}.*" for short in events}
    return (*sorted(events), *sorted(families), EVERYTHING)


EVENT_NAMES: Final = event_names(SENT_EVENTS)
"""What `events` of a subscription may hold."""
STREAM_NAMES: Final = event_names(STREAMED_EVENTS)
"""What `types` of the event stream may hold."""


def named_events(names: Collection[str], events: Collection[str]) -> list[str]:
    """Return those of the events, in order, that the names, families or `*` name."""
    return [
        short
        for short in sorted(events)
        if not {*names}.isdisjoint((short, f"{short.partition('.')[0]}.*", EVERYTHING))
    ]


def check_event_name(name: str) -> str:
    """Return the name. Raises `ValueError` when no such event is sent by webhook."""
    if name not in EVENT_NAMES:
        raise ValueError(f"No such event is sent; there are {', '.join(EVENT_NAMES)}")
    return name
