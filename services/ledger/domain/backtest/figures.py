"""What one world of a backtest adds up: leads by rep, deadlines, and each rep's share of the leads."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct, field

from services.ledger.domain.backtest.paths import RoutingEvent
from services.router.domain.state import AssignmentRow
from shared.lead.events.lead_escalated import LeadEscalatedV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.routing import RepShare

_MINUTE = timedelta(minutes=1)


class AssignedLeads(Struct):
    """What a rep got in a queue. `share` is what the rotations would have given by weight alone."""

    assigned: int = 0
    by_rotation: int = 0
    share: float = 0.0


class Deadlines(Struct):
    """Assignments with a time to accept, and what became of them. `minutes` adds up the times.

    `missed` were taken from a rep who did not accept in time.
    """

    given: int = 0
    minutes: int = 0
    accepted_in_time: int = 0
    accepted_late: int = 0
    missed: int = 0


class Figures(Struct):
    """What one world adds up from `since` on. `reps` is by queue and rep, joined by a line feed.

    `escalated` counts how often a lead was not accepted in time, without reminders. `carried` are actions of
    a recorded owner that count as those of the owner in this world; `asked_for` are leads of accounts that
    were asked for and never came.
    """

    since: datetime | None = None
    reps: dict[str, AssignedLeads] = field(default_factory=dict)
    deadlines: Deadlines = field(default_factory=Deadlines)
    escalated: int = 0
    carried: int = 0
    asked_for: int = 0

    def rep(self, queue: str, rep: str) -> AssignedLeads:
        key = f"{queue}\n{rep}"
        found = self.reps.get(key)
        if found is None:
            found = self.reps[key] = AssignedLeads()
        return found

    def count_assignment(self, before: AssignmentRow | None, row: AssignmentRow) -> None:
        """Count the change of an assignment: `before` is None for a new one."""
        deadlines = self.deadlines
        if before is None:
            self.rep(row.queue, row.rep).assigned += 1
            if row.accept_by is not None:
                deadlines.given += 1
                deadlines.minutes += (row.accept_by - row.opened_at) // _MINUTE
        elif before.state != "open" or (self.since is not None and before.opened_at < self.since):
            return
        if row.state == "overdue":
            deadlines.missed += 1
        elif row.state == "accepted" and row.accept_by is not None:
            late = row.accepted_at is not None and row.accepted_at > row.accept_by
            deadlines.accepted_late += late
            deadlines.accepted_in_time += not late

    def count_events(self, events: Iterable[RoutingEvent]) -> None:
        """Count the events of one decision on a lead."""
        counted = False
        for event in events:
            if isinstance(event, LeadEscalatedV1) and event.step != "remind":
                self.escalated += 1
            if isinstance(event, LeadSuppressedV1) or counted or event.decision.turn is None:
                continue
            decision, turn, counted = event.decision, event.decision.turn, True
            if decision.owner is None or turn.weight <= 0:
                continue
            for entry in decision.considered:
                if type(share := entry.share) is RepShare and entry.rep != decision.owner:
                    self.rep(decision.queue, str(entry.rep)).share += share.weight / turn.weight
            owner = self.rep(decision.queue, decision.owner)
            owner.share += turn.share.weight / turn.weight
            owner.by_rotation += 1
