"""Event types: `@event` on the struct of an event's data registers it.

From the registration follow the registry, the JSON Schemas, the AsyncAPI document, which types a webhook
subscription may name, and the subject under which the ledger records an event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from msgspec import Struct

from shared.messaging.manifest import Topic

S = TypeVar("S", bound=Struct)


@dataclass(frozen=True, slots=True)
class EventType:
    """A registered type of event.

    `name` is the CloudEvents type, `short` its name in subscriptions. `subject_of` returns the lead id or
    account key that such data is about, for records without `ce_subject`; "" when the data does not identify
    one. `default` marks the type that a record without CloudEvents headers has on its topic.
    """

    name: str
    model: type[Struct]
    topic: Topic
    subject_of: Callable[[Any], str]
    default: bool

    @property
    def short(self) -> str:
        return short_name(self.name)


def short_name(name: str) -> str:
    """Return the name of an event type without its prefix and version, such as `lead.routed`."""
    return name.removeprefix("baton.").rsplit(".", 1)[0]


REGISTERED: list[EventType] = []
"""Every type that was registered so far, in the order of the imports. Read `registry.EVENT_TYPES` instead."""


def event(
    name: str, topic: Topic, *, subject: Callable[[Any], str] | None = None, default: bool = False
) -> Callable[[type[S]], type[S]]:
    """Register the decorated struct as the data of events of type `name` on `topic`.

    `subject` and `default` are explained at `EventType`. Only a topic that outside producers write needs
    them: Baton's own events always name their subject and type.
    """

    def register(model: type[S]) -> type[S]:
        REGISTERED.append(EventType(name, model, topic, subject or (lambda _data: ""), default))
        return model

    return register
