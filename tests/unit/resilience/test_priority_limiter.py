"""The limiter of calls in virtual time: rate, concurrency, lanes, patience."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from random import Random

import pytest

from shared.resilience.priority_limiter import WINDOW_S, PriorityLimiter, Turn
from tests.support.virtual_time import run_in_virtual_time

URGENT, LATER, LAST = 0, 1, 2


class Calls:
    """Calls of a limited service: who began when, in which order."""

    def __init__(self, per_second: int = 1_000, in_flight: int = 1_000, *, takes_s: float = 0.0) -> None:
        now_s = asyncio.get_running_loop().time
        self.limiter = PriorityLimiter(per_second, in_flight, lanes=3, urgent=1, monotonic_s=now_s)
        self.began: list[tuple[str, float]] = []
        self.turned_away: list[str] = []
        self.running_max = 0
        self._running = 0
        self._takes_s = takes_s

    async def call(self, name: str, lane: int = URGENT, patience_s: float = 1_000) -> None:
        await self.call_in(Turn(lane, patience_s), name)

    async def call_in(self, turn: Turn, name: str) -> None:
        if not await self.limiter.acquire(turn):
            self.turned_away.append(name)
            return
        self.began.append((name, asyncio.get_running_loop().time()))
        self._running += 1
        self.running_max = max(self.running_max, self._running)
        try:
            await asyncio.sleep(self._takes_s)
        finally:
            self._running -= 1
            self.limiter.release()

    @property
    def names(self) -> list[str]:
        return [name for name, _at in self.began]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_no_more_calls_begin_in_any_second_than_allowed():
    async def main() -> None:
        calls, random = Calls(per_second=7), Random(5)
        async with asyncio.TaskGroup() as tasks:
            for number in range(100):
                tasks.create_task(calls.call(str(number), random.randrange(3)))
                await asyncio.sleep(random.choice((0, 0, 0.01, 0.3)))
        times = [at for _name, at in calls.began]
        assert len(times) == 100
        assert all(
            later - earlier >= WINDOW_S - 1e-5 for earlier, later in zip(times, times[7:], strict=False)
        )

    run_in_virtual_time(main(), at_most_s=60)


def test_no_more_calls_run_at_a_time_than_allowed():
    async def main() -> None:
        calls = Calls(in_flight=3, takes_s=1)
        await asyncio.gather(*(calls.call(str(number)) for number in range(10)))
        assert (calls.running_max, len(calls.began)) == (3, 10)

    run_in_virtual_time(main(), at_most_s=10)


def test_lower_lanes_go_first_and_each_lane_in_the_order_of_arrival():
    async def main() -> None:
        calls = Calls(per_second=1)
        await calls.call("before")
        async with asyncio.TaskGroup() as tasks:
            for name, lane in [
                ("e", LAST),
                ("c", LATER),
                ("a", URGENT),
                ("f", LAST),
                ("d", LATER),
                ("b", URGENT),
            ]:
                tasks.create_task(calls.call(name, lane))
        assert calls.names == ["before", *"abcdef"]

    run_in_virtual_time(main(), at_most_s=30)


def test_a_part_of_the_rate_and_of_the_slots_is_reserved_for_urgent_calls():
    async def main() -> None:
        calls = Calls(per_second=10, in_flight=5, takes_s=60)
        later = [asyncio.create_task(calls.call(str(number), LATER)) for number in range(20)]
        await settle()
        assert len(calls.began) == 4
        await calls.call("urgent", patience_s=0)
        assert calls.names[-1] == "urgent"
        for task in later:
            task.cancel()
        await asyncio.gather(*later, return_exceptions=True)

    run_in_virtual_time(main(), at_most_s=61)


def test_a_caller_leaves_when_its_patience_ends_and_nobody_waits_behind_it():
    async def main() -> None:
        calls = Calls(in_flight=1, takes_s=5)
        async with asyncio.TaskGroup() as tasks:
            for name, patience_s in [("a", 0), ("b", 1), ("c", 0), ("d", 100)]:
                tasks.create_task(calls.call(name, patience_s=patience_s))
        assert (calls.names, calls.turned_away) == (["a", "d"], ["c", "b"])

    run_in_virtual_time(main(), at_most_s=30)


def test_a_turn_that_is_promoted_waits_behind_those_of_its_new_lane():
    async def main() -> None:
        calls = Calls(per_second=1)
        await calls.call("before")
        promoted = Turn(LAST, 100)
        async with asyncio.TaskGroup() as tasks:
            for name, lane in [("y", LAST), ("b", LATER), ("a", URGENT)]:
                tasks.create_task(calls.call(name, lane))
            tasks.create_task(calls.call_in(promoted, "p"))
            await settle()
            promoted.promote(URGENT)
            promoted.promote(LAST)  # never back
            assert promoted.lane == URGENT
        assert calls.names == ["before", "a", "p", "b", "y"]

    run_in_virtual_time(main(), at_most_s=30)


def test_the_expected_wait_is_that_of_a_caller_who_enters_now():
    async def main() -> None:
        calls, expected = Calls(per_second=3), {}
        async with asyncio.TaskGroup() as tasks:
            for number in range(20):
                now_s = asyncio.get_running_loop().time()
                expected[str(number)] = now_s + calls.limiter.wait_s(URGENT)
                tasks.create_task(calls.call(str(number)))
                await asyncio.sleep(0.05)
        assert dict(calls.began) == pytest.approx(expected, abs=0.001)

    run_in_virtual_time(main(), at_most_s=60)


def test_turning_away_lets_nobody_wait():
    async def main() -> None:
        calls = Calls(per_second=1)
        await calls.call("a")
        async with asyncio.TaskGroup() as tasks:
            for name, lane in [("b", URGENT), ("c", LATER)]:
                tasks.create_task(calls.call(name, lane))
            await settle()
            calls.limiter.turn_away()
        assert (calls.names, calls.turned_away) == (["a"], ["b", "c"])
        await calls.call("d")
        assert calls.names == ["a", "d"]

    run_in_virtual_time(main(), at_most_s=30)


def test_a_caller_that_is_cancelled_takes_nothing_from_others():
    async def main() -> None:
        calls, random = Calls(in_flight=2, per_second=5, takes_s=0.1), Random(3)
        tasks = [asyncio.create_task(calls.call(str(number), number % 3)) for number in range(60)]
        while pending := [task for task in tasks if not task.done()]:
            random.choice(pending).cancel()
            await asyncio.sleep(random.choice((0, 0.01, 0.4)))
        async with asyncio.timeout(3):
            await asyncio.gather(calls.call("x"), calls.call("y"))
        assert calls.running_max == 2
        at = [at for name, at in calls.began if name in "xy"]
        assert all(later - earlier < 0.1 for earlier, later in pairwise(at)), "both slots are free"

    run_in_virtual_time(main(), at_most_s=100)
