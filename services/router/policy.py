"""The routing policy: what the router needs of one version of the policy, computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from services.router.domain.hours import WorkingHours
from services.router.domain.limits import microseconds
from services.router.domain.schedule import RepSchedule, Roster
from services.router.domain.state import RepRow
from shared.lead.events.routing import Considered, Distribution
from shared.lead.facts import FactReaders, fact_readers
from shared.lead.fields import Scope
from shared.policy.compiled import CompiledPolicy, compared_fields
from shared.policy.hours import ROUND_THE_CLOCK, Hours
from shared.rules.comparison import Truth
from shared.rules.compile import concluding, first_match
from shared.rules.syntax import Condition, Facts, Rule, Use

if TYPE_CHECKING:
    from services.router.domain.schedule import RosterEntry
    from shared.policy.models import HandOff, Queue, Rep, RoutingRule, Team

Measure = Callable[
    ["Sequence[RosterEntry]", Mapping[str, int], Mapping[tuple[str, ...], RepRow], datetime], list[int]
]
"""Measures reps by their open leads and their rows; the least comes first."""
NO_LIMIT: Final = -(2**31)
"""What `most_capacity` measures of a rep without limits: more room than anybody."""
_YEARS_CACHED: Final = 16
"""Of each calendar."""


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """The first routing rule that matches, and for each other rule why it was not taken."""

    rule: RoutingRule
    when: Condition
    considered: tuple[Considered, ...]


class Demands(NamedTuple):
    """What a lead demands of the rep who gets it: to be in its territory, and to have all `skills`."""

    territory: str | None = None
    skills: frozenset[str] = frozenset()


ANYBODY: Final = Demands()
"""The demands of a lead that any rep may have."""


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """One version of the policy, as the router uses it.

    `first_match` returns the routing rule for facts at an instant, `territory_of` the name of the first
    territory that matches. `owners` has the reps, and those managers who are none. `teams` has the reps of
    each queue, sorted by id, and `rep_queues` the same as pairs of queue and rep id; `schedules` has them by
    id. `territories` has the reps of each, `skills` those of each rep, and `demanded_skills` those that a
    rule demands. `counting_queues` are the queues in which the open leads of a rep matter, and `cap_depths`
    says how many assignments of each rep with caps are counted. `measures` says who comes first in the queues
    that do not distribute by weight. `not_in_queue` lists, for each queue, the reps who are not in it.
    `hours` has the reps who have working hours or a calendar; the others are always at work. A version
    that does not `explain` its decisions gives them an empty brief and does not say why reps were passed
    over: a replay has no reader, and words are most of what a decision costs.
    """

    compiled: CompiledPolicy
    first_match: Callable[[Facts, datetime], RuleMatch]
    readers: FactReaders
    reps: Mapping[str, Rep]
    owners: Mapping[str, Rep]
    teams: Mapping[str, Roster]
    schedules: Mapping[str, RepSchedule]
    territory_of: Callable[[Facts, datetime], str | None]
    territories: Mapping[str, frozenset[str]]
    skills: Mapping[str, frozenset[str]]
    demanded_skills: Mapping[str, frozenset[str]]
    counting_queues: frozenset[str]
    measures: Mapping[str, Measure]
    cap_depths: Mapping[str, int]
    not_in_queue: Mapping[str, tuple[Considered, ...]]
    hours: Mapping[str, WorkingHours]
    rep_queues: frozenset[tuple[str, str]]
    alert_reason: str
    explains: bool = True

    @property
    def version(self) -> str:
        return self.compiled.version

    @property
    def queues(self) -> Mapping[str, Queue]:
        return self.compiled.policy.routing.queues

    def distribution(self, queue: str) -> Distribution:
        """Return how a queue distributes; by weight if the policy no longer has it."""
        settings = self.queues.get(queue)
        return settings.distribute if settings is not None else "weighted"

    @property
    def hand_off(self) -> HandOff:
        return self.compiled.policy.routing.hand_off

    def owner_of(self, owner_id: str | None) -> Rep | None:
        """Return the rep of that id, or a manager as a rep without queues; None if the team has neither."""
        return None if owner_id is None else self.owners.get(owner_id)

    def rep_of(self, rep_id: str | None) -> Rep | None:
        """Return the rep with that id, None if the team has none."""
        return None if rep_id is None else self.reps.get(rep_id)

    def demands(self, rule: str, territory: str | None) -> Demands:
        """Return what a lead of a rule and a territory demands; what the policy lacks demands nothing."""
        known = territory if territory in self.territories else None
        return Demands(known, self.demanded_skills.get(rule, frozenset()))

    def accept_by(self, queue: str, rep_id: str, at: datetime) -> datetime | None:
        """Return until when the rep has to accept a lead; None if the policy no longer has the queue.

        Business time counts in the rep's own working hours, without days off.
        """
        settings = self.queues.get(queue)
        if settings is None:
            return None
        length, hours = settings.accept_within, self.hours.get(rep_id)
        if length.business and hours is not None:
            return hours.deadline(at, length.timedelta)
        return at + length.timedelta


def routing_policy_of(policy: CompiledPolicy) -> RoutingPolicy:
    """Compute what the router needs of a version of the policy."""
    reps = policy.policy.team.reps
    routing = policy.policy.routing
    alert = routing.alert_owner_when
    by_id = sorted(reps, key=lambda rep: rep.id)
    hours = working_hours_of(policy.policy.team)
    schedules = {rep.id: RepSchedule(rep, hours.get(rep.id)) for rep in by_id}
    teams = {
        queue: Roster(schedules[rep.id] for rep in by_id if queue in rep.queues) for queue in routing.queues
    }
    conditions = (
        *(rule.when for rule in (*policy.suppress.rules, *policy.rules.rules)),
        alert,
        *(territory.when for territory in routing.territories),
    )
    return RoutingPolicy(
        compiled=policy,
        first_match=_first_match(policy.rules.rules),
        readers=fact_readers(compared_fields(*conditions), Scope.ROUTING),
        reps=MappingProxyType({rep.id: rep for rep in reps}),
        owners=MappingProxyType(policy.policy.team.owners),
        teams=MappingProxyType(teams),
        schedules=MappingProxyType(schedules),
        territory_of=first_match([Rule(one.name, one.when, one.name) for one in routing.territories]),
        territories=MappingProxyType({one.name: frozenset(one.reps) for one in routing.territories}),
        skills=MappingProxyType({rep.id: frozenset(rep.skills) for rep in reps}),
        demanded_skills=MappingProxyType(
            {one.name: frozenset(one.skills) for one in routing.rules if one.skills}
        ),
        cap_depths=MappingProxyType({rep.id: max(cap.count for cap in rep.caps) for rep in reps if rep.caps}),
        counting_queues=frozenset(
            name
            for name, settings in routing.queues.items()
            if settings.distribute in ("least_open", "most_capacity")
            or any(rep.max_open is not None for rep in reps if name in rep.queues)
        ),
        measures=MappingProxyType(_measures(policy)),
        not_in_queue=MappingProxyType(
            {
                queue: tuple(
                    Considered("not_in_queue", rep=rep.id) for rep in reps if queue not in rep.queues
                )
                for queue in teams
            }
        ),
        hours=MappingProxyType(hours),
        rep_queues=frozenset((queue, rep.id) for rep in reps for queue in rep.queues if queue in teams),
        alert_reason=alert.name if isinstance(alert, Use) else "alert_owner_when",
    )


def working_hours_of(team: Team) -> dict[str, WorkingHours]:
    """Return the working hours of the reps who are not always at work, by id.

    A rep who has a calendar and no hours works round the clock on the other days.
    """
    days_off = {
        name: lru_cache(maxsize=_YEARS_CACHED)(calendar.days_off) for name, calendar in team.calendars.items()
    }

    # Reps with equal hours share one object and so its cached span.
    @cache
    def working_hours(hours: Hours, zone: str, calendar: str | None) -> WorkingHours:
        return WorkingHours(hours, zone, days_off.get(calendar or ""))

    return {
        rep.id: working_hours(rep.hours or ROUND_THE_CLOCK, rep.time_zone or "UTC", rep.calendar)
        for rep in team.reps
        if rep.hours is not None or rep.calendar is not None
    }


def _measures(policy: CompiledPolicy) -> dict[str, Measure]:
    """Return the measure of each queue that does not distribute by weight."""
    places = {rep.id: place for place, rep in enumerate(policy.policy.team.reps)}

    def in_order(
        reps: Sequence[RosterEntry], _open_leads: Mapping[str, int], _rows: object, _at: datetime
    ) -> list[int]:
        return [places[entry[0]] for entry in reps]

    def least_open(
        reps: Sequence[RosterEntry], open_leads: Mapping[str, int], _rows: object, _at: datetime
    ) -> list[int]:
        return [open_leads.get(entry[0], 0) for entry in reps]

    def most_capacity(
        reps: Sequence[RosterEntry],
        open_leads: Mapping[str, int],
        rows: Mapping[tuple[str, ...], RepRow],
        at: datetime,
    ) -> list[int]:
        measured: list[int] = []
        for rep, _weight, _skipped, _detail, limit, caps in reps:
            room = NO_LIMIT if limit is None else min(0, open_leads.get(rep, 0) - limit)
            if caps is not None:
                row = rows.get((rep,))
                room = max(room, -caps.room(row.assigned if row is not None else (), microseconds(at)))
            measured.append(room)
        return measured

    measures: dict[str, Measure] = {
        "in_order": in_order,
        "least_open": least_open,
        "most_capacity": most_capacity,
    }
    queues = policy.policy.routing.queues.items()
    return {name: measures[queue.distribute] for name, queue in queues if queue.distribute != "weighted"}


def _first_match(rules: Sequence[Rule[RoutingRule]]) -> Callable[[Facts, datetime], RuleMatch]:
    def match_of(truths: Sequence[Truth]) -> RuleMatch:
        first = truths.index(True)  # the last rule has no condition, so one always matches
        earlier = [
            Considered("no_match" if truth is False else "unknown_field", rule=rule.name)
            for rule, truth in zip(rules[:first], truths, strict=False)
        ]
        later = [Considered("earlier_match", rule=rule.name) for rule in rules[first + 1 :]]
        return RuleMatch(rules[first].outcome, rules[first].when, (*earlier, *later))

    return concluding([rule.when for rule in rules], match_of)
