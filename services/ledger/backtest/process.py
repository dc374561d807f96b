"""The process that computes a backtest, so that it never holds up the recording of events.

The ledger reads the database and passes events on; each function here is one call of its only worker process,
which runs at a low priority. It has no connection to anything.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from multiprocessing import parent_process
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from services.ledger.backtest.engine import Backtest, Window
from services.ledger.backtest.replayed_world import WorldPolicy
from services.ledger.backtest.work_file import PlannedStep, RecordedEvent, StoredEvent, WorkFile
from services.ledger.domain.backtest.report import BacktestReport, Move, ReplayQuality, Terms, report_of
from services.ledger.domain.backtest.segment import segment_test
from shared.policy.compiled import CompiledPolicy, compiled
from shared.policy.load import PolicyInvalid, load
from shared.private_files import make_private_database

_NICENESS: Final = 10
_OBJECTS_TO_COLLECT: Final = 100_000
"""Looking for garbage after every 700 new objects, as is the default, takes a tenth of the time."""
_SCORED_BY: Final = ("icp.yaml", "scoring.yaml", "accounts.yaml")
CHUNK: Final = 500
"""The steps of one call: a few tenths of a second."""


class BacktestOrder(Struct, frozen=True):
    """What to compute. `candidate` are the texts of the candidate, None to decide all as it was decided.

    `versions` are the texts of every version that had been applied by the end of the history.
    """

    candidate: Mapping[str, str] | None
    versions: Mapping[str, Mapping[str, str]]
    since: datetime | None = None
    until: datetime | None = None
    segment: str | None = None


class _Run(Struct):
    """The backtest of this process."""

    order: BacktestOrder
    file: WorkFile
    with_scores: bool
    backtest: Backtest
    candidate: CompiledPolicy | None


_runs: list[_Run] = []


def start() -> None:
    """Give way to everybody else, leave signals to the ledger, and end when it has ended.

    A terminal and a service manager send their signals to all processes of a service.
    """
    os.nice(_NICENESS)
    gc.freeze()
    gc.set_threshold(_OBJECTS_TO_COLLECT)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    ledger = parent_process()

    def end_with_ledger() -> None:
        if ledger is not None:
            ledger.join()
            os._exit(1)

    threading.Thread(target=end_with_ledger, daemon=True).start()


def begin(path: Path, order: BacktestOrder) -> int:
    """Open the file of a backtest, a new one or one that is half done; return the number of planned steps.

    0 while nothing is planned: the events have to be added first. Raises `PolicyInvalid`.
    """
    end()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_private_database(path)
    os.environ["SQLITE_TMPDIR"] = str(path.parent)  # what it sorts may be too much for /tmp
    file = WorkFile(path)
    candidate = compiled(load(order.candidate)) if order.candidate is not None else None

    @cache
    def policy_of(version: str) -> WorldPolicy | None:
        texts = order.versions.get(version)
        try:
            return WorldPolicy.of(compiled(load(texts))) if texts is not None else None
        except PolicyInvalid:
            return None  # it was written for another release

    new = WorldPolicy.of(candidate) if candidate is not None else None
    window = Window(order.since, order.until, segment_test(order.segment))
    with_scores = candidate is None or _scores_otherwise(order)
    backtest = Backtest(file, new, policy_of, window, with_scores=with_scores)
    _runs.append(_Run(order, file, with_scores, backtest, candidate))
    return file.planned()


def add(events: Sequence[RecordedEvent]) -> None:
    """Add events to what is replayed."""
    _runs[0].file.add_recorded(events)
    _runs[0].file.commit()


def plan() -> int:
    """Put what was added in order; return the number of steps."""
    run = _runs[0]
    steps = run.file.plan(with_scores=run.with_scores)
    run.file.commit()
    return steps


def next_steps() -> tuple[int, list[PlannedStep]]:
    """Return how many steps are done, and those that come next; none at the end."""
    backtest = _runs[0].backtest
    return backtest.position, backtest.next_steps(CHUNK)


def feed(steps: Sequence[PlannedStep], events: Sequence[StoredEvent]) -> int:
    """Decide the steps on the events that they name; return how many steps are done in all."""
    backtest = _runs[0].backtest
    backtest.feed(steps, events)
    return backtest.position


def save() -> None:
    """Keep all that was fed, to go on from there in another process."""
    _runs[0].backtest.save()


def finish() -> tuple[bytes, int]:
    """Return the report as canonical JSON, and the number of moves, which `moves` returns."""
    run = _runs[0]
    until = run.order.until or run.file.last_at()
    run.backtest.finish(until)
    notes = run.backtest.notes
    replay = ReplayQuality(notes.decisions, notes.otherwise, sorted(notes.unknown_versions), run.with_scores)
    figures = (run.backtest.recorded.figures, run.backtest.candidate.figures)
    found = 0

    def keep(move: Move) -> None:
        nonlocal found
        found += 1
        run.file.put_move(found, canonical(move))

    terms = Terms(run.candidate.version if run.candidate else None, run.order.since, until, run.order.segment)
    report: BacktestReport = report_of(terms, run.backtest.pairs(), figures, replay, on_move=keep)
    run.file.commit()
    return canonical(report), found


def moves(after: int, limit: int) -> list[tuple[int, bytes]]:
    """Return the moves that follow the one of that number, each with its number, as JSON."""
    return _runs[0].file.moves(after, limit)


def end() -> None:
    """Close the file; what was saved stays in it."""
    while _runs:
        _runs.pop().file.close()


def canonical(value: Struct) -> bytes:
    """Return a value as the same bytes each time."""
    return msgspec.json.encode(value, order="sorted")


def _scores_otherwise(order: BacktestOrder) -> bool:
    """Tell whether any version of the history may score otherwise than the candidate."""
    candidate = order.candidate or {}
    return any(
        texts.get(name) != candidate.get(name) for texts in order.versions.values() for name in _SCORED_BY
    )
