"""A unit of work that the database refuses is halved until the refused event stands alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Crash, DataError, Retry
from shared.lead.events.envelope import Event
from shared.lead.events.person_erased import PersonErasedV1
from shared.worker.decision import Outcome
from shared.worker.unit_of_work import Result, UnitOfWork
from tests.support.fixed_clock import FixedClock
from tests.support.virtual_time import run_in_virtual_time

AT = datetime(2026, 3, 2, tzinfo=UTC)


class RefusingUnit(UnitOfWork):
    """Attempts that fail as a whole when they hold a refused event; notes the ids of each attempt."""

    def __init__(self, refused: set[str], failures: Sequence[Exception] = ()) -> None:
        absent = cast("Any", None)
        super().__init__(absent, absent, absent, absent, FixedClock(AT), keyed_hash=lambda lead_id: lead_id)
        self._refused = refused
        self._failures = list(failures)
        self.attempts: list[list[str]] = []

    async def _attempt(self, events: Sequence[Event[Any]]) -> Result:
        self.attempts.append([event.id for event in events])
        if self._failures:
            raise self._failures.pop(0)
        if any(event.id in self._refused for event in events):
            raise DataError("a check is violated", kind="database")
        return Result(
            outbox_ids=[len(self.attempts)], outcomes=[(event, Outcome.APPLIED) for event in events]
        )


def events(number: int) -> list[Event[Any]]:
    data = PersonErasedV1(lead_ids=[], email_hash="", at=AT)
    return [Event(str(n), "/t", "baton.person.erased.v1", "", AT, data) for n in range(number)]


def run(unit: UnitOfWork, number: int) -> Result:
    return run_in_virtual_time(unit.run(events(number)), at_most_s=60)


@given(st.integers(0, 40).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, max(n - 1, 0))))))
def test_exactly_the_refused_events_are_rejected_and_the_others_keep_their_order(
    drawn: tuple[int, set[int]],
) -> None:
    number, refused = drawn
    refused = {n for n in refused if n < number}
    result = run(RefusingUnit({str(n) for n in refused}), number)
    assert [event.id for event, _ in result.rejected] == [str(n) for n in sorted(refused)]
    assert [event.id for event, _ in result.outcomes] == [str(n) for n in range(number) if n not in refused]


def test_one_refused_event_among_many_costs_attempts_by_the_logarithm() -> None:
    unit = RefusingUnit({"77"})
    run(unit, 128)
    assert len(unit.attempts) == 2 * 7 + 1


def test_a_unit_without_events_is_not_attempted() -> None:
    unit = RefusingUnit(set())
    assert run(unit, 0) == Result()
    assert unit.attempts == []


def test_the_outbox_rows_of_all_parts_are_returned() -> None:
    result = run(RefusingUnit({"0"}), 4)
    assert len(result.outbox_ids) == 2


@pytest.mark.parametrize("failures", [1, 2, 4])
def test_a_transaction_that_came_second_is_tried_again(failures: int) -> None:
    unit = RefusingUnit(set(), [Retry("deadlock")] * failures)
    assert len(run(unit, 2).outcomes) == 2
    assert unit.attempts == [["0", "1"]] * (failures + 1)


def test_after_five_attempts_the_consumer_is_left_to_wait() -> None:
    unit = RefusingUnit(set(), [Retry("the database is away")] * 10)
    with pytest.raises(Retry):
        run(unit, 1)
    assert len(unit.attempts) == 5


def test_the_pauses_between_attempts_grow() -> None:
    times: list[float] = []

    class Timed(RefusingUnit):
        async def _attempt(self, events: Sequence[Event[Any]]) -> Result:
            times.append(asyncio.get_running_loop().time())
            return await super()._attempt(events)

    run(Timed(set(), [Retry("deadlock")] * 4), 1)
    pauses = [later - before for before, later in pairwise(times)]
    assert all(0.005 * 2**n <= pause <= 0.02 * 2**n + 0.001 for n, pause in enumerate(pauses, 1))


def test_a_crash_is_not_halved() -> None:
    unit = RefusingUnit(set(), [Crash("no such table")])
    with pytest.raises(Crash):
        run(unit, 8)
    assert len(unit.attempts) == 1
