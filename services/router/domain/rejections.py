"""Why earlier owners rejected a lead: kept on its row, shown to the next owner, and read as evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec.structs import replace

from services.router.domain.day_words import day
from services.router.domain.qualification import Denial, elements_missing, elements_noted
from services.router.domain.state import AssignmentRow, Rejection, RoutedLeadRow
from shared.lead.events.parts import Actor
from shared.lead.events.routing import BriefRejection

REJECTED: Final = "rejected"
"""The reason of a rejection that names none."""
REJECTED_BY_MAX: Final = 500
"""How many reps are remembered who rejected one lead; beyond that the first are forgotten."""
REJECTIONS_MAX: Final = 5
"""How many rejections of a lead are shown to its next owner, the newest ones."""
_SPELLED: Final = {"not_icp": "does not fit the ICP"}
"""The words of reasons that are not read as they are written."""
_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)


def with_rejection(
    lead: RoutedLeadRow,
    assignment: AssignmentRow,
    reason: str,
    *,
    at: datetime,
    actor: Actor | None,
    disqualified: bool = False,
    back_after: timedelta | None = None,
    told_at: datetime | None = None,
) -> RoutedLeadRow:
    """Return the lead's row with one more rejection: its rep never gets the lead again.

    A key without a rep that rejected the lead for its owner is named beside the owner.
    """
    noted = elements_noted(lead.hand_off.notes) if lead.hand_off is not None else {}
    missing = elements_missing(reason) if noted else frozenset()
    outdated = [name for name, elements in noted.items() if not missing.isdisjoint(elements)]
    rejection = Rejection(
        rep=assignment.rep,
        reason=reason,
        at=at,
        revision=lead.revision,
        disqualified=disqualified,
        back_after=back_after,
        entered_by=actor.key if actor is not None and actor.rep is None else None,
        outdated_notes=tuple(outdated),
        told_at=told_at,
    )
    rejected_by = (*(rep for rep in lead.rejected_by if rep != assignment.rep), assignment.rep)
    return replace(
        lead,
        rejected_by=rejected_by[-REJECTED_BY_MAX:],
        rejections=(rejection, *lead.rejections)[:REJECTIONS_MAX],
    )


def noted_since(lead: RoutedLeadRow, names: Iterable[str]) -> RoutedLeadRow:
    """Return the lead's row after a hand-off: its notes are newer than every rejection."""
    noted = {*names}
    rejections = (
        replace(one, outdated_notes=tuple(name for name in one.outdated_notes if name not in noted))
        for one in lead.rejections
    )
    return replace(lead, rejections=tuple(rejections))


def brief_rejections(
    rejections: Iterable[Rejection], name_of: Callable[[str], str], now: datetime
) -> list[BriefRejection]:
    """Return the rejections for the brief, the newest first."""
    return [
        BriefRejection(
            rep=one.rep,
            by=name_of(one.rep),
            at=one.at,
            reason=one.reason,
            details=f"{_in_short(one, name_of, now)}{_what_followed(one)}",
        )
        for one in rejections
    ]


def denials_of(
    rejections: Iterable[Rejection], name_of: Callable[[str], str] = str, now: datetime | None = None
) -> list[Denial]:
    """Return what rejections deny, the newest first: one for `no_budget` says that there is no budget.

    Days are given relative to `now`; without it, to the day itself.
    """
    return [
        Denial(elements, _in_short(one, name_of, now or one.at), one.at, one.revision, one.outdated_notes)
        for one in rejections
        if (elements := elements_missing(one.reason))
    ]


def _in_short(rejection: Rejection, name_of: Callable[[str], str], now: datetime) -> str:
    """Return who rejected the lead, when and why: `Rejected by Ana Ruiz on 3 March: no budget`."""
    when = day(rejection.at.astimezone(UTC).date(), now)
    reason = _SPELLED.get(rejection.reason, rejection.reason.replace("_", " "))
    why = ", without a reason" if rejection.reason == REJECTED else f": {' '.join(reason.split())}"
    return f"Rejected by {name_of(rejection.rep)} on {when}{why}"


def _what_followed(rejection: Rejection) -> str:
    followed = ""
    if rejection.disqualified:
        followed = "; disqualified"
    elif rejection.back_after is not None:
        size, unit = (_DAY, "day") if rejection.back_after >= _DAY else (_HOUR, "hour")
        count = max(1, round(rejection.back_after / size))
        followed = f"; asked to come back after {count} {unit}{'' if count == 1 else 's'}"
    return followed + (f" (entered by {rejection.entered_by})" if rejection.entered_by else "")
