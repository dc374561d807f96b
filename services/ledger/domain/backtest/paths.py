"""Where a lead went in one world of a backtest, and why it went elsewhere than in the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Literal

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.state import AssignmentRow, RoutedLeadRow, score_outline_of
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

    `change` is that of the decision, or `suppressed`, or `stands` for one from before the window.
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

    In a world that decided nothing on it in the window, both are the decision that stands since before.
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


def path_of(events: Sequence[RoutingEvent], before: Path | None) -> Path:
    """Return the path that the last of the events of one decision on a lead states.

    A score that they do not state is as it was `before`.
    """
    data = events[-1]
    score = next((event.score for event in reversed(events) if event.score is not None), None) or before
    grade, band, total = (score.grade, score.band, score.total) if score is not None else (None, None, None)
    if isinstance(data, LeadSuppressedV1):
        suppression = data.decision
        return Path(
            data.occurred_at,
            "suppressed",
            suppression.reason,
            grade=grade,
            band=band,
            total=total,
            before=suppression.owner_before,
        )
    decision = data.decision
    return Path(
        data.occurred_at,
        decision.change,
        decision.rule,
        decision.queue,
        decision.owner,
        decision.motion,
        grade,
        band,
        total,
        tuple(decision.reasons[:_REASONS_MAX]),
        decision.owner_before,
    )


def standing_path(lead: RoutedLeadRow | None, assignment: AssignmentRow | None, at: datetime) -> Path:
    """Return where a lead is since before the window, `at` being when that was asked.

    A lead without a row was never routed, so nobody has it.
    """
    outline = score_outline_of(lead) if lead is not None else None
    score = outline.score if outline is not None else None
    is_nobodys = lead is None or lead.status == "suppressed"
    return Path(
        assignment.opened_at if assignment is not None else at,
        "stands",
        lead.rule if lead is not None else "not routed",
        None if is_nobodys or lead is None else lead.queue,
        assignment.rep if assignment is not None else None,
        None if is_nobodys or lead is None else lead.motion,
        grade=score.grade if score is not None else None,
        band=score.band if score is not None else None,
        total=score.total if score is not None else None,
    )


def cause_of(recorded: Path, candidate: Path) -> Cause:
    """Return why two decisions on a lead, made for the same input, differ."""
    if (recorded.grade, recorded.band, recorded.total) != (candidate.grade, candidate.band, candidate.total):
        return "score"
    if recorded.before.queue != candidate.before.queue or recorded.before.active != candidate.before.active:
        return "owner"
    return "rule" if recorded.rule != candidate.rule else "capacity"
