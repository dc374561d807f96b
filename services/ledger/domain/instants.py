"""The instants of a lead's way from form to first action, read from its history. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from services.ledger.domain.assignments import assignments_of
from services.ledger.domain.lead_history import EPOCH, LeadHistory, milliseconds


class LeadInstants(Struct, frozen=True):
    """When each of these first happened to a lead, in whole milliseconds, None for what has not happened.

    It came in (`captured`), had its first score and could be decided (`eligible`), got a decision of the
    router (`decided`) and an owner (`assigned`), whose delivery arrived (`notified`), an owner accepted it,
    and an owner acted on it or reported an outcome (`first_action`).
    """

    captured: datetime | None = None
    eligible: datetime | None = None
    decided: datetime | None = None
    assigned: datetime | None = None
    notified: datetime | None = None
    accepted: datetime | None = None
    first_action: datetime | None = None


def instants_of(histories: Iterable[LeadHistory], notified: datetime | None = None) -> LeadInstants:
    """Return the instants of a lead, the same in whichever order its events were recorded.

    `histories` are its own and those of the leads that were merged into it.
    """
    first = {} if notified is None else {"notified": milliseconds(notified)}
    for history in histories:
        for name, at in _instants(history):
            first[name] = min(at, first.get(name, at))
    found = {name: EPOCH + timedelta(milliseconds=at) for name, at in first.items()}
    return LeadInstants(**found)


def _instants(history: LeadHistory) -> Iterator[tuple[str, int]]:
    """Yield the instants of one history by name, in milliseconds since 1970; a name may come again later."""
    if history.captured is not None:
        yield "captured", history.captured
    if history.origin is not None:
        yield "eligible", history.origin.at
    for decision in history.decisions[:1]:
        yield "decided", decision.at
    assignments = list(assignments_of(history))
    for one in assignments:
        yield "assigned", one.began.at
        if one.accepted_at is not None:
            yield "accepted", one.accepted_at
            yield "first_action", one.accepted_at
        if one.acted_at is not None:
            yield "first_action", one.acted_at
    if not assignments:
        yield from (("first_action", act.at) for act in history.acts)
