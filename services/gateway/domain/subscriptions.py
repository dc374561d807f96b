"""What a subscription may ask for. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from services.gateway.domain.arrival import invalid
from shared.errors import FieldProblem
from shared.lead.events.registry import EVENT_TYPES
from shared.messaging.manifest import LEADS_ROUTED
from shared.webhooks import EVERYTHING

# What is not sent by webhook may not be asked for: nobody would tell that it never comes.
_SENT: Final = frozenset(each.short for each in EVENT_TYPES if each.topic is LEADS_ROUTED)
_FAMILIES: Final = frozenset(f"{short.partition('.')[0]}.*" for short in _SENT)
NAMES: Final = (*sorted(_SENT), *sorted(_FAMILIES), EVERYTHING)
_FILTER_MAX: Final = 20
_SCALARS = (str, int, float, bool, type(None))


class NewSubscription(Struct, frozen=True, forbid_unknown_fields=True):
    """`events`: short types (`lead.routed`), families (`lead.*`) or `*`.

    `filter` maps a dotted path into the event's data to the value wanted there, or a list of such values;
    all must match.
    """

    url: Annotated[str, Meta(min_length=1, max_length=2_048)]
    events: Annotated[list[str], Meta(min_length=1, max_length=50)]
    filter: dict[str, Any] | None = None


def check(wanted: NewSubscription) -> None:
    """Raise `Reject` (422) when there are no such events, or the filter is none."""
    problems = (*_unknown_events(wanted.events), *_unfit_filter(wanted.filter or {}))
    if problems:
        raise invalid(problems)


def _unknown_events(events: list[str]) -> Iterator[FieldProblem]:
    for index, name in enumerate(events):
        if name not in NAMES:
            yield FieldProblem(f"/events/{index}", f"No such event is sent; there are {', '.join(NAMES)}")


def _unfit_filter(filter_: dict[str, Any]) -> Iterator[FieldProblem]:
    if len(filter_) > _FILTER_MAX:
        yield FieldProblem("/filter", f"There are more than {_FILTER_MAX} conditions")
    for path, value in filter_.items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(one, _SCALARS) for one in values):
            yield FieldProblem(
                "/filter", f"The value of {path[:100]} is neither a value nor a list of values"
            )
