"""What a world of a backtest adds up: deadlines, each of which ends in one way, and what data cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.ledger.domain.backtest.figures import Deadlines, Figures
from services.ledger.domain.backtest.paths import LeadPaths, Path
from services.router.domain.state import AssignmentRow
from shared.lead.events.lead_escalated import LeadEscalatedV1
from tests.unit.ledger.conftest import event_from_example

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OPEN = AssignmentRow(
    "a1", "lead-1", "kestrel.example", "sdr", "ana", "open", 1, AT, accept_by=AT + timedelta(minutes=15)
)


@pytest.mark.parametrize(
    ("ended", "counted"),
    [
        ({"state": "accepted", "accepted_at": AT}, {"accepted_in_time": 1}),
        ({"state": "accepted", "accepted_at": AT + timedelta(hours=1)}, {"accepted_late": 1}),
        ({"state": "overdue", "closed_at": AT + timedelta(minutes=15)}, {"missed": 1}),
        ({"state": "rejected", "closed_at": AT}, {}),
    ],
)
def test_an_assignment_ends_in_one_way(ended: dict[str, Any], counted: dict[str, int]):
    expected = Deadlines(given=1, minutes=15, **counted)
    step_by_step, at_once = Figures(), Figures()
    row = replace(OPEN, **ended)
    step_by_step.count_assignment(None, OPEN)
    step_by_step.count_assignment(OPEN, row)
    step_by_step.count_assignment(row, replace(row, closed_at=AT))
    at_once.count_assignment(None, row)
    assert step_by_step.deadlines == at_once.deadlines == expected


def test_an_assignment_from_before_the_window_is_not_in_it():
    figures = Figures(AT + timedelta(minutes=1))
    figures.count_assignment(OPEN, replace(OPEN, state="accepted", accepted_at=AT + timedelta(minutes=5)))
    assert figures == Figures(AT + timedelta(minutes=1))


def test_an_assignment_without_a_deadline_is_neither_in_time_nor_late():
    figures, row = Figures(), replace(OPEN, accept_by=None)
    figures.count_assignment(None, row)
    figures.count_assignment(row, replace(row, state="accepted", accepted_at=AT))
    assert figures.deadlines == Deadlines()
    assert figures.rep("sdr", "ana").assigned == 1


@pytest.mark.parametrize(("step", "escalated"), [(None, 1), ("remind", 0), ("escalate", 1), ("reassign", 1)])
def test_a_reminder_is_no_escalation(step: str | None, escalated: int):
    figures = Figures()
    told = event_from_example("lead.escalated", step=step).data
    assert isinstance(told, LeadEscalatedV1)
    figures.count_events([told])
    assert (figures.escalated, figures.deadlines) == (escalated, Deadlines())


def test_the_data_of_a_lead_cost_what_all_its_revisions_did():
    """The cost in an event is that of its revision, of which a later event may know more."""
    decided = Path(AT, "assigned", "fits")
    paths = LeadPaths("lead-1", decided, decided)
    for revision, cost, total in ((1, 30, 30), (1, 40, 40), (2, 0, 40), (2, 5, 45), (3, 1, 46)):
        paths = paths.with_cost(revision, cost)
        assert paths.cost == total
