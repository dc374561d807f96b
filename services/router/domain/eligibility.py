"""Who may get a lead of a queue, and why each of the others may not. Whose turn it is: see `rotation`.

A rep is passed over for the first of these reasons: the lead's territory does not have the rep
(`not_in_territory`), the rep lacks a skill that the lead's rule demands (`lacks_skill`), takes no new leads
or is away (`unavailable`), is not at work (`off_hours`), has reached a limit (`at_cap`). Before them come
`not_in_queue` and `excluded`, who rejected the lead or had it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from itertools import repeat
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


_NO_LEADS: Final = RepQueueRow("", "")
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
    """Return what a routed lead demands, by the rule that chose its queue and its territory then."""
    return policy.demands(lead.demanding_rule or lead.rule, lead.territory)


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
    if queue in policy.counting_queues:
        # Over all queues, including those that the rep has left.
        open_leads = {row.rep: row.open_leads for row in rows.values()}
        if len(open_leads) < len(rows):
            open_leads = dict.fromkeys(open_leads, 0)
            for row in rows.values():
                open_leads[row.rep] += row.open_leads
    entries = roster.at(at)
    measured = measure(entries, open_leads, changes.by_key(RepRow), at) if measure else repeat(0)
    candidates = [
        # By position, which is faster: a rep with nothing to measure is measured as 0.
        Candidate(
            rep,
            weight,
            (own := rows.get((queue, rep), _NO_LEADS)).balance,
            skipped,
            own.credits,
            detail,
            least,
            False,
            own.number_before,
        )
        for (rep, weight, skipped, detail, _max_open, _caps), least in zip(entries, measured, strict=False)
    ]
    # Whom more may keep from the lead than the policy at this time: mostly nobody.
    doubtful = {rep for (rep,) in changes.by_key(AwayRepRow)} | roster.full(open_leads)
    are_all = demands != ANYBODY or roster.has_caps
    if are_all or not doubtful.isdisjoint(roster.reps):
        why_not = _why_not(changes, policy, at, demands, open_leads)
        for index, entry in enumerate(entries):
            if are_all or entry.rep in doubtful:
                skipped, detail = why_not(entry)
                candidates[index] = replace(candidates[index], skipped=skipped, detail=detail)
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


def note_assignment(changes: ChangeSet, policy: RoutingPolicy, rep_id: str, at: datetime) -> None:
    """Note what a later version of the policy may not say: who the rep's manager is, for leavers.

    A new assignment is counted under the caps of the rep, if there are any.
    """
    schedule, rep = policy.schedules.get(rep_id), policy.rep_of(rep_id)
    if schedule is None or rep is None:
        return
    before = changes.get(RepRow, rep_id) or RepRow(rep_id)
    row = replace(before, manager=rep.manager)
    if schedule.caps is not None:
        row = assigned_at(row, at, schedule.caps.depth)
    if row != before:
        changes.put(row)


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
