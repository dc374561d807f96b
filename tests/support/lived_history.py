"""A history that the scorer and the router lived in memory, as the ledger would have recorded it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from services.ledger.backtest import process
from services.ledger.backtest.engine import Backtest, Window
from services.ledger.backtest.process import BacktestOrder
from services.ledger.backtest.replayed_world import WorldPolicy
from services.ledger.backtest.work_file import RecordedEvent, StoredEvent, WorkFile
from services.ledger.domain.backtest.paths import LeadPaths, RoutingEvent
from services.router.domain.dispatch import assign_waiting_timer
from services.router.domain.ownership import active_assignment
from services.router.domain.state import AwayRepRow, RoutedLeadRow
from services.router.handlers import RouterHandler
from services.router.policy import routing_policy_of
from services.scorer.handlers import ScorerHandler
from services.scorer.policy import scoring_policy
from shared.lead.events.envelope import Event, decode
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.registry import BY_NAME
from shared.messaging.port import Record
from shared.policy.compiled import CompiledPolicy
from shared.storage.change_set import ChangeSet
from shared.storage.rows import Change, IdentityMap, Put, Remove
from shared.worker.rows import TimerRow
from shared.worker.timers import timer_event
from shared.worker.unit_of_work import Result, fold
from tests.support.event_file import EventFile
from tests.support.scored_leads import event_of

_LAG = timedelta(milliseconds=40)


class _LiveRows(IdentityMap):
    """Rows that know which timers are due next, and which leads wait."""

    def __init__(self) -> None:
        super().__init__()
        self.due: list[tuple[datetime, tuple[str, str, str]]] = []
        self.waiting: dict[str, None] = {}

    def apply(self, changes: Iterable[Change]) -> None:
        changes = list(changes)
        super().apply(changes)
        for change in changes:
            row = change.row if isinstance(change, Put) else None
            if isinstance(row, TimerRow) and row.subject:
                heappush(self.due, (row.due_at, row.key))
            elif isinstance(row, RoutedLeadRow):
                self.waiting.pop(row.lead_id, None)
                if row.waiting_since is not None:
                    self.waiting[row.lead_id] = None

    def all(self, kind: type[Any]) -> Sequence[Any]:
        if kind is not RoutedLeadRow:
            return super().all(kind)
        rows = (self.get(RoutedLeadRow, lead_id) for lead_id in sorted(self.waiting))
        return [row for row in rows if row is not None]

    def next_due(self) -> TimerRow | None:
        """Return the timer that is due next."""
        while self.due:
            timer = self.get(TimerRow, *self.due[0][1])
            if timer is not None and timer.due_at == self.due[0][0]:
                return timer
            heappop(self.due)
        return None


class LivedHistory:
    """Events go to the scorer, what it emits to the router `_LAG` later; timers fire `_LAG` late.

    `events` has all of them as they would be recorded, unless they are `kept` elsewhere. Leads that wait are
    looked at whenever time passes.
    """

    def __init__(self, compiled: CompiledPolicy, at: datetime, kept: EventFile | None = None) -> None:
        self.at = at
        self.events: list[Event[Any]] = []
        self._kept = self.events if kept is None else kept
        self.policies: dict[str, CompiledPolicy] = {}
        self._scored, self._routed = _LiveRows(), _LiveRows()
        self._count = 0
        self.use(compiled)

    def use(self, compiled: CompiledPolicy) -> None:
        """Decide by this policy from now on."""
        self.policies[compiled.version] = compiled
        self._scorer = ScorerHandler(scoring_policy(compiled))
        self._router = RouterHandler(routing_policy_of(compiled))

    def tell(self, *data: msgspec.Struct, source: str = "/baton/enricher") -> None:
        """Let Baton receive these, in one unit of work."""
        events = []
        for one in data:
            self._count += 1
            told = event_of(one, id_=f"told-{self._count:06}", source=source, at=self.at)
            subject = told.subject or BY_NAME[told.type].subject_of(one)
            key = told.key if isinstance(told.key, str) else subject
            events.append(replace(told, subject=subject, key=key))
        self._kept.extend(events)
        self._decide(events)

    def owner(self, lead_id: str) -> str | None:
        """Return the id of the rep who owns the lead."""
        return active_owner(self._routed, lead_id)

    def set_available(self, rep: str, *, available: bool) -> None:
        self._routed.apply([Remove(AwayRepRow, (rep,)) if available else Put(AwayRepRow(rep))])

    def pass_time(self, until: datetime) -> None:
        """Let time pass, with the timers that are due by then."""
        while True:
            timers = [
                timer for rows in (self._scored, self._routed) if (timer := rows.next_due()) is not None
            ]
            first = min(timers, key=lambda timer: timer.due_at, default=None)
            if first is None or first.due_at + _LAG > until:
                break
            self.at = max(self.at, first.due_at + _LAG)
            self._decide([timer_event(first, self.at)])
        self.at = max(self.at, until)
        if self._routed.waiting:
            timer = assign_waiting_timer(self.at)
            self._routed.apply([Put(timer)])
            self._unit(self._router, self._routed, [timer_event(timer, self.at)])

    def _decide(self, events: Sequence[Event[Any]]) -> None:
        scorers = [one for one in events if getattr(one.data, "role", "scorer") == "scorer"]
        routers = [one for one in events if getattr(one.data, "role", "router") == "router"]
        scored = self._unit(self._scorer, self._scored, scorers)
        self.at += _LAG
        routers += [one for one in scored if one.type == "baton.lead.scored.v1"]
        self._unit(self._router, self._routed, routers)

    def _unit(self, handler: Any, rows: IdentityMap, events: Sequence[Event[Any]]) -> list[Event[Any]]:
        result = Result()
        fold(handler, rows, events, self.at, result=result)
        assert not result.rejected, result.rejected
        emitted = [
            decode(Record(out.topic, 0, 0, out.key, out.value, out.headers, 0)) for out in result.outgoing
        ]
        self._kept.extend(emitted)
        return emitted


def active_owner(rows: IdentityMap, lead_id: str) -> str | None:
    assignment = active_assignment(ChangeSet(rows), lead_id)
    return assignment.rep if assignment else None


def recorded(events: Iterable[Event[Any]]) -> Iterator[RecordedEvent]:
    for one in events:
        yield RecordedEvent(
            one.id,
            one.source,
            one.type,
            one.subject,
            one.time,
            one.time,
            one.causation_id,
            getattr(one.data, "sequence", None),
        )


def stored(event: Event[Any]) -> StoredEvent:
    return StoredEvent(
        event.id,
        event.source,
        event.type,
        event.subject,
        event.key,
        event.time,
        event.causation_id,
        event.raw.decode(),
    )


_known: dict[str, WorldPolicy] = {}


def _world_policy(compiled: CompiledPolicy) -> WorldPolicy:
    """Return a version as a backtest uses it, made once: that takes half a second."""
    if compiled.version not in _known:
        _known[compiled.version] = WorldPolicy.of(compiled)
    return _known[compiled.version]


def backtest(
    events: Sequence[Event[Any]],
    policies: Mapping[str, CompiledPolicy],
    candidate: CompiledPolicy | None,
    *,
    with_scores: bool = True,
    path: Path | str = ":memory:",
    chunk: int = 500,
    window: Window | None = None,
    stop_at: int | None = None,
) -> Backtest:
    """Run a backtest over recorded events; without a candidate each is decided by the version that did."""
    known = {version: _world_policy(compiled) for version, compiled in policies.items()}
    file = WorkFile(path)
    file.add_recorded(recorded(events))
    if file.steps(0, 1) == []:
        file.plan(with_scores=with_scores)
    new = _world_policy(candidate) if candidate is not None else None
    run = Backtest(file, new, known.get, window or Window(), with_scores=with_scores)
    by_id: dict[str, Event[Any]] = {}
    for event in events:
        by_id.setdefault(event.id, event)
    while steps := run.next_steps(chunk):
        ids = {step.id for step in steps} | {step.effect for step in steps}
        run.feed(steps, [stored(by_id[id_]) for id_ in ids if id_ in by_id])
        if stop_at is not None and run.position >= stop_at:
            run.save()
            return run
    run.finish(max(event.time for event in events))
    return run


def paths(run: Backtest) -> dict[str, tuple[LeadPaths, LeadPaths]]:
    """Return for each lead its paths in the recorded world and in the candidate's."""
    return {before.lead_id: (before, after) for before, after in run.pairs()}


