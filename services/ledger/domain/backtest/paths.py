"""Where a lead went in one world of a backtest, and why it went elsewhere than in the other."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from msgspec import Struct
from msgspec.structs import replace

from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.ownership_change import OwnershipChange
from shared.lead.events.routing import OwnerFacts
from shared.storage.rows import Row

RoutingEvent = LeadRoutedV1 | LeadSuppressedV1 | OwnershipChange

Cause = Literal["rule", "score", "owner", "capacity"]
"""Why a candidate decides otherwise than what was recorded: another rule by the same facts; another score;
another owner of the lead or its account, since an earlier decision was another; or the same rule, but who may
have the lead is another, or the rule names another queue."""
_REASONS_MAX = 5


class Path(Struct, frozen=True, omit_defaults=True):
    """One decision on a lead. `queue` is None for a suppressed lead; `rule` is then the reason.

    `before` is who owned the lead or its account. `reasons` are sentences on what the rule read.
    """

    at: datetime
    change: str
    rule: str
    queue: str | None = None
    owner: str | None = None
    motion: str | None = None
    grade: str | None = None
    band: str | None = None
    total: int | None = None
    reasons: tuple[str, ...] = ()
    before: OwnerFacts = OwnerFacts()


class LeadPaths(Row, frozen=True):
    """The first and the last decision on a lead in the window. `cause` is set while the worlds differ.

    `cost` is what the data of all its revisions cost, in cents, and `cost_before` that of those before the
    latest one, which is `revision`.
    """

    lead_id: str
    first: Path
    last: Path
    cause: Cause | None = None
    cost: int = 0
    cost_before: int = 0
    revision: int = 0
    key_fields: ClassVar[tuple[str, ...]] = ("lead_id",)

    def with_cost(self, revision: int, cost: int) -> LeadPaths:
        """Return the paths with what was paid for a revision up to now."""
        before = self.cost if revision > self.revision else self.cost_before
        return replace(self, revision=revision, cost_before=before, cost=before + cost)


class SegmentedLead(Row, frozen=True):
    """Whether a backtest of one segment is about the lead, by its latest score in the record."""

    lead_id: str
    is_included: bool
    key_fields: ClassVar[tuple[str, ...]] = ("lead_id",)


def path_of(data: RoutingEvent, last: Path | None) -> Path:
    """Return the path that an event of the router tells of; a score that it does not tell is as it was."""
    score = data.score or last
    grade, band, total = (score.grade, score.band, score.total) if score is not None else (None, None, None)
    decision = data.decision
    told = Path(
        data.occurred_at,
        "suppressed",
        "",
        grade=grade,
        band=band,
        total=total,
        before=decision.owner_before,
    )
    if isinstance(data, LeadSuppressedV1):
        return replace(told, rule=data.decision.reason)
    decision = data.decision
    return replace(
        told,
        change=decision.change,
        rule=decision.rule,
        queue=decision.queue,
        owner=decision.owner,
        motion=decision.motion,
        reasons=tuple(decision.reasons[:_REASONS_MAX]),
    )


def cause_of(recorded: Path, candidate: Path) -> Cause:
    """Return why two decisions on a lead, made for the same input, differ."""
    if (recorded.grade, recorded.band, recorded.total) != (candidate.grade, candidate.band, candidate.total):
        return "score"
    if recorded.before.queue != candidate.before.queue or recorded.before.active != candidate.before.active:
        return "owner"
    return "rule" if recorded.rule != candidate.rule else "capacity"
