"""The webhook targets, indexed by what their filters require: an event visits only those that may want it.

Without the index each event would be compared with the filters of all targets, one after the other. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from datetime import datetime

from msgspec import Struct

from services.gateway.domain.required_values import CoercedField, RequiredValues
from services.router.domain.delivery import WebhookTarget, addressees

_Place = tuple[int, WebhookTarget, bool]
"""Where a target stands among all, the target, and whether it wants every event that leads to this place."""


class TargetIndex:
    """The known targets, in their order."""

    def __init__(self, known: Iterable[WebhookTarget] = ()) -> None:
        self._known = tuple(known)
        self._destinations: dict[str, list[_Place]] = {}
        self._by_value: dict[CoercedField, dict[Hashable, list[_Place]]] = {}
        self._others: list[_Place] = []
        # A value that many filters require tells little; of several that a filter requires the rarest counts.
        required = {target.id: target.required_values for target in self._known if not target.is_destination}
        uses = Counter(
            (one.field, value) for parts in required.values() for one in parts for value in one.values
        )

        def commonness(one: RequiredValues) -> int:
            return max((uses[one.field, value] for value in one.values), default=0)

        for number, target in enumerate(self._known):
            if target.is_destination:
                self._destinations.setdefault(target.id, []).append((number, target, False))
            elif parts := required[target.id]:
                rarest = min(parts, key=commonness)
                by_value = self._by_value.setdefault(rarest.field, {})
                for value in rarest.values:
                    by_value.setdefault(value, []).append((number, target, rarest.suffice))
            else:
                self._others.append((number, target, not target.filter))

    def __iter__(self) -> Iterator[WebhookTarget]:
        return iter(self._known)

    def wanting(self, short_type: str, data: Struct, at: datetime) -> list[WebhookTarget]:
        """Return the targets to which an event is to be sent, in their order.

        Of the destinations those that the event addresses. Ages are those at its time, `at`.
        """
        places: dict[int, tuple[WebhookTarget, bool]] = {
            number: (target, suffices)
            for name in (addressees(data) if self._destinations else ())
            for number, target, suffices in self._destinations.get(name, ())
        }
        for field, by_value in self._by_value.items():
            for value in field.values_in(data):
                for number, target, suffices in by_value.get(value, ()):
                    places[number] = target, suffices
        for number, target, suffices in self._others:
            places[number] = target, suffices
        return [
            target
            for _number, (target, suffices) in sorted(places.items())
            if target.subscribes_to(short_type) and (suffices or target.is_wanted(data, at))
        ]