def final_places(events: Iterable[Event[Any]]) -> dict[str, tuple[str | None, str | None, str]]:
    """Return the queue, owner and rule of each lead by the last event of the router."""
    last: dict[str, Any] = {}
    for event in events:
        if isinstance(event.data, RoutingEvent):
            before = last.get(event.data.lead_id)
            if before is None or before.sequence < event.data.sequence:
                last[event.data.lead_id] = event.data
    return {
        lead_id: (None, None, data.decision.reason)
        if isinstance(data, LeadSuppressedV1)
        else (data.decision.queue, data.decision.owner, data.decision.rule)
        for lead_id, data in last.items()
    }


def computed(
    events: Sequence[Event[Any]], order: BacktestOrder, path: Path, *, stop_at: int | None = None
) -> tuple[bytes, list[bytes]] | None:
    """Run a backtest as the ledger's worker process does; return its report and its moves.

    None if it stopped after `stop_at` steps: another call goes on from the file at `path`.
    """
    by_id: dict[str, Event[Any]] = {}
    for event in events:
        by_id.setdefault(event.id, event)
    try:
        if process.begin(path, order) == 0:
            process.add([*recorded(events)])
            process.plan()
        while steps := process.next_steps()[1]:
            ids = {step.id for step in steps} | {step.effect for step in steps}
            done = process.feed(steps, [stored(by_id[id_]) for id_ in ids if id_ in by_id])
            if stop_at is not None and done >= stop_at:
                process.save()
                return None
        report, _moves = process.finish()
        return report, [move for _number, move in process.moves(0, len(events))]
    finally:
        process.end()
