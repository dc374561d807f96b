"""Which events a client of the event stream wants to hear: types, and what they are about. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from services.gateway.domain.event_filters import (
    compiled_filter,
    expanded,
    filter_problems,
    has_field,
    is_flat,
)
from services.gateway.domain.subscriptions import STREAM_NAMES, STREAMED_EVENTS, named_events
from shared.errors import FieldProblem
from shared.webhooks import EVERYTHING

EventSelection = Callable[[str, Struct, datetime], bool]
"""Returns whether the client wants an event, by its short type, its data and the present time."""

_PATHS: Final[Mapping[str, Sequence[str]]] = {
    "queue": ("decision.queue", "previous_queue"),
    "owner": ("decision.owner", "previous_owner", "rep"),
    "lead_id": ("lead_id",),
    "account": ("account",),
}
"""Where an event names what a parameter asks for: also the queue or the owner that a lead has left."""


def select_events(
    types: Sequence[str],
    about: Mapping[str, Sequence[str]],
    filter_: Mapping[str, Any] | None = None,
    *,
    only_of_rep: str | None = None,
) -> EventSelection | list[FieldProblem]:
    """Return the selection, or why it is wrong or can never select an event.

    `types` are names, families or `*`, all when it is empty. `about` has for `queue`, `owner`, `lead_id` and
    `account` the values of which an event must have one. `filter_` is that of a subscription. With
    `only_of_rep` only events count that are about a lead which the rep has or had, and the rep's own actions.
    """
    if unknown := [name for name in types if name not in STREAM_NAMES]:
        there_are = f"There is no event {unknown[0][:100]}; there are {', '.join(STREAM_NAMES)}"
        return [FieldProblem("/types", there_are)]
    wanted = types or [EVERYTHING]
    names = named_events(wanted, STREAMED_EVENTS)
    parts: list[Mapping[str, Any]] = []
    asked = [(parameter, values) for parameter, values in about.items() if values]
    asked += [("owner", [only_of_rep])] if only_of_rep else []
    for parameter, values in asked:
        paths = [path for path in _PATHS[parameter] if has_field(names, path)]
        if not paths:
            return [FieldProblem(f"/{parameter}", "None of these events says that")]
        parts.append({"any": [{"field": path, "in": [*values]} for path in paths]})
    if filter_ and (problems := filter_problems(wanted, filter_, STREAMED_EVENTS)):
        return problems
    if filter_:
        parts.append(expanded(filter_) if is_flat(filter_) else filter_)
    chosen = frozenset(names)
    if not parts:
        return lambda short, _data, _now: short in chosen
    condition = {"all": parts}
    if problems := filter_problems(wanted, condition, STREAMED_EVENTS):
        return problems
    matches = compiled_filter(wanted, condition, STREAMED_EVENTS)
    return lambda short, data, now: short in chosen and matches(data, now)
