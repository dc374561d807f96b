"""The plan that leads are routed by: what the router needs of one version of the policy, made ready once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from services.router.domain.hours import WorkingHours
from shared.lead.events.routing import Considered
from shared.lead.facts import FactReaders, fact_readers
from shared.lead.fields import Scope
from shared.policy.compiled import CompiledPolicy, fields_asked
from shared.policy.models import HandOff, Queue, Rep, RoutingRule
from shared.rules.compile import concluding
from shared.rules.evaluate import Truth
from shared.rules.syntax import Condition, Facts, Rule, Use


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """The first routing rule that matches, and why each of the others was passed over."""

    rule: RoutingRule
    when: Condition
    considered: tuple[Considered, ...]


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """One version of the policy, as the router uses it.

    `take` gives the routing rule that facts lead to. `teams` are the reps of each queue by their ids and
    `places` queues and reps as pairs, `limited` are queues in which somebody holds only so many leads,
    `outside` says of each queue who is not in it, `hours` has the reps who are not always at work.
    """

    policy: CompiledPolicy
    take: Callable[[Facts, datetime], RuleMatch]
    readers: FactReaders
    reps: Mapping[str, Rep]
    teams: Mapping[str, tuple[Rep, ...]]
    limited: frozenset[str]
    outside: Mapping[str, tuple[Considered, ...]]
    hours: Mapping[str, WorkingHours]
    places: frozenset[tuple[str, str]]
    alert_reason: str

    @property
    def version(self) -> str:
        return self.policy.version

    @property
    def queues(self) -> Mapping[str, Queue]:
        return self.policy.policy.routing.queues

    @property
    def hand_off(self) -> HandOff:
        return self.policy.policy.routing.hand_off

    def rep_of(self, rep_id: str | None) -> Rep | None:
        """Return the rep of the team with that id, or None."""
        return None if rep_id is None else self.reps.get(rep_id)

    def at_work(self, rep_id: str, at: datetime) -> bool:
        """Return whether the rep works at that time."""
        hours = self.hours.get(rep_id)
        return hours is None or hours.is_open(at)

    def accept_by(self, queue: str, rep_id: str, at: datetime) -> datetime | None:
        """Return until when the rep has to accept a lead; None in a queue that the policy has no more.

        Business time is that of the rep's own hours; who has none is always at work.
        """
        terms = self.queues.get(queue)
        if terms is None:
            return None
        length, hours = terms.accept_within, self.hours.get(rep_id)
        if length.business and hours is not None:
            return hours.deadline(at, length.timedelta)
        return at + length.timedelta


def plan_of(policy: CompiledPolicy) -> RoutingPolicy:
    """Return the plan of a version of the policy."""
    reps = policy.policy.team.reps
    routing = policy.policy.routing
    by_id = sorted(reps, key=lambda rep: rep.id)
    teams = {queue: tuple(rep for rep in by_id if queue in rep.queues) for queue in routing.queues}
    conditions = (
        *(rule.when for rule in (*policy.suppress.rules, *policy.rules.rules)),
        routing.alert_owner_when,
    )
    return RoutingPolicy(
        policy=policy,
        take=_taking(policy.rules.rules),
        readers=fact_readers(fields_asked(*conditions), Scope.ROUTING),
        reps=MappingProxyType({rep.id: rep for rep in reps}),
        teams=MappingProxyType(teams),
        limited=frozenset(queue for rep in reps if rep.max_open is not None for queue in rep.queues),
        outside=MappingProxyType({queue: _outside(reps, queue) for queue in teams}),
        hours=MappingProxyType(_hours(reps)),
        places=frozenset((queue, rep.id) for queue, team in teams.items() for rep in team),
        alert_reason=_alert_reason(routing.alert_owner_when),
    )


class RoutingPolicies:
    """The plan of the policy that is active now; each version's is made once."""

    def __init__(self, policy: Callable[[], CompiledPolicy]) -> None:
        self._policy = policy
        self._plan = plan_of(policy())

    @property
    def current(self) -> RoutingPolicy:
        policy = self._policy()
        if policy is not self._plan.policy:
            self._plan = plan_of(policy)
        return self._plan


def _taking(rules: Sequence[Rule[RoutingRule]]) -> Callable[[Facts, datetime], RuleMatch]:
    def taken(truths: Sequence[Truth]) -> RuleMatch:
        first = truths.index(True)  # the last rule has no condition
        passed = [_passed(rule, truth) for rule, truth in zip(rules[:first], truths, strict=False)]
        later = [Considered("earlier_match", rule=rule.name) for rule in rules[first + 1 :]]
        return RuleMatch(rules[first].outcome, rules[first].when, (*passed, *later))

    return concluding([rule.when for rule in rules], taken)


def _passed(rule: Rule[RoutingRule], truth: Truth) -> Considered:
    return Considered("no_match" if truth is False else "unknown_field", rule=rule.name)


def _outside(reps: tuple[Rep, ...], queue: str) -> tuple[Considered, ...]:
    return tuple(Considered("not_in_queue", rep=rep.id) for rep in reps if queue not in rep.queues)


def _hours(reps: tuple[Rep, ...]) -> dict[str, WorkingHours]:
    """Return each rep's hours; those who work the same share one value, which remembers for all of them."""
    made: dict[object, WorkingHours] = {}
    found: dict[str, WorkingHours] = {}
    for rep in reps:
        if rep.hours is not None:
            kept = (rep.hours, rep.time_zone or "UTC")
            found[rep.id] = made.setdefault(kept, WorkingHours(*kept))
    return found


def _alert_reason(condition: Condition | None) -> str:
    return condition.name if isinstance(condition, Use) else "alert_owner_when"
