"""Who may get a lead of a queue, and why each of the others may not. Whose turn it is: see `rotation`.

A rep is passed over for the first of these reasons: the lead's territory does not have the rep
(`not_in_territory`), the rep lacks a skill that the lead's rule demands (`lacks_skill`), takes no new leads
or is away (`unavailable`), is not at work (`off_hours`), has reached a limit (`at_cap`). Before them come
`not_in_queue` and `excluded`, who rejected the lead or had it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.limits import assigned_at, given_back, microseconds
from services.router.domain.state import AwayRepRow, RepQueueRow, RepRow, RoutedLeadRow
from services.router.policy import ANYBODY, Demands, RoutingPolicy
from shared.lead.events.routing import Considered, OwnerFacts, Skipped
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap

if TYPE_CHECKING:
    from services.router.domain.schedule import RosterEntry


_WHY_SKIPPED: Final[Mapping[Skipped, str]] = {
    "unavailable": "takes no new leads now",
    "off_hours": "outside working hours",
    "at_cap": "has as many open leads as allowed",
    "not_in_queue": "not in this queue",
    "not_in_territory": "not in the territory of the lead",
    "lacks_skill": "lacks a skill that the rule demands",
    "excluded": "had this lead already",
}
_WITH_DETAIL: Final[Mapping[Skipped, str]] = {
    "unavailable": "{detail}",
    "off_hours": "outside working hours, {detail}",
    "at_cap": "has as many leads as allowed ({detail})",
    "lacks_skill": "lacks a skill that the rule demands: {detail}",
}


class Candidate(Struct, frozen=True, gc=False):
    """A rep of a queue. `skipped` is the reason why the rep may get no lead now, None if there is none.

    A rep of weight 0 has no turns and gets leads only by name. `credits` are the leads of the queue that the
    rep got; they do not matter to the choice. `detail` is the reason in words. Where the queue does not
    distribute by weight, the least `measure` comes first, but a rep who `is_paced` after all others.
    `number_before` is that of the last lead but one of the queue that the rep got.
    """

    rep: str
    weight: int
    balance: int = 0
    skipped: Skipped | None = None
    credits: int = 0
    detail: str | None = None
    measure: int = 0
    is_paced: bool = False
    number_before: int = 0

    @property
    def shares(self) -> bool:
        """Whether the rep has a share in the next lead."""
        return self.weight > 0 and self.skipped is None


def demands_of(policy: RoutingPolicy, lead: RoutedLeadRow) -> Demands:
    """Return what a routed lead demands, by the rule that routed it and its territory then."""
    return policy.demands(lead.rule, lead.territory)


def candidates_of(
    changes: ChangeSet, policy: RoutingPolicy, queue: str, at: datetime, demands: Demands
) -> list[Candidate]:
    """Return the reps of a queue, each with the reason why the rep may not get such a lead now.

    Called for each lead, with up to hundreds of reps.
    """
    roster = policy.teams.get(queue)
    if roster is None:
        return []
    rows, open_leads = changes.by_key(RepQueueRow), dict[str, int]()
    measure = policy.measures.get(queue)
    if queue in policy.capped_queues or measure is not None:
        # Over all queues, including those that the rep has left.
        for row in rows.values():
            if row.open_leads:
                open_leads[row.rep] = open_leads.get(row.rep, 0) + row.open_leads
    why_not = _why_not(changes, policy, at, demands, open_leads)
    candidates: list[Candidate] = []
    is_plain = demands == ANYBODY and not changes.by_key(AwayRepRow)
    for entry in roster.at(at):
        rep, weight, _skipped, detail, max_open, caps = entry
        skipped: Skipped | None = entry.skipped
        is_full = max_open is not None and open_leads.get(rep, 0) >= max_open
        if is_full or caps is not None or not is_plain:
            skipped, detail = why_not(entry)
        own = rows.get((queue, rep))
        balance, credits_ = (own.balance, own.credits) if own is not None else (0, 0)
        if measure is None:
            candidates.append(Candidate(rep, weight, balance, skipped, credits_, detail))
            continue
        assigned = (changes.get(RepRow, rep) or RepRow(rep)).assigned if caps is not None else ()
        measured = measure(entry, open_leads.get(rep, 0), assigned, at)
        before = own.number_before if own is not None else 0
        candidates.append(
            Candidate(rep, weight, balance, skipped, credits_, detail, measured, number_before=before)
        )
    return candidates


def passed_over(
    changes: ChangeSet, policy: RoutingPolicy, owner: OwnerFacts, at: datetime, demands: Demands
) -> Considered | None:
    """Return why the owner of an account gets no new lead of it now, None where nothing is in the way.

    Off hours are in the way only if the owner is not back within the time to accept a lead of the queue.
    """
    rep = owner.rep or ""
    entry = _owner_entry(policy, rep, owner.queue or "", at)
    if entry is None:
        return None
    open_leads = sum(row.open_leads for row in changes.find(RepQueueRow, "rep", rep))
    skipped, detail = _why_not(changes, policy, at, demands, {rep: open_leads})(entry)
    return None if skipped is None else Considered(skipped, rep=rep, detail=detail)


def considered_again(
    recorded: Considered,
    policy: RoutingPolicy,
    at: datetime,
    demands: Demands,
    *,
    queues: Collection[str],
    owner_of: str | None = None,
) -> Considered:
    """Return the result of a rep of a recorded decision, evaluated as far as the policy decides it.

    Facts are taken from the record: that the rep was said to be unavailable, was at a limit, or excluded. Of
    the owner of an account, `owner_of` is the queue that the owner has it in. `queues` are those that were
    tried.
    """
    rep = policy.rep_of(str(recorded.rep))
    if recorded.skipped == "excluded":
        return recorded
    if rep is None or (owner_of is None and not {*queues} & {*rep.queues}):
        return replace(recorded, skipped="not_in_queue", detail=None)
    schedule = policy.schedules[rep.id]
    entry = schedule.entry(at) if owner_of is None else _owner_entry(policy, rep.id, owner_of, at)
    known = _why_not(ChangeSet(IdentityMap()), policy, at, demands, {})
    skipped, detail = known(entry._replace(max_open=None, caps=None)) if entry is not None else (None, None)
    is_said = recorded.skipped == "unavailable" and recorded.detail is None
    if skipped in ("not_in_territory", "lacks_skill") or (skipped is not None and not is_said):
        return replace(recorded, skipped=skipped, detail=detail)
    if is_said or recorded.skipped == "at_cap":
        return recorded
    return replace(recorded, skipped="lower_share", detail=None)


def in_words(considered: Considered) -> str:
    """Return why a rep was passed over; an empty text for a reason that the rotation explains."""
    skipped, detail = considered.skipped, considered.detail
    if detail is None or skipped not in _WITH_DETAIL:
        return _WHY_SKIPPED.get(skipped, "")
    return _WITH_DETAIL[skipped].format(detail=detail)


def count_assignment(changes: ChangeSet, policy: RoutingPolicy, rep: str, at: datetime) -> None:
    """Count a new assignment under the caps of the rep, if there are any."""
    schedule = policy.schedules.get(rep)
    if schedule is not None and schedule.caps is not None:
        changes.put(assigned_at(changes.get(RepRow, rep) or RepRow(rep), at, schedule.caps.depth))


def uncount_assignment(changes: ChangeSet, rep: str, at: datetime) -> None:
    """Count an assignment of that time no longer, as it was credited back."""
    row = changes.get(RepRow, rep)
    if row is not None:
        changes.put(given_back(row, at))


def _owner_entry(policy: RoutingPolicy, rep: str, queue: str, at: datetime) -> RosterEntry | None:
    """Return the rep at an instant, at work also if back within the time to accept a lead of the queue."""
    schedule, settings = policy.schedules.get(rep), policy.queues.get(queue)
    if schedule is None:
        return None
    entry = schedule.entry(at)
    if entry.skipped == "off_hours" and settings is not None:
        back = schedule.next_free(at)
        if back is not None and back - at <= settings.accept_within.timedelta:
            return entry._replace(skipped=None, detail=None)
    return entry


def _why_not(
    changes: ChangeSet,
    policy: RoutingPolicy,
    at: datetime,
    demands: Demands,
    open_leads: Mapping[str, int],
) -> Callable[[RosterEntry], tuple[Skipped | None, str | None]]:
    """Return the function that gives the reason why a rep may not get the lead, and the detail."""
    away, reps = changes.by_key(AwayRepRow), changes.by_key(RepRow)
    territory = policy.territories.get(demands.territory or "")
    skills, skills_of, now = demands.skills, policy.skills, microseconds(at)

    def why_not(entry: RosterEntry) -> tuple[Skipped | None, str | None]:
        rep, _weight, skipped, detail, max_open, caps = entry
        if territory is not None and rep not in territory:
            return "not_in_territory", None
        if skills and not skills <= skills_of[rep]:
            return "lacks_skill", ", ".join(sorted(skills - skills_of[rep]))
        if away and (rep,) in away:
            return "unavailable", None
        if skipped is not None:
            return skipped, detail
        if max_open is not None and open_leads.get(rep, 0) >= max_open:
            return "at_cap", f"{max_open} open"
        row = reps.get((rep,)) if caps is not None else None
        reached = caps.reached(row.assigned, now) if caps is not None and row is not None else None
        return ("at_cap", reached) if reached is not None else (None, None)

    return why_not
