"""One world of a backtest: rows, policies, and the decisions of the scorer and the router on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace as replace_fields
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from services.ledger.backtest.replay_rows import ReplayRows
from services.ledger.backtest.work_file import WorkFile, micros
from services.ledger.domain.backtest.figures import Figures
from services.ledger.domain.backtest.paths import LeadPaths, RoutingEvent, path_of
from services.router.domain.dispatch import assign_waiting_timer, dispatch
from services.router.domain.lead_ref import LeadAliasRow
from services.router.domain.ownership import ROLE as ROUTER
from services.router.domain.ownership import active_assignment
from services.router.domain.state import AssignmentRow, RepRow, RoutedLeadRow
from services.router.policy import RoutingPolicy, routing_policy_of
from services.scorer.domain.decide import decide
from services.scorer.domain.rescore import RESCORE
from services.scorer.domain.state import RescoreRow
from services.scorer.domain.update_score import ROLE as SCORER
from services.scorer.domain.update_score import ScoringContext
from services.scorer.policy import ScoringPolicy, scoring_policy
from shared.errors import DataError
from shared.lead.events.envelope import Emit, Event, emitted
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.ownership_change import OwnershipChange
from shared.policy.compiled import CompiledPolicy
from shared.storage.change_set import ChangeSet
from shared.storage.rows import Change, Put
from shared.worker.rows import TimerRow
from shared.worker.timers import TIMER_TYPE, timer_event

_WAITING_PER_QUEUE_MAX: Final = 50


class WorldPolicy(Struct, frozen=True):
    """One version of the policy, as both stages use it."""

    version: str
    scoring: ScoringPolicy
    routing: RoutingPolicy

    @classmethod
    def of(cls, compiled: CompiledPolicy) -> WorldPolicy:
        """Return a version of the policy as a replay uses it: without briefs, which nobody reads."""
        routing = replace_fields(routing_policy_of(compiled), writes_briefs=False)
        return cls(compiled.version, scoring_policy(compiled), routing)


class ReplayedWorld:
    """Decides nothing before it has a policy. `changed` has what was emitted since it was emptied."""

    def __init__(self, name: str, file: WorkFile, policy: WorldPolicy | None) -> None:
        self.name = name
        self.rows = ReplayRows(file, name)
        self.policy = policy
        self.figures = Figures()
        self.waiting: dict[str, str] = {}
        self.counts = False
        self.changed: dict[str, list[RoutingEvent]] = {}
        self._file = file

    def route(self, event: Event[LeadScoredV1], at: datetime) -> None:
        """Decide on a scored lead."""
        data = event.data
        self.rows.apply(Put(LeadAliasRow(merged, data.lead_id)) for merged in data.merged)
        self.decide(event, at)
        if self.counts and (paths := self.rows.get(LeadPaths, data.lead_id)) is not None:
            paid = paths.with_cost(data.revision, data.enrichment.cost)
            if paid != paths:
                self.rows.apply([Put(paid)])

    def decide(self, event: Event[Any], at: datetime) -> None:
        """Let the router decide on an event; one that cannot be decided changes nothing, as live."""
        if self.policy is None:
            return
        try:
            step = dispatch(self.rows, self.policy.routing, event, at)
        except DataError:
            return
        self._apply(step.changes)
        self._tell(step.emits)

    def score(self, event: Event[Any], at: datetime) -> list[Event[LeadScoredV1]]:
        """Let the scorer decide on an event; return the scores that nothing in the record says when to route.

        The others are kept until the instant at which the live router decided on them.
        """
        changes = ChangeSet(self.rows)
        if self.policy is None:
            return []
        try:
            decide(changes, ScoringContext(self.policy.scoring, at), event)
        except DataError:
            return []
        self.rows.apply(changes.changes)
        new: list[Event[LeadScoredV1]] = []
        for ordinal, emit in enumerate(changes.emits):
            if isinstance(emit.data, LeadReceivedV1):
                self.figures.asked_for += self.counts and not self._file.was_enriched(emit.subject)
            if not isinstance(emit.data, LeadScoredV1):
                continue
            scored = emitted(emit, by=SCORER, cause=event, ordinal=ordinal, at=at)
            if self._file.was_scored(scored.subject, event.id):
                self._file.put_pending(self.name, scored.subject, event.id, scored.raw)
            else:
                new.append(scored)
        return new

    def fire(self, timer: TimerRow, at: datetime) -> None:
        """Decide a timer that is due, and route what it scored."""
        event = timer_event(timer, at)
        if timer.role == ROUTER:
            self.decide(event, at)
            return
        if timer.kind == RESCORE and (rescore := self.rows.get(RescoreRow, timer.subject)) is not None:
            self.rows.with_chunk(timer.subject, rescore.cursor)
        for scored in self.score(event, at):
            self.route(scored, at)

    def would_own(self, timer: TimerRow, at: datetime) -> str | None:
        """Return who a timer of the router would give its lead to, None for nobody; changes nothing."""
        if self.policy is None:
            return None
        try:
            step = dispatch(self.rows, self.policy.routing, timer_event(timer, at), at)
        except DataError:
            return None
        given = (emit.data for emit in step.emits if isinstance(emit.data, LeadReassignedV1))
        return next((data.decision.owner for data in given), None)

    def fill_caps(self) -> None:
        """Count assignments of reps whose caps the policy counts further back than was done until now."""
        depths = self.policy.routing.cap_depths if self.policy is not None else {}
        rows = {rep: self.rows.get(RepRow, rep) or RepRow(rep) for rep in depths}
        if all(row.depth >= depths[rep] for rep, row in rows.items()):
            return
        self.rows.flush()
        times: dict[str, list[int]] = {rep: [] for rep in depths}
        for row in self.rows.stored(AssignmentRow):
            if row.rep in times and not row.credited_back:
                times[row.rep].append(micros(row.opened_at))
        for rep, depth in depths.items():
            latest = tuple(sorted(times[rep])[-depth:])
            self.rows.apply([Put(replace(rows[rep], depth=depth, assigned=latest))])

    def assign_waiting(self, leads: Sequence[str], at: datetime, cause: str) -> None:
        """Let the router look whether these leads, as far as they wait, may be assigned."""
        waiting = tuple(lead_id for lead_id in leads if lead_id in self.waiting)
        if not waiting:
            return
        self.rows.scope = waiting
        timer = assign_waiting_timer(at)
        event = Event(
            id=cause,
            source=f"/baton/{ROUTER}/timers",
            type=TIMER_TYPE,
            subject="",
            time=at,
            data=timer,
            own_cause=cause,
        )
        self.decide(event, at)
        self.rows.scope = ()

    def longest_waiting(self, besides: Callable[[str], bool]) -> list[str]:
        """Return the leads that wait longest, up to 50 of a queue, without those that `besides` takes."""
        by_queue: dict[str, list[str]] = {}
        for lead_id, queue in self.waiting.items():
            if (
                not besides(lead_id)
                and len(of_queue := by_queue.setdefault(queue, [])) < _WAITING_PER_QUEUE_MAX
            ):
                of_queue.append(lead_id)
        return [lead_id for of_queue in by_queue.values() for lead_id in of_queue]

    def owner(self, lead_id: str) -> str | None:
        """Return the id of the rep who owns a lead now."""
        assignment = active_assignment(ChangeSet(self.rows), lead_id)
        return assignment.rep if assignment else None

    def _apply(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if not isinstance(change, Put):
                continue
            row = change.row
            if isinstance(row, AssignmentRow) and self.counts:
                self.figures.count_assignment(self.rows.get(AssignmentRow, row.id), row)
            elif isinstance(row, RoutedLeadRow):
                if row.status != "waiting":
                    self.waiting.pop(row.lead_id, None)
                elif self.waiting.get(row.lead_id) != row.queue:
                    self.waiting[row.lead_id] = row.queue
        self.rows.apply(changes)

    def _tell(self, emits: Sequence[Emit]) -> None:
        """Take what was emitted into the paths of the leads."""
        told = [
            emit.data
            for emit in emits
            if isinstance(emit.data, LeadRoutedV1 | LeadSuppressedV1 | OwnershipChange)
        ]
        for data in told:
            self.changed.setdefault(data.lead_id, []).append(data)
        if not self.counts:
            return
        self.figures.count_events(told)
        for data in told:
            paths = self.rows.get(LeadPaths, data.lead_id)
            path = path_of(data, paths.last if paths else None)
            told_of = LeadPaths(data.lead_id, path, path) if paths is None else replace(paths, last=path)
            self.rows.apply([Put(told_of)])
