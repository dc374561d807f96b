"""What a backtest found: how many leads move where and by which rules, and what that does to the team."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from services.ledger.domain.backtest.figures import Deadlines, Figures
from services.ledger.domain.backtest.paths import Cause, LeadPaths, Path

NOBODY = "nobody"
"""In place of a queue: the lead is suppressed."""
ROWS_MAX = 500
"""The rows of a table of the report, at most."""


class Move(Struct, frozen=True):
    """A lead that ends in another queue, with its last decisions and, if there were others, its first."""

    lead_id: str
    lead: str
    cause: Cause
    before: Path
    after: Path
    first_before: Path | None = None
    first_after: Path | None = None


class QueueMove(Struct, frozen=True):
    """Leads that go from one queue to another, with the rule behind each side."""

    before: str
    after: str
    rule_before: str
    rule_after: str
    cause: Cause
    leads: int


class ChangedLeads(Struct, frozen=True):
    """How many leads have one value before and another after, such as bands."""

    before: str
    after: str
    leads: int


class Suppressed(Struct, frozen=True):
    """Leads that nobody gets, in both worlds, and by the reason those who are new and those who are free."""

    before: int
    after: int
    more: dict[str, int]
    fewer: dict[str, int]


class OwnerLoad(Struct, frozen=True):
    """What a rep gets of a queue in the window, and how far that is from the rep's share of the rotation."""

    queue: str
    rep: str
    assigned_before: int
    assigned_after: int
    off_share_before: float
    off_share_after: float


class AcceptTimes(Struct, frozen=True):
    """The times to accept. Who accepts a lead that moves is known only where its recorded owner did."""

    before: Deadlines
    after: Deadlines
    escalated_before: int
    escalated_after: int


class Spend(Struct, frozen=True):
    """Cents that were paid for the data of the leads, and of that what was paid for some of them."""

    all_leads: int
    suppressed_more: int
    suppressed_fewer: int
    moved: int


class ReplayQuality(Struct, frozen=True):
    """How far the record can be replayed: `otherwise` of its decisions their own version made otherwise."""

    decisions: int
    otherwise: int
    unknown_versions: list[str]
    with_scores: bool


class BacktestReport(Struct, frozen=True):
    """Before is what was recorded, after what the candidate makes of it.

    `candidate` is None where every decision was made by its own version. `leads` were decided in the window,
    `moved` of them end in another queue, and `other_owner` in the same queue with another owner. A table has
    up to `ROWS_MAX` rows, of `queues` the largest and of `owners` those of most leads. `unknown` says in
    sentences what cannot be known, and what was left out.
    """

    candidate: str | None
    since: datetime | None
    until: datetime
    segment: str | None
    leads: int
    moved: int
    other_owner: int
    by_cause: dict[str, int]
    queues: list[QueueMove]
    bands: list[ChangedLeads]
    suppressed: Suppressed
    owners: list[OwnerLoad]
    sla: AcceptTimes
    spend: Spend
    replay: ReplayQuality
    unknown: list[str]


class Terms(Struct, frozen=True):
    """What the report is about, as it was asked for."""

    candidate: str | None
    since: datetime | None
    until: datetime
    segment: str | None


