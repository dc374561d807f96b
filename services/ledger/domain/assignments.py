"""Who had a lead, from when to when, and whether they took it up in time. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, zip_longest
from typing import Final

from msgspec import Struct

from services.ledger.domain.lead_history import LeadDecision, LeadHistory
from shared.lead.events.outcome_received import ACCEPTING_OUTCOMES

_ACCEPTING: Final = frozenset({"accept", *ACCEPTING_OUTCOMES})


class Assignment(Struct, frozen=True):
    """The time in which a rep had a lead of a queue, from the decision `began` to the decision `ended`."""

    began: LeadDecision
    owner: str
    ended: LeadDecision | None
    accepted_at: int | None
    acted_at: int | None

    @property
    def late_at(self) -> int | None:
        """When it was accepted too late, or taken away because it was not accepted in time; else None."""
        if self.accepted_at is None:
            return self.ended.at if self.ended is not None and self.ended.overdue else None
        accept_by = self.began.accept_by
        return self.accepted_at if accept_by is not None and self.accepted_at > accept_by else None


def assignments_of(history: LeadHistory) -> Iterator[Assignment]:
    """Yield who had the lead, in the order of time. An owner who keeps it in its queue has one assignment.

    Whatever a rep is reported to have done before the first assignment belongs to the first.
    """
    holders = groupby(history.decisions, key=lambda one: one.owner and (one.queue, one.owner))
    runs = [list(run) for _holder, run in holders]
    begins: int | None = None
    for run, following in zip_longest(runs, runs[1:]):
        first, owner = run[0], run[0].owner
        if owner is None:
            continue
        ended = following[0] if following else None
        own = [
            (act.kind, max(act.at, first.at))
            for act in history.acts
            if (begins is None or begins <= act.at)
            and (ended is None or act.at < ended.at)
            and act.rep in (None, owner)
        ]
        taken = [first.at] if first.taken else []
        accepted_at = min([*taken, *(at for kind, at in own if kind in _ACCEPTING)], default=None)
        acted_at = min([*taken, *(at for _kind, at in own)], default=None)
        yield Assignment(first, owner, ended, accepted_at, acted_at)
        begins = ended.at if ended is not None else None
