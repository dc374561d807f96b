"""A preview: who would have been routed elsewhere by a policy, made from the report of a backtest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from services.gateway.console.views.policy import PolicyHeader
from services.ledger.domain.backtest.figures import Deadlines
from services.ledger.domain.backtest.paths import Path
from services.ledger.domain.backtest.report import NOBODY, BacktestReport, Move
from services.ledger.tables import UNFINISHED
from shared.policy.content_hash import shown
from shared.policy.models import Policy

PERIODS: Final = {"7": "7 days", "30": "30 days", "90": "90 days", "": "All there is"}
CAUSES: Final = {
    "rule": "another rule",
    "score": "another score",
    "owner": "another owner of the account",
    "capacity": "same rule, another queue or no room",
}
_RULES_MAX: Final = 12


class PreviewRow(Struct, frozen=True):
    """A preview in the list. `found` says in words how it ended."""

    id: str
    candidate: str
    state: str
    at: datetime
    found: str


class MatrixCell(Struct, frozen=True):
    """Leads that go from one queue to another; `strength` is from 0 to 4, for the colour."""

    leads: int
    strength: int
    chosen: bool
    href: str


class Matrix(Struct, frozen=True):
    """From-queue by to-queue; the rows are (from, cells in the order of `columns`)."""

    columns: list[str]
    rows: list[tuple[str, list[MatrixCell]]]


class RuleMove(Struct, frozen=True):
    """Leads that go another way, by the rules of both sides."""

    leads: int
    before: str
    after: str
    rules: str
    cause: str


class LoadRow(Struct, frozen=True):
    """What a rep got of a queue, and would have got."""

    queue: str
    rep: str
    name: str
    before: int
    after: int

    @property
    def change(self) -> int:
        return self.after - self.before


class MoveRow(Struct, frozen=True):
    """A lead that moves, with its path before and after."""

    lead_id: str
    name: str
    company: str
    before: PathWords
    after: PathWords
    cause: str


class PathWords(Struct, frozen=True):
    """One side of a move: the queue (`nobody`: suppressed), the rule, the owner, and why."""

    queue: str
    rule: str
    owner: str
    grade: str
    reasons: Sequence[str]


class MovesView(Struct, frozen=True):
    """The leads of one cell of the matrix; `next` is the address of more."""

    before: str
    after: str
    rows: list[MoveRow]
    next: str | None


class PreviewReport(Struct, frozen=True):
    """The report in the order in which it is read. `late` is the share of clocks that ran out."""

    leads: int
    moved: int
    other_owner: int
    matrix: Matrix
    rules: list[RuleMove]
    loads: list[LoadRow]
    late_before: float | None
    late_after: float | None
    suppressed_before: int
    suppressed_after: int
    more: Mapping[str, int]
    fewer: Mapping[str, int]
    unknown: Sequence[str]
    kept: bool


class JobView(Struct, frozen=True):
    """One preview: how far it is, and in the end its report."""

    id: str
    state: str
    candidate: str
    period: str
    done: int
    total: int
    at: datetime
    error: str
    report: PreviewReport | None
    moves: MovesView | None

    @property
    def running(self) -> bool:
        return self.state in UNFINISHED


class PreviewView(Struct, frozen=True):
    """The tab: what may be previewed, the previews before, and the one that is looked at."""

    header: PolicyHeader
    draft_blocked: str
    rows: list[PreviewRow]
    job: JobView | None


def preview_row(row: Mapping[str, Any], report: BacktestReport | None) -> PreviewRow:
    """Return a preview in the list."""
    words = {"queued": "waits for its turn", "running": "runs", "cancelled": "cancelled", "failed": "failed"}
    found = words.get(row["state"], "")
    if report is not None:
        found = f"{report.moved:,} of {report.leads:,} leads would move"
    return PreviewRow(row["id"], shown(row["candidate"]), row["state"], row["created_at"], found)


def job_view(
    row: Mapping[str, Any], report: BacktestReport | None, policy: Policy, moves: MovesView | None
) -> JobView:
    """Return a preview that is looked at."""
    since, until = row["since"], row["until"]
    period = "all that is kept"
    if since is not None:
        days = ((until or row["created_at"]) - since).days
        period = f"the last {days} days"
    return JobView(
        id=row["id"],
        state=row["state"],
        candidate=shown(row["candidate"]),
        period=period,
        done=row["done"],
        total=row["total"],
        at=row["created_at"],
        error=row["error"] or "",
        report=None if report is None else _report(row["id"], report, policy, moves),
        moves=moves,
    )


def moves_view(
    moves: Sequence[Move], names: Mapping[str, tuple[str, str]], place: tuple[str, str], following: str | None
) -> MovesView:
    """Return the leads that go from the one queue of `place` to the other, or from any if that is empty."""
    rows = []
    for move in moves:
        name, company = names.get(move.lead_id, ("", ""))
        cause = CAUSES.get(move.cause, move.cause)
        rows.append(
            MoveRow(move.lead_id, name or company, company, _path(move.before), _path(move.after), cause)
        )
    return MovesView(place[0], place[1], rows, following)


def _path(path: Path) -> PathWords:
    return PathWords(path.queue or NOBODY, path.rule, path.owner or "", path.grade or "", path.reasons[:3])


def _report(
    backtest_id: str, report: BacktestReport, policy: Policy, moves: MovesView | None
) -> PreviewReport:
    loads = [
        LoadRow(
            load.queue,
            load.rep,
            policy.team.owners[load.rep].name if load.rep in policy.team.owners else load.rep,
            load.assigned_before,
            load.assigned_after,
        )
        for load in report.owners
    ]
    return PreviewReport(
        leads=report.leads,
        moved=report.moved,
        other_owner=report.other_owner,
        matrix=matrix_of(backtest_id, report, [*policy.routing.queues], moves),
        rules=[
            RuleMove(
                one.leads,
                one.before,
                one.after,
                one.rule_before
                if one.rule_before == one.rule_after
                else f"{one.rule_before} → {one.rule_after}",
                CAUSES.get(one.cause, one.cause),
            )
            for one in report.queues[:_RULES_MAX]
        ],
        loads=sorted(loads, key=lambda load: (-abs(load.change), load.queue, load.rep)),
        late_before=late_share(report.sla.before),
        late_after=late_share(report.sla.after),
        suppressed_before=report.suppressed.before,
        suppressed_after=report.suppressed.after,
        more=report.suppressed.more,
        fewer=report.suppressed.fewer,
        unknown=report.unknown,
        kept=not report.replay.unknown_versions,
    )


def late_share(deadlines: Deadlines) -> float | None:
    """Return the share of leads with a clock that were not accepted in time, None where there were none."""
    ended = deadlines.accepted_in_time + deadlines.accepted_late + deadlines.missed
    return (deadlines.accepted_late + deadlines.missed) / ended if ended else None


def matrix_of(
    backtest_id: str, report: BacktestReport, queues: Sequence[str], moves: MovesView | None
) -> Matrix:
    """Return how many leads go from each queue to each other one; queues without any move are left out."""
    leads: Counter[tuple[str, str]] = Counter()
    for one in report.queues:
        leads[one.before, one.after] += one.leads
    named = [*queues, *sorted({queue for pair in leads for queue in pair} - {*queues, NOBODY}), NOBODY]
    columns = [queue for queue in named if any(after == queue for _before, after in leads)]
    most = max(leads.values(), default=1)
    rows = []
    for before in named:
        if not any(one == before for one, _after in leads):
            continue
        cells = [
            MatrixCell(
                leads[before, after],
                -(-4 * leads[before, after] // most),
                moves is not None and (moves.before, moves.after) == (before, after),
                f"/policy/preview?id={backtest_id}&before={before}&after={after}#moves",
            )
            for after in columns
        ]
        rows.append((before, cells))
    return Matrix(columns, rows)
