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

import msgspec
import uvloop

from shared.worker.process import collect_rarely
from tests.bench.figure import Figure
from tests.bench.services import Services, services

FIGURES = (
    "hop",
    "accept",
    "path",
    "usual",
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*FIGURES, []], metavar="NAME", help=", ".join(FIGURES))
    names: list[str] = parser.parse_args().names or list(FIGURES)
    benches: Mapping[str, Bench] = {
        name: getattr(import_module(f"tests.bench.{name}"), name) for name in names
    }
    figures: list[Figure] = []
    collect_rarely()  # as a process of Baton does; the floors have it too
    with services() as running:
        for bench in benches.values():
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                figure = runner.run(_awaited(bench, running))
            print(*figure.lines(), sep="\n", flush=True)
            figures.append(figure)
    machine = {"python": platform.python_version(), "machine": platform.platform()}
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode({**machine, "figures": figures}), indent=2))


async def _awaited(bench: Bench, running: Services) -> Figure:
    return await bench(running)


if __name__ == "__main__":
    main()
