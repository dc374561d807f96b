"""Which events a webhook subscription may name, and what its filter may hold. Pure."""

from __future__ import annotations

from typing import Any, Final

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

_CONDITIONS_MAX: Final = 20
_SCALARS = (str, int, float, bool, type(None))


def check_event_name(name: str) -> str:
    """Return the name. Raises `ValueError` when no such event is sent by webhook."""
    if name not in EVENT_NAMES:
        raise ValueError(f"No such event is sent; there are {', '.join(EVENT_NAMES)}")
    return name


def check_filter(filter_: dict[str, Any]) -> dict[str, Any]:
    """Return the filter. Raises `ValueError` when it has too many conditions, or a nested value."""
    if len(filter_) > _CONDITIONS_MAX:
        raise ValueError(f"There are more than {_CONDITIONS_MAX} conditions")
    for path, value in filter_.items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(item, _SCALARS) for item in values):
            raise ValueError(f"The value of {path[:100]} is neither a value nor a list of values")
    return filter_
