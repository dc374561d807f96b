"""Which way each version of the policy sent one lead. Pure.

A lead has one path under each version whose rules decided on it, by the last of their decisions, and one
under `ANY_VERSION`, by the last of all. So every lead counts once in the flow of a version, and once in that
of all versions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from msgspec import Struct

from services.ledger.domain.assignments import Assignment
from services.ledger.domain.counters import ANY_VERSION
from services.ledger.domain.lead_history import LeadDecision


class LeadPath(Struct, frozen=True):
    """The last decision of a version's rules on a lead, and what became of it until rules decided again.

    `queue` is where the lead was in the end, also when it was handed on or fell back from the queue of the
    decision; it is empty for a lead that is suppressed. `assigned`, `accepted` and `late` are 1 or 0: whether
    somebody had the lead, accepted it, and did not do so in time.
    """

    policy: str
    decision: LeadDecision
    queue: str
    assigned: int
    accepted: int
    late: int


def paths_of(decisions: Sequence[LeadDecision], assignments: Iterable[Assignment]) -> Iterator[LeadPath]:
    """Yield the paths of a lead from the router's decisions on it, in their order."""
    assignments = list(assignments)
    by_rules = [number for number, decision in enumerate(decisions) if decision.policy]
    last: dict[str, tuple[int, int]] = {}
    for begin, end in pairwise([*by_rules, len(decisions)]):
        last[decisions[begin].policy] = last[ANY_VERSION] = begin, end
    for policy, (begin, end) in last.items():
        first, until = decisions[begin], decisions[end].sequence if end < len(decisions) else None
        own = [
            one
            for one in assignments
            if (until is None or one.began.sequence < until)
            and (one.ended is None or one.ended.sequence > first.sequence)
        ]
        yield LeadPath(
            policy,
            first,
            decisions[end - 1].queue,
            assigned=int(bool(own)),
            accepted=int(any(one.accepted_at is not None for one in own)),
            late=int(any(one.late_at is not None for one in own)),
        )
