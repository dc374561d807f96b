"""`python -m tests.bench [NAME …]`: measure, print a line per figure, and write `bench.json`.

A figure is no assertion: the exit code says only whether everything could be measured.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from pathlib import Path
from statistics import median

import msgspec
import uvloop
from msgspec import Struct

from shared.worker.process import collect_rarely
from tests.bench.figure import Figure
from tests.bench.services import Services, services

FIGURES = (
    "hop",
    "accept",
    "path",
    "deliver",
    "scale_out",
    "usual",
    "latency",
    "idle",
    "growth",
    "embedded",
    "score",
    "route",
    "backtest",
    "rules",
    "enrich",
    "credits",
    "first_lookup",
    "qualification",
    "preset",
    "timers",
    "reports",
    "matching",
)
RESULT = Path("bench.json")

Bench = Callable[[Services], Awaitable[Figure]]


class FigureRuns(Struct, frozen=True):
    """A figure that was measured once a run."""

    runs: list[Figure]

    def summary(self) -> str:
        """Return the median ratio of the runs with its goal, and the least and the greatest."""
        ratios = [figure.ratio for figure in self.runs]
        goal = self.runs[0].goal
        aim = "" if goal is None else f" goal={goal}"
        return f"{self.runs[0].name} ratio={median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}){aim}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*FIGURES, []], metavar="NAME", help=", ".join(FIGURES))
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="measure each figure so often")
    options = parser.parse_args()
    names: list[str] = options.names or list(FIGURES)
    benches: Mapping[str, Bench] = {
        name: getattr(import_module(f"tests.bench.{name}"), name) for name in names
    }
    measured: dict[str, list[Figure]] = {name: [] for name in names}
    collect_rarely()  # as a process of Baton does; the floors have it too
    with services() as running:
        for _ in range(options.runs):
            for name, bench in benches.items():
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    figure = runner.run(_awaited(bench, running))
                print(*figure.lines(), sep="\n", flush=True)
                measured[name].append(figure)
                _write([FigureRuns(runs) for runs in measured.values() if runs])
    if options.runs > 1:
        print("", *(FigureRuns(runs).summary() for runs in measured.values()), sep="\n")


def _write(figures: list[FigureRuns]) -> None:
    """Write what was measured until now: a run takes long, and may be cut short."""
    machine = {"python": platform.python_version(), "machine": platform.platform()}
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode({**machine, "figures": figures}), indent=2))


async def _awaited(bench: Bench, running: Services) -> Figure:
    return await bench(running)


if __name__ == "__main__":
    main()
