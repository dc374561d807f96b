"""Every registered event type, looked up by CloudEvents type, by model or by topic.

The event modules are found, not listed: each module of this package may register types with `@event`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from shared.lead.events.event_type import REGISTERED, EventType
from shared.messaging.manifest import TOPICS

_USE_THE_REGISTRY = {"registry", "envelope", "schemas"}

for _module in iter_modules([str(Path(__file__).parent)]):
    if _module.name not in _USE_THE_REGISTRY:
        import_module(f"{__package__}.{_module.name}")

EVENT_TYPES: tuple[EventType, ...] = tuple(
    sorted(REGISTERED, key=lambda event_type: (TOPICS.index(event_type.topic), event_type.name))
)
"""In the order of the topics, which is the path of a lead."""

BY_NAME = {event_type.name: event_type for event_type in EVENT_TYPES}
BY_MODEL = {event_type.model: event_type for event_type in EVENT_TYPES}
DEFAULT_TYPE = {event_type.topic.name: event_type for event_type in EVENT_TYPES if event_type.default}
"""By topic: the type of a record without CloudEvents headers, on topics that outside producers write."""
