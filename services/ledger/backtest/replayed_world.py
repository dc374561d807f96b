"""One world of a backtest: rows, policies, and the decisions of the scorer and the router on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as replace_fields
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from services.ledger.backtest.pending_scores import PendingScores
from services.ledger.backtest.replay_rows import ReplayRows
from services.ledger.backtest.work_file import WorkFile, micros
from services.ledger.domain.backtest.figures import Figures
from services.ledger.domain.backtest.paths import LeadPaths, RoutingEvent, path_of, standing_path
from services.router.domain.dispatch import assign_waiting_timer, decide_event, dispatch
from services.router.domain.lead_ref import LeadAliasRow
from services.router.domain.ownership import ROLE as ROUTER
from services.router.domain.ownership import active_assignment
from services.router.domain.state import AssignmentRow, RepRow, RoutedLeadRow
from services.router.policy import RoutingPolicy, routing_policy_of
from services.scorer.domain.decide import decide
from services.scorer.domain.rematch import REMATCH
from services.scorer.domain.rescore import RESCORE
from services.scorer.domain.state import RematchRow, RescoreRow
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
from shared.worker.rows import TimerRow
from shared.worker.timers import TIMER_TYPE, timer_event

_LOOKED_AT_TOGETHER: Final = 50
_IN_TURN_MAX: Final = 500
"""So many leads of a queue are looked at in vain, after those that wait longest."""
_ROUTING_EVENTS: Final = (LeadRoutedV1, LeadSuppressedV1, OwnershipChange)


class WorldPolicy(Struct, frozen=True):
    """One version of the policy, as both stages use it."""

    version: str
    scoring: ScoringPolicy
    routing: RoutingPolicy

    @classmethod
    def of(cls, compiled: CompiledPolicy) -> WorldPolicy:
        """Return a version of the policy as a replay uses it: without briefs, which nobody reads."""
        routing = replace_fields(routing_policy_of(compiled), explains=False)
        return cls(compiled.version, scoring_policy(compiled), routing)


class ReplayedWorld:
    """Decides nothing before it has a policy. `changed` has what was emitted since it was emptied."""

    def __init__(self, name: str, file: WorkFile, policy: WorldPolicy | None) -> None:
        self.name = name
        self.rows = ReplayRows(file, name)
        self.pending = PendingScores(file, name)
        self.policy = policy
        self.figures = Figures()
        self.counts = False
        self.changed: dict[str, list[RoutingEvent]] = {}
        self._file = file

    def route(self, event: Event[LeadScoredV1], at: datetime) -> None:
        """Decide on a scored lead."""
        data = event.data
        if data.merged:
            self.rows.put(*(LeadAliasRow(merged, data.lead_id) for merged in data.merged))
        self.decide(event, at)
        if self.counts and (paths := self.rows.get(LeadPaths, data.lead_id)) is not None:
            paid = paths.with_cost(data.revision, data.enrichment.cost)
            if (paid.revision, paid.cost, paid.cost_before) != (
                paths.revision,
                paths.cost,
                paths.cost_before,
            ):
                self.rows.put(paid)

    def decide(self, event: Event[Any], at: datetime) -> None:
        """Let the router decide on an event; one that cannot be decided changes nothing, as live."""
        if self.policy is None:
            return
        changes = ChangeSet(self.rows)
        try:
            decide_event(changes, self.rows, self.policy.routing, event, at)
        except DataError:
            return
        self._apply(changes)
        self._record_routing(changes.emits)

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
        self.rows.apply_by_kind(changes.by_kind)
        new: list[Event[LeadScoredV1]] = []
        for ordinal, emit in enumerate(changes.emits):
            if isinstance(emit.data, LeadReceivedV1):
                self.figures.asked_for += self.counts and not self._file.was_enriched(emit.subject)
            if not isinstance(emit.data, LeadScoredV1):
                continue
            scored = emitted(emit, by=SCORER, cause=event, ordinal=ordinal, at=at)
            if self._file.was_scored(scored.subject, event.id):
                self.pending.put(scored)
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
        elif timer.kind == REMATCH and (rematch := self.rows.get(RematchRow, timer.subject)) is not None:
            self.rows.with_rematch(rematch)
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
            self.rows.put(replace(rows[rep], depth=depth, assigned=latest))

    def assign_waiting(self, leads: Sequence[str], at: datetime, cause: str) -> None:
        """Let the router look whether these leads, as far as they wait, may be assigned."""
        self.rows.scope = tuple(filter(self.waits_in, leads))
        if self.rows.scope:
            self.decide(_looking_at_waiting(at, cause), at)
        self.rows.scope = ()

    def may_be_assigned(self, leads: Sequence[str], at: datetime) -> set[str]:
        """Return which of these waiting leads the router would assign now; changes nothing."""
        if self.policy is None:
            return set()
        self.rows.scope = tuple(leads)
        try:
            step = dispatch(self.rows, self.policy.routing, _looking_at_waiting(at, "timer:drain"), at)
        except DataError:
            return set()
        finally:
            self.rows.scope = ()
        return {emit.subject for emit in step.emits}

    def look_at_waiting(self, at: datetime, cause: str, turn: int, recorded: ReplayedWorld) -> None:
        """Let the router look at all leads that wait here, as live.

        Those of a queue that wait longest come first, and then others in turn: which these are in a long
        queue follows from `turn`. It is gone on for as long as leads are assigned.

        A lead that waits in the same queue of the recorded world was not assigned now. If that world would
        assign it, the record does not say why nobody got it, and it is looked at when the record does.
        """
        for queue, count in self._file.waiting_queues(self.name).items():
            later = turn * _IN_TURN_MAX % max(count - _LOOKED_AT_TOGETHER, 1) if count > _IN_TURN_MAX else 0
            for begin, in_vain_max in ((0, _LOOKED_AT_TOGETHER), (_LOOKED_AT_TOGETHER + later, _IN_TURN_MAX)):
                skip, in_vain = begin, 0
                while in_vain < in_vain_max and (
                    leads := self._file.longest_waiting(
                        self.name, queue, limit=_LOOKED_AT_TOGETHER, skip=skip
                    )
                ):
                    alike = [lead_id for lead_id in leads if recorded.waits_in(lead_id) == queue]
                    unexplained = recorded.may_be_assigned(alike, at) if alike else ()
                    self.assign_waiting([one for one in leads if one not in unexplained], at, cause)
                    left = sum(self.waits_in(lead_id) == queue for lead_id in leads)
                    skip, in_vain = skip + left, in_vain + left

    def waits_in(self, lead_id: str) -> str | None:
        """Return the queue in which a lead waits, None if it does not wait."""
        lead = self.rows.get(RoutedLeadRow, lead_id)
        return lead.queue if lead is not None and lead.status == "waiting" else None

    def owner(self, lead_id: str) -> str | None:
        """Return the id of the rep who owns a lead now."""
        assignment = active_assignment(ChangeSet(self.rows), lead_id)
        return assignment.rep if assignment else None

    def paths(self, lead_id: str, at: datetime) -> LeadPaths:
        """Return the paths of a lead; one that was decided before the window is where it was."""
        paths = self.rows.get(LeadPaths, lead_id)
        if paths is None:
            changes = ChangeSet(self.rows)
            lead, assignment = changes.get(RoutedLeadRow, lead_id), active_assignment(changes, lead_id)
            standing = standing_path(lead, assignment, at)
            paths = LeadPaths(lead_id, standing, standing)
            self.rows.put(paths)
        return paths

    def flush(self) -> None:
        """Write what changed to the file."""
        self.pending.flush()
        self.rows.flush()

    def _apply(self, changes: ChangeSet) -> None:
        changed = changes.by_kind
        if self.counts:
            for key, row in changed.get(AssignmentRow, {}).items():
                if isinstance(row, AssignmentRow):
                    self.figures.count_assignment(self.rows.before(AssignmentRow, key), row)
        for row in changed.get(RoutedLeadRow, {}).values():
            if not isinstance(row, RoutedLeadRow):
                continue
            if row.status == "waiting" and row.waiting_since is not None:
                self._file.put_waiting(self.name, row.lead_id, row.queue, row.waiting_since)
            elif self.waits_in(row.lead_id) is not None:
                self._file.remove_waiting(self.name, row.lead_id)
        self.rows.apply_by_kind(changed)

    def _record_routing(self, emits: Sequence[Emit]) -> None:
        """Record the routing events among what was emitted in the paths of their leads."""
        events_by_lead: dict[str, list[RoutingEvent]] = {}
        for emit in emits:
            if isinstance(emit.data, _ROUTING_EVENTS):
                events_by_lead.setdefault(emit.data.lead_id, []).append(emit.data)
        for lead_id, events in events_by_lead.items():
            self.changed.setdefault(lead_id, []).extend(events)
        if not self.counts or not events_by_lead:
            return
        for lead_id, events in events_by_lead.items():
            self.figures.count_events(events)
            paths = self.rows.get(LeadPaths, lead_id)
            last = path_of(events, paths.last if paths else None)
            if paths is None:
                first = path_of(events[:1], None)
                paths = LeadPaths(lead_id, first, last)
            else:
                paths = replace(paths, last=last)
            self.rows.put(paths)


def _looking_at_waiting(at: datetime, cause: str) -> Event[TimerRow]:
    """Return the event of the recurring timer that assigns waiting leads."""
    return Event(
        id=cause,
        source=f"/baton/{ROUTER}/timers",
        type=TIMER_TYPE,
        subject="",
        time=at,
        data=assign_waiting_timer(at),
        own_cause=cause,
    )
