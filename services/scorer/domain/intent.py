"""Intent: what the person did and what happened at the account, 0 to 100, with a line for every fact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, Literal

from msgspec import Struct

from services.scorer.domain.decay import Course
from services.scorer.policy import CompiledIntentRule, CompiledSignalRule, ScoringPolicy
from shared.lead.events.parts import Activity
from shared.lead.events.scoring import ScoreLine, Signals
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.facts import activity_facts, signal_facts
from shared.rules.syntax import Facts

Sums = dict[CompiledIntentRule | CompiledSignalRule, int]
"""Points by rule, before any cap."""
_NOTHING: Final[Facts] = {}


class Match(Struct, frozen=True, gc=False):
    """One fact under one rule: its points follow the rule's course from `anchor` on."""

    rule: CompiledIntentRule | CompiledSignalRule
    type: str
    fact: str
    anchor: datetime
    course: Course
    expires_at: datetime | None = None

    def points(self, at: datetime) -> int:
        return self.course.worth(at - self.anchor)

    def lives(self, at: datetime) -> bool:
        """Tell whether this signal is live: worth a point or more, and not expired."""
        return self.points(at) >= 1 and (self.expires_at is None or at < self.expires_at)


class Matches(Struct, frozen=True):
    """Everything that gives intent. `unruled` are signals that no rule counts, with their end."""

    activities: tuple[Match, ...] = ()
    signals: tuple[Match, ...] = ()
    unruled: tuple[tuple[str, datetime], ...] = ()


class Intent(Struct, frozen=True):
    """The lines sum to `points`; a cap is a line of its own, negative."""

    points: int
    lines: list[ScoreLine]


def match_facts(
    activities: Iterable[Activity],
    signals: Iterable[SignalReceivedV1],
    facts: Facts,
    at: datetime,
    policy: ScoringPolicy,
) -> Matches:
    """Return each activity and signal under each rule that it matches."""
    done: list[Match] = []
    for activity in activities:
        rules = _activity_rules(activity, facts, at, policy)
        if rules:
            type_, anchor = activity.type, activity.at
            fact = fact_named(type_, anchor)
            done += [Match(rule, type_, fact, anchor, rule.course) for rule in rules]
    happened: list[Match] = []
    unruled: list[tuple[str, datetime]] = []
    for signal in signals:
        found = _signal_matches(signal, facts, at, policy)
        happened += found
        if not found and signal.expires_at is not None:
            unruled.append((signal.type, signal.expires_at))
    return Matches(tuple(done), tuple(happened), tuple(unruled))


def score_intent(matches: Matches, at: datetime, policy: ScoringPolicy) -> Intent:
    """Return the intent at an instant, the weightiest lines first."""
    sums: Sums = {}
    lines: list[ScoreLine] = []
    for part, found in _parts(matches):
        for match in found:
            points = match.course.worth(at - match.anchor)
            if points:
                rule = match.rule
                sums[rule] = sums.get(rule, 0) + points
                lines.append(ScoreLine(part, rule.name, match.fact, points, _why(points, rule.points)))
    lines.sort(key=attrgetter("points"), reverse=True)
    lines += _cap_lines(sums, policy)
    return Intent(capped(sums, policy), lines)


def capped(sums: Sums, policy: ScoringPolicy) -> int:
    """Return the intent that sums of points give under the caps of rules, of groups and of intent itself."""
    total = 0
    groups: dict[str, int] = {}
    for rule, points in sums.items():
        most = rule.max
        given = points if most is None or points < most else most
        if rule.group is None:
            total += given
        else:
            groups[rule.group] = groups.get(rule.group, 0) + given
    for group, points in groups.items():
        total += min(points, policy.group_caps.get(group, points))
    return min(total, policy.intent_cap)


def sums_at(matches: Iterable[Match], at: datetime) -> Sums:
    """Return the points by rule at an instant."""
    sums: Sums = {}
    for match in matches:
        rule = match.rule
        sums[rule] = sums.get(rule, 0) + match.course.worth(at - match.anchor)
    return sums


def live_signals(matches: Matches, at: datetime) -> Signals:
    """Return the signals that are live at an instant."""
    living = [match for match in matches.signals if match.lives(at)]
    types = {match.type for match in living}
    types.update(type_ for type_, expires_at in matches.unruled if at < expires_at)
    return Signals(any(match.rule.strong for match in living), sorted(types))


