"""Single-flight, in virtual time: which callers share a call, and how long its result is kept."""

from __future__ import annotations

import asyncio

import pytest

from shared.errors import Retry
from shared.resilience.single_flight import SingleFlight
from tests.support.virtual_time import run_in_virtual_time

CALL_S = 1.0
KEEP_S = 60.0


class NumberedCalls:
    """Makes calls that return their number, so that a test sees which call answered."""

    def __init__(self, *, kept_max: int = 10, fails: bool = False, conclusive: bool = True) -> None:
        self.made = 0
        self.is_current = True
        self._fails = fails
        self._flight: SingleFlight[str, int] = SingleFlight(
            keep_s=KEEP_S,
            kept_max=kept_max,
            is_worth_keeping=lambda _result: conclusive,
            is_current=lambda _result: self.is_current,
        )

    async def get(self, key: str) -> int:
        """Join the call of a key or start it, as a caller does."""
        call = self._flight.find(key) or self._flight.start(key, self._call())
        return await asyncio.shield(call)

    async def close(self) -> None:
        await self._flight.close()

    async def _call(self) -> int:
        self.made += 1
        number = self.made
        await asyncio.sleep(CALL_S)
        if self._fails:
            raise Retry("the provider is away")
        return number


def test_callers_who_ask_during_a_call_share_its_result():
    async def main() -> None:
        calls = NumberedCalls()
        assert await asyncio.gather(*(calls.get("ana") for _ in range(5))) == [1, 1, 1, 1, 1]
        assert calls.made == 1

    run_in_virtual_time(main(), at_most_s=1_000)


def test_different_keys_are_different_calls():
    async def main() -> None:
        calls = NumberedCalls()
        results: list[int] = list(await asyncio.gather(calls.get("ana"), calls.get("ben")))
        assert results == [1, 2]

    run_in_virtual_time(main(), at_most_s=1_000)


def test_a_caller_who_gives_up_leaves_the_call_to_the_others():
    async def main() -> None:
        calls = NumberedCalls()
        impatient = asyncio.create_task(calls.get("ana"))
        patient = asyncio.create_task(calls.get("ana"))
        await asyncio.sleep(CALL_S / 2)
        impatient.cancel()
        assert await patient == 1
        assert calls.made == 1

    run_in_virtual_time(main(), at_most_s=1_000)


@pytest.mark.parametrize(("later_s", "number"), [(KEEP_S / 2, 1), (KEEP_S * 2, 2)])
def test_a_result_is_kept_for_a_while(later_s: float, number: int):
    async def main() -> None:
        calls = NumberedCalls()
        await calls.get("ana")
        await asyncio.sleep(later_s)
        assert await calls.get("ana") == number

    run_in_virtual_time(main(), at_most_s=1_000)


def test_a_result_that_is_not_worth_keeping_is_asked_for_again():
    async def main() -> None:
        calls = NumberedCalls(conclusive=False)
        assert [await calls.get("ana"), await calls.get("ana")] == [1, 2]

    run_in_virtual_time(main(), at_most_s=1_000)


def test_a_kept_result_that_is_not_current_any_more_is_asked_for_again():
    async def main() -> None:
        calls = NumberedCalls()
        await calls.get("ana")
        calls.is_current = False
        assert await calls.get("ana") == 2

    run_in_virtual_time(main(), at_most_s=1_000)


def test_the_timer_of_an_older_call_does_not_forget_a_newer_one():
    async def main() -> None:
        calls = NumberedCalls()
        await calls.get("ana")
        await asyncio.sleep(KEEP_S / 2)
        calls.is_current = False
        await calls.get("ana")
        calls.is_current = True
        await asyncio.sleep(KEEP_S * 0.6)
        assert await calls.get("ana") == 2

    run_in_virtual_time(main(), at_most_s=1_000)


def test_a_failure_reaches_every_caller_and_is_not_kept():
    async def main() -> None:
        calls = NumberedCalls(fails=True)
        results = await asyncio.gather(calls.get("ana"), calls.get("ana"), return_exceptions=True)
        assert [type(result) for result in results] == [Retry, Retry]
        with pytest.raises(Retry):
            await calls.get("ana")
        assert calls.made == 2

    run_in_virtual_time(main(), at_most_s=1_000)


def test_no_more_results_are_kept_than_the_bound():
    async def main() -> None:
        calls = NumberedCalls(kept_max=2)
        for key in ("ana", "ben", "cem"):
            await calls.get(key)
        results = [await calls.get("ana"), await calls.get("ben"), await calls.get("cem")]
        assert results == [1, 2, 4]

    run_in_virtual_time(main(), at_most_s=1_000)


def test_closing_cancels_what_is_in_flight():
    async def main() -> None:
        calls = NumberedCalls()
        waiting = asyncio.create_task(calls.get("ana"))
        await asyncio.sleep(CALL_S / 2)
        await calls.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run_in_virtual_time(main(), at_most_s=1_000)