class _Sums:
    """What is added up of the leads, one by one."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.queues: Counter[tuple[str, str, str, str, Cause]] = Counter()
        self.bands: Counter[tuple[str, str]] = Counter()
        self.more: Counter[str] = Counter()
        self.fewer: Counter[str] = Counter()

    def add(self, before: LeadPaths, after: LeadPaths) -> Move | None:
        """Count a lead; return its move, None for one that stays."""
        counts, old, new = self.counts, before.last, after.last
        counts["leads"] += 1
        counts["cost"] += before.cost
        counts["suppressed before"] += old.queue is None
        counts["suppressed after"] += new.queue is None
        if old.band != new.band:
            self.bands[old.band or "none", new.band or "none"] += 1
        if old.queue == new.queue:
            counts["other owner"] += old.owner != new.owner
            return None
        move = move_of(before, after)
        self.queues[old.queue or NOBODY, new.queue or NOBODY, old.rule, new.rule, move.cause] += 1
        counts["cost moved"] += before.cost
        if new.queue is None:
            self.more[new.rule] += 1
            counts["cost more"] += before.cost
        elif old.queue is None:
            self.fewer[old.rule] += 1
            counts["cost fewer"] += before.cost
        return move


def report_of(
    terms: Terms,
    pairs: Iterable[tuple[LeadPaths, LeadPaths]],
    figures: tuple[Figures, Figures],
    replay: ReplayQuality,
    *,
    on_move: Callable[[Move], None],
) -> BacktestReport:
    """Return the report on the leads' paths in both worlds; each move is passed on as it is found."""
    sums, by_cause = _Sums(), Counter[str]()
    for before, after in pairs:
        if (move := sums.add(before, after)) is not None:
            by_cause[move.cause] += 1
            on_move(move)
    counts, (old, new) = sums.counts, figures
    in_order = sorted(sums.queues.items(), key=lambda one: (-one[1], one[0]))
    loads = sorted(owner_loads(old, new), key=lambda one: -max(one.assigned_before, one.assigned_after))
    left_out = [max(0, len(rows) - ROWS_MAX) for rows in (in_order, loads)]
    return BacktestReport(
        candidate=terms.candidate,
        since=terms.since,
        until=terms.until,
        segment=terms.segment,
        leads=counts["leads"],
        moved=by_cause.total(),
        other_owner=counts["other owner"],
        by_cause=dict(sorted(by_cause.items())),
        queues=[QueueMove(*names, leads=number) for names, number in in_order[:ROWS_MAX]],
        bands=[ChangedLeads(*names, number) for names, number in sorted(sums.bands.items())],
        suppressed=Suppressed(
            counts["suppressed before"],
            counts["suppressed after"],
            dict(sorted(sums.more.items())),
            dict(sorted(sums.fewer.items())),
        ),
        owners=sorted(loads[:ROWS_MAX], key=lambda one: (one.queue, one.rep)),
        sla=AcceptTimes(old.deadlines, new.deadlines, old.escalated, new.escalated),
        spend=Spend(counts["cost"], counts["cost more"], counts["cost fewer"], counts["cost moved"]),
        replay=replay,
        unknown=unknown(terms, new, replay, left_out, leads=counts["leads"]),
    )


def move_of(before: LeadPaths, after: LeadPaths) -> Move:
    """Return the move of a lead that ends in another queue, with its path in both worlds."""
    one_decision = before.first == before.last and after.first == after.last
    return Move(
        before.lead_id,
        f"/v1/leads/{before.lead_id}",
        after.cause or "rule",
        before.last,
        after.last,
        None if one_decision else before.first,
        None if one_decision else after.first,
    )


def owner_loads(before: Figures, after: Figures) -> list[OwnerLoad]:
    """Return what each rep got of each queue, by queue and rep."""
    loads: list[OwnerLoad] = []
    for key in sorted({*before.reps, *after.reps}):
        queue, _, rep = key.partition("\n")
        old, new = before.rep(queue, rep), after.rep(queue, rep)
        loads.append(
            OwnerLoad(
                queue,
                rep,
                old.assigned,
                new.assigned,
                round(old.by_rotation - old.share, 3),
                round(new.by_rotation - new.share, 3),
            )
        )
    return loads


def unknown(
    terms: Terms,
    candidate: Figures,
    replay: ReplayQuality,
    left_out: Sequence[int] = (0, 0),
    *,
    leads: int,
) -> list[str]:
    """Return in sentences what the figures rest on that the record does not say, and what is left out."""
    notes = [
        "Who took no leads is known from decisions that name the rep; between them the last word counts.",
        "Facts are those that were bought; what the candidate would have asked providers for is not known.",
    ]
    if not leads:
        about = f" of the segment {terms.segment}" if terms.segment is not None else ""
        since = f" from {terms.since.isoformat()}" if terms.since is not None else ""
        notes.insert(0, f"No decision on a lead{about} is recorded{since} up to {terms.until.isoformat()}.")
    if candidate.carried:
        notes.append(
            f"{candidate.carried} actions of recorded owners are taken as those of the owners that the "
            "candidate gives the leads."
        )
    if candidate.asked_for:
        notes.append(
            f"The candidate asks for {candidate.asked_for} leads of accounts of which nothing more is known."
        )
    if replay.otherwise:
        notes.append(
            f"{replay.otherwise} of {replay.decisions} recorded decisions come out otherwise by their own "
            "version: something that they rest on is not recorded. Both sides are replayed alike, so that "
            "moves nobody."
        )
    if replay.unknown_versions:
        notes.append(
            f"{len(replay.unknown_versions)} versions that decided are not kept or cannot be read; "
            "the version before decides instead."
        )
    if any(left_out):
        notes.append(
            f"Left out are {left_out[0]} rows of queues and {left_out[1]} of owners, with few leads."
        )
    if terms.segment is not None:
        notes.append("Owners' loads and times to accept are those of all leads, not of the segment alone.")
    return notes
