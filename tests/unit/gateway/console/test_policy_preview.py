"""The report of a backtest as the preview shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path as FilePath

import pytest

from services.gateway.console.views.policy_preview import (
    MovesView,
    job_view,
    late_share,
    matrix_of,
    moves_view,
)
from services.ledger.domain.backtest.figures import Deadlines
from services.ledger.domain.backtest.paths import Path
from services.ledger.domain.backtest.report import (
    AcceptTimes,
    BacktestReport,
    Move,
    OwnerLoad,
    QueueMove,
    ReplayQuality,
    Spend,
    Suppressed,
)
from shared.policy.load import load

AT = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = load(FilePath("config"))
REPORT = BacktestReport(
    candidate="c",
    since=None,
    until=AT,
    segment=None,
    leads=40,
    moved=12,
    other_owner=3,
    by_cause={"rule": 12},
    queues=[
        QueueMove("sdr", "bdr", "fits", "strategic", "rule", 8),
        QueueMove("sdr", "bdr", "fits", "fits", "capacity", 2),
        QueueMove("sdr", "nobody", "fits", "spam", "rule", 1),
        QueueMove("csm", "sdr", "customers", "fits", "rule", 1),
    ],
    bands=[],
    suppressed=Suppressed(4, 5, {"spam": 1}, {}),
    owners=[OwnerLoad("sdr", "sdr-1", 9, 4, 0.0, 0.0), OwnerLoad("bdr", "gone", 2, 4, 0.0, 0.0)],
    sla=AcceptTimes(Deadlines(10, 100, 6, 1, 1), Deadlines(), 2, 0),
    spend=Spend(0, 0, 0, 0),
    replay=ReplayQuality(60, 0, [], with_scores=True),
    unknown=[],
)


def test_the_matrix_adds_up_the_rules_and_leaves_out_queues_without_moves():
    matrix = matrix_of("b", REPORT, [*POLICY.routing.queues], MovesView("sdr", "bdr", [], None))
    assert matrix.columns == ["sdr", "bdr", "nobody"]
    assert [queue for queue, _ in matrix.rows] == ["sdr", "csm"]
    (_, of_sdr), (_, of_csm) = matrix.rows
    assert [cell.leads for cell in of_sdr] == [0, 10, 1]
    assert [cell.strength for cell in of_sdr] == [0, 4, 1]
    assert [cell.chosen for cell in of_sdr] == [False, True, False]
    assert of_sdr[1].href == "/policy/preview?id=b&before=sdr&after=bdr#moves"
    assert [cell.leads for cell in of_csm] == [1, 0, 0]
    assert sum(cell.leads for _, cells in matrix.rows for cell in cells) == REPORT.moved


@pytest.mark.parametrize(
    ("deadlines", "share"),
    [(Deadlines(), None), (Deadlines(5, 50, 0, 0, 0), None), (Deadlines(4, 40, 2, 1, 1), 0.5)],
)
def test_the_late_share_is_of_the_clocks_that_have_ended(deadlines: Deadlines, share: float | None):
    assert late_share(deadlines) == share


def test_a_job_says_how_far_it_is_and_then_what_it_found():
    row = {
        "id": "b",
        "state": "running",
        "candidate": "c" * 64,
        "since": AT,
        "until": None,
        "done": 3,
        "total": 9,
        "created_at": datetime(2026, 3, 31, tzinfo=UTC),
        "error": None,
    }
    running = job_view(row, None, POLICY, None)
    assert (running.running, running.period, running.report) == (True, "the last 30 days", None)
    done = job_view({**row, "state": "done", "since": None}, REPORT, POLICY, None)
    assert (done.running, done.period) == (False, "all that is kept")
    assert done.report is not None
    assert [(load.name, load.change) for load in done.report.loads] == [("Ana Ruiz", -5), ("gone", 2)]
    assert (done.report.late_before, done.report.late_after) == (0.25, None)
    assert [rule.rules for rule in done.report.rules[:2]] == ["fits → strategic", "fits"]


def test_a_lead_that_moves_is_named_and_a_suppressed_one_is_nobodys():
    before = Path(AT, "assigned", "fits", queue="sdr", owner="sdr-1", reasons=("a", "b", "c", "d"))
    move = Move("l1", "/v1/leads/l1", "rule", before, Path(AT, "suppressed", "spam"))
    (row,) = moves_view([move], {"l1": ("Ana", "Kestrel")}, ("sdr", "nobody"), None).rows
    assert (row.name, row.company, row.cause) == ("Ana", "Kestrel", "another rule")
    assert (row.before.queue, row.after.queue, row.after.owner) == ("sdr", "nobody", "")
    assert row.before.reasons == ("a", "b", "c")
    (unknown,) = moves_view([move], {}, ("", ""), None).rows
    assert unknown.name == ""
