"""`backtest`: leads a second of a replay in two worlds, against decoding the events that it reads and nothing else.

There is no goal for the ratio: what is aimed at is 100,000 leads in two minutes on one core. It is computed in
a worker process, as the ledger does; what is counted is the processor time of that process, and its memory.
A month of few leads is taken off, since reading the versions of the policy takes as long for it as for many.

`python -m tests.bench.backtest LEADS [DIRECTORY]` runs one backtest of a month with so many leads, and prints
what each tenth of it took. The history is kept in the directory, where the next run finds it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

import psutil
from msgspec import Struct

from services.ledger.backtest import process
from services.ledger.backtest.process import BacktestOrder
from services.ledger.backtest.work_file import instant
from shared.lead.events.envelope import decode_data
from shared.lead.events.registry import BY_NAME
from tests.bench.figure import Figure, Rounds
from tests.bench.services import Services
from tests.support.event_file import EventFile
from tests.support.generated_month import generated_month, month_policy, month_texts

_FEW: Final = 200
_LEADS: Final = 1_500
_ROUNDS: Final = 3
_AIM_S: Final = 120
_OF: Final = 100_000
_MIB: Final = 1_024 * 1_024
_TOGETHER: Final = 5_000

T = TypeVar("T")
_OTHER_BANDS: Final = ("[A3, B2, B3", "[A3, A4, B2, B3")


class _Usage(Struct, frozen=True):
    """What the worker process has used: processor time in seconds, and its memory in MiB now."""

    cpu: float
    memory: int


async def backtest(_services: Services, leads: int = _LEADS) -> Figure:
    """Measure the figure: a month with two changes of the policy, and a candidate with another rule."""
    figures, details = list[Rounds](), list[str]()
    with TemporaryDirectory() as folder:
        months = [_month(Path(folder), count) for count in (_FEW, _FEW + leads)]
        for name, texts in _candidates(leads).items():
            rounds, memory = Rounds([], []), (0, 0)
            for _ in range(_ROUNDS):
                took, floors = list[float](), list[float]()
                for month in months:
                    floors.append(_decoding(month))
                    steps = [*_steps(month, leads, texts, Path(folder) / "work.db")]
                    took.append(steps[-1].cpu)
                    memory = steps[0].memory, max(step.memory for step in steps)
                rounds.baton.append(leads / (took[1] - took[0]))
                rounds.floor.append(leads / (floors[1] - floors[0]))
            rate = median(rounds.baton)
            details.append(
                f"{rate:,.0f} leads/s, {name}; {_OF:,} leads in {_OF / rate:,.0f} s (aim: {_AIM_S} s); floor "
                f"{median(rounds.floor):,.0f} leads/s (medians of {_ROUNDS} rounds); {memory[0]:,} MiB before the"
                f" first step, at most {memory[1]:,} MiB"
            )
            figures.append(rounds)
        details.append(f"{len(months[1]) / (_FEW + leads):.1f} events a lead, {leads:,} leads")
    return Figure("backtest", round(figures[0].ratio, 3), None, details)


def _month(folder: Path, leads: int) -> EventFile:
    """Return the events of a month with so many leads, made unless they are in the folder."""
    path = folder / f"month-{leads}.db"
    is_there = path.exists()
    events = EventFile(path)
    if not is_there:
        generated_month(leads, max_open=_max_open(leads), kept=events)
        events.commit()
    return events


def _max_open(leads: int) -> int:
    """Return how many open leads a rep may have, so that few wait in a month of so many."""
    return max(500, leads // 10)


def _candidates(leads: int) -> dict[str, dict[str, str]]:
    """Return the texts of a candidate with another rule, and of one that scores otherwise, too."""
    candidate = month_texts(500, 300, "JP", _max_open(leads))
    scored = {**candidate, "scoring.yaml": candidate["scoring.yaml"].replace(*_OTHER_BANDS)}
    return {"recorded scores": candidate, "scored again": scored}


def _decoding(month: EventFile) -> float:
    """Return the processor time in seconds that it takes to decode all events."""
    took = 0.0
    for type_, data in month.data():
        began = time.process_time()
        decode_data(BY_NAME[type_], data)
        took += time.process_time() - began
    return took


def _steps(month: EventFile, leads: int, texts: dict[str, str], path: Path) -> Iterator[_Usage]:
    """Yield what the worker process has used: with the plan, after each call, and at the end.

    The processor time is that since it has read the candidate.
    """
    policies = [(*one, "", _max_open(leads)) for one in ((1_000, 100), (500, 100), (500, 300))]
    versions = {month_policy(*one).version: month_texts(*one) for one in policies}
    order = BacktestOrder(texts, versions, until=instant(month.last_at()))
    with _worker() as call:
        call(process.begin, path, order)
        began = call(_usage).cpu

        def used() -> _Usage:
            usage = call(_usage)
            return _Usage(usage.cpu - began, usage.memory)

        for events in month.recorded(_TOGETHER):
            call(process.add, events)
        call(process.plan)
        yield used()
        while steps := call(process.next_steps)[1]:
            ids = {step.id for step in steps} | {step.effect for step in steps}
            call(process.feed, steps, month.stored(ids))
            yield used()
        call(process.finish)
        yield used()
        call(process.end)
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


@contextmanager
def _worker() -> Iterator[Callable[..., Any]]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=process.start) as pool:

        def call(work: Callable[..., T], *given: Any) -> T:
            return pool.submit(partial(work, *given)).result()

        yield call


def _usage() -> _Usage:
    """Return what this process has used."""
    return _Usage(time.process_time(), psutil.Process().memory_info().rss // _MIB)


def main(leads: int, folder: Path) -> None:
    month = _month(folder, leads)
    for name, texts in _candidates(leads).items():
        usages = [*_steps(month, leads, texts, folder / "work.db")]
        tenth, before = max(len(usages) // 10, 1), usages[0]
        print(
            f"{name}: {leads:,} leads, {len(month):,} events, plan {before.cpu:,.1f} s, {before.memory} MiB"
        )
        for number, usage in enumerate(usages[tenth::tenth], 1):
            print(f"  {number} tenth: {usage.cpu - before.cpu:,.1f} s, {usage.memory:,} MiB")
            before = usage
        rate = leads / usages[-1].cpu
        print(f"  {rate:,.0f} leads/s, at most {max(one.memory for one in usages):,} MiB", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "."))