def strongest_activity(
    activities: Iterable[Activity], facts: Facts, at: datetime, policy: ScoringPolicy
) -> str | None:
    """Return the type of the activity that is worth most at an instant, of equals the latest."""

    def weight(activity: Activity) -> tuple[int, datetime, str]:
        rules = _activity_rules(activity, facts, at, policy)
        worth = sum(rule.course.worth(at - activity.at) for rule in rules)
        return worth, activity.at, activity.type

    return max(map(weight, activities), default=(0, at, None))[2]


def _activity_rules(
    activity: Activity, facts: Facts, at: datetime, policy: ScoringPolicy
) -> Sequence[CompiledIntentRule]:
    on = policy.intent_on.get(activity.type)
    if on is None:
        return ()
    if on.by_url is not None and _may_be_remembered(activity.url):
        return on.by_url[activity.url]
    if on.matching is not None:
        return on.matching(activity_facts(facts if on.reads_lead else _NOTHING, activity), at)
    return on.rules


def _may_be_remembered(url: str | None) -> bool:
    """Tell whether a URL names a page alone; what follows it may be about a person, who may be erased."""
    return url is None or ("?" not in url and "#" not in url)


def _signal_matches(
    signal: SignalReceivedV1, facts: Facts, at: datetime, policy: ScoringPolicy
) -> Sequence[Match]:
    on = policy.signals_on.get(signal.type)
    if on is None:
        return ()
    rules: Sequence[CompiledSignalRule] = on.rules
    if on.matching is not None:
        rules = on.matching(signal_facts(facts if on.reads_lead else _NOTHING, signal), at)
    fact, ends = fact_named(signal.type, signal.occurred_at), signal.expires_at
    anchored = [(rule, anchor_of(rule.rises, signal)) for rule in rules]
    return [
        Match(rule, signal.type, fact, anchor, rule.course, ends)
        for rule, anchor in anchored
        if anchor is not None
    ]


def anchor_of(rises: timedelta | None, signal: SignalReceivedV1) -> datetime | None:
    """Return from when on a signal's points run; None: they rise to a day that it does not name."""
    return signal.occurred_at if rises is None else expiry_day(signal.details)


def expiry_day(details: Mapping[str, Any]) -> datetime | None:
    """Return the beginning, in UTC, of the day that `expires_on` names; None when it cannot be read."""
    try:
        return datetime.combine(date.fromisoformat(str(details.get("expires_on"))[:10]), time(), UTC)
    except ValueError:
        return None


def _parts(matches: Matches) -> Iterator[tuple[Literal["intent", "signal"], tuple[Match, ...]]]:
    yield "intent", matches.activities
    yield "signal", matches.signals


@lru_cache(maxsize=4_096)
def _why(points: int, full: int) -> str:
    return f"{points} of {full} points at this time"


def fact_named(type_: str, at: datetime) -> str:
    """Return how a line names an activity or a signal."""
    return _on_day(type_, at.toordinal())


@lru_cache(maxsize=4_096)
def _on_day(type_: str, day: int) -> str:
    return f"{type_} on {date.fromordinal(day).isoformat()}"


def _cap_lines(sums: Sums, policy: ScoringPolicy) -> Iterator[ScoreLine]:
    """Give a negative line for each cap that was reached: of rules, of groups, of intent."""
    groups: dict[str, int] = {}
    total = 0
    for rule, points in sums.items():
        given = points
        if rule.max is not None and points > rule.max:
            yield _cap(rule.name, "max", rule.max, points)
            given = rule.max
        if rule.group is None:
            total += given
        else:
            groups[rule.group] = groups.get(rule.group, 0) + given
    for group, points in groups.items():
        cap = policy.group_caps.get(group, points)
        if points > cap:
            yield _cap(group, "group", cap, points)
        total += min(points, cap)
    if total > policy.intent_cap:
        yield _cap("intent", "cap", policy.intent_cap, total)


def _cap(name: str, fact: str, cap: int, points: int) -> ScoreLine:
    return ScoreLine("intent", name, fact, cap - points, f"{name} gives at most {cap}")
