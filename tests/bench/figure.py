"""One figure: Baton against a floor, measured in turns within the same run, because machines are noisy."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from typing import Final

from msgspec import Struct, field

ROUNDS: Final = 5

Measure = Callable[[], Awaitable[float]]
"""Do the work once; return how many a second."""


class Figure(Struct, frozen=True):
    """`ratio` is what counts; `details` are lines that say what it is made of. Without a goal it only tells."""

    name: str
    ratio: float
    goal: float | None
    details: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        goal = "" if self.goal is None else f" goal={self.goal}"
        return [f"{self.name} ratio={self.ratio:.2f}{goal}", *(f"  {line}" for line in self.details)]


class Rounds(Struct, frozen=True):
    """What each side did a second, round by round."""

    baton: list[float]
    floor: list[float]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios: both sides of a round had the same machine."""
        return median(mine / bare for mine, bare in zip(self.baton, self.floor, strict=True))

    def figure(
        self, name: str, goal: float, unit: str, details: Sequence[str] = (), *, other: str = "floor"
    ) -> Figure:
        per_round = " ".join(f"{mine / bare:.2f}" for mine, bare in zip(self.baton, self.floor, strict=True))
        summary = (
            f"baton {median(self.baton):,.0f} {unit}/s, {other} {median(self.floor):,.0f} {unit}/s"
            f" (medians of {len(self.baton)} rounds; ratios {per_round})"
        )
        return Figure(name, round(self.ratio, 3), goal, [summary, *details])


async def in_turns(baton: Measure, floor: Measure, rounds: int = ROUNDS) -> Rounds:
    """Measure both in turns, each first in every other round, after one of each that does not count."""
    await floor()
    await baton()
    measured = Rounds([], [])
    for number in range(rounds):
        sides = [(baton, measured.baton), (floor, measured.floor)]
        for measure, results in sides if number % 2 else reversed(sides):
            results.append(await measure())
    return measured


def microseconds(times: int, work: Callable[[], object]) -> float:
    """Return how much CPU `work` takes, done so often: the least of some rounds, for whatever else runs only adds to it."""
    rounds: list[float] = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(times):
            work()
        rounds.append((time.process_time() - began) / times * 1e6)
    return min(rounds)
