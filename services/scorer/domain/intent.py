"""Intent: what the person did and what happened at the account, 0 to 100, with a line for every fact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, Literal

from msgspec import Struct

from services.scorer.domain.decay import PointsCurve
from services.scorer.policy import CompiledIntentRule, CompiledSignalRule, ScoringPolicy
from shared.lead.events.parts import Activity
from shared.lead.events.scoring import ScoreLine, Signals
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.facts import activity_facts, signal_facts
from shared.rules.syntax import Facts

PointsByRule = dict[CompiledIntentRule | CompiledSignalRule, int]
"""Points before any cap."""
EXPIRY_FORMS: Final = (
    "The day on which the contract ends is needed, as YYYY-MM-DD (2027-03-31) or as a time of RFC 3339 "
    "(2027-03-31T00:00:00Z), of which the date counts"
)
"""What `details.expires_on` may be, for people."""
UNCOUNTED_LIVE_FOR: Final = timedelta(days=90)
"""How long a signal is live that gives no points and does not say when it expires: so long it is news."""
_NO_FACTS: Final[Facts] = {}


class MatchedFact(Struct, frozen=True, gc=False):
    """An activity or a `signal` under one rule that it matches; its age counts from `anchor`."""

    rule: CompiledIntentRule | CompiledSignalRule
    type: str
    fact: str
    anchor: datetime
    curve: PointsCurve
    expires_at: datetime | None = None
    signal: SignalReceivedV1 | None = None

    def points(self, at: datetime) -> int:
        """Return the points of the fact at an instant."""
        return self.curve.points_at(at - self.anchor)

    def is_live(self, at: datetime) -> bool:
        """Return whether this signal is live: worth a point or more, and not expired."""
        return self.points(at) >= 1 and (self.expires_at is None or at < self.expires_at)


class MatchedFacts(Struct, frozen=True):
    """All facts that give intent. `without_rule` are signals that no rule counts: type and expiry."""

    activities: tuple[MatchedFact, ...] = ()
    signals: tuple[MatchedFact, ...] = ()
    without_rule: tuple[tuple[str, datetime], ...] = ()


class IntentScore(Struct, frozen=True):
    """The points of `lines` sum to `points`; each cap that was reached is a line with negative points."""

    points: int
    lines: list[ScoreLine]


def match_facts(
    activities: Iterable[Activity],
    signals: Iterable[SignalReceivedV1],
    facts: Facts,
    at: datetime,
    policy: ScoringPolicy,
) -> MatchedFacts:
    """Return each activity and signal under each rule that it matches."""
    matched_activities: list[MatchedFact] = []
    for activity in activities:
        rules = _rules_for_activity(activity, facts, at, policy)
        if rules:
            type_, anchor = activity.type, activity.at
            fact = describe_fact(type_, anchor)
            matched_activities += [MatchedFact(rule, type_, fact, anchor, rule.curve) for rule in rules]
    matched_signals: list[MatchedFact] = []
    without_rule: list[tuple[str, datetime]] = []
    for signal in signals:
        found = match_signal(signal, facts, at, policy)
        matched_signals += found
        if not found and (until := live_until(signal, policy)) is not None:
            without_rule.append((signal.type, until))
    return MatchedFacts(tuple(matched_activities), tuple(matched_signals), tuple(without_rule))


def score_intent(matches: MatchedFacts, at: datetime, policy: ScoringPolicy) -> IntentScore:
    """Return the intent at an instant, the lines with the most points first, then the caps."""
    sums: PointsByRule = {}
    lines: list[ScoreLine] = []
    parts: tuple[tuple[Literal["intent", "signal"], tuple[MatchedFact, ...]], ...] = (
        ("intent", matches.activities),
        ("signal", matches.signals),
    )
    for part, matched in parts:
        for match in matched:
            points = match.curve.points_at(at - match.anchor)
            if points:
                rule = match.rule
                sums[rule] = sums.get(rule, 0) + points
                lines.append(
                    ScoreLine(part, rule.name, match.fact, points, _describe_points(points, rule.points))
                )
    lines.sort(key=attrgetter("points"), reverse=True)
    lines += cap_lines(sums, policy)
    return IntentScore(apply_caps(sums, policy), lines)


def apply_caps(sums: PointsByRule, policy: ScoringPolicy) -> int:
    """Return the intent for points by rule, under the caps of rules, of groups and of intent itself."""
    total = 0
    groups: dict[str, int] = {}
    for rule, points in sums.items():
        cap = rule.max
        given = points if cap is None or points < cap else cap
        if rule.group is None:
            total += given
        else:
            groups[rule.group] = groups.get(rule.group, 0) + given
    for group, points in groups.items():
        total += min(points, policy.group_caps.get(group, points))
    return min(total, policy.intent_cap)


def points_by_rule(matches: Iterable[MatchedFact], at: datetime) -> PointsByRule:
    """Return the points of each rule at an instant."""
    sums: PointsByRule = {}
    for match in matches:
        rule = match.rule
        sums[rule] = sums.get(rule, 0) + match.curve.points_at(at - match.anchor)
    return sums


def live_signals(matches: MatchedFacts, at: datetime) -> Signals:
    """Return the signals that are live at an instant."""
    live = [match for match in matches.signals if match.is_live(at)]
    types = {match.type for match in live}
    types.update(type_ for type_, expires_at in matches.without_rule if at < expires_at)
    return Signals(any(match.rule.strong for match in live), sorted(types))


def live_until(signal: SignalReceivedV1, policy: ScoringPolicy) -> datetime | None:
    """Return until when a signal is live that no rule counts: until it expires.

    One that does not say when is live for `UNCOUNTED_LIVE_FOR` if no rule is about its type, so that its
    owner hears of it. Where the rules on its type do not count it, it is not live at all (None).
    """
    if signal.expires_at is not None or signal.type in policy.signals_on:
        return signal.expires_at
    return signal.occurred_at + UNCOUNTED_LIVE_FOR


def strongest_activity(
    activities: Iterable[Activity], facts: Facts, at: datetime, policy: ScoringPolicy
) -> str | None:
    """Return the type of the activity with the most points at an instant, the latest one of equals."""

    def weight(activity: Activity) -> tuple[int, datetime, str]:
        rules = _rules_for_activity(activity, facts, at, policy)
        points = sum(rule.curve.points_at(at - activity.at) for rule in rules)
        return points, activity.at, activity.type

    return max(map(weight, activities), default=(0, at, None))[2]


def anchor_of(rises: timedelta | None, signal: SignalReceivedV1) -> datetime | None:
    """Return the instant from which a signal's age counts under a rule.

    A rule that rises counts from the day that the signal names in `details.expires_on`; `None` without one.
    """
    return signal.occurred_at if rises is None else expiry_day(signal.details)


def expiry_day(details: Mapping[str, Any]) -> datetime | None:
    """Return the start (UTC) of the day in `details.expires_on`, `None` when it cannot be read.

    It is a date of ISO 8601, or a time of which the date counts as it is written; see `EXPIRY_FORMS`.
    """
    try:
        day = datetime.fromisoformat(str(details.get("expires_on")).strip()).date()
    except ValueError:
        return None
    return datetime.combine(day, time(), UTC)


def describe_fact(type_: str, at: datetime) -> str:
    """Return how a line refers to an activity or a signal: type and day."""
    return _type_and_day(type_, at.toordinal())


def _rules_for_activity(
    activity: Activity, facts: Facts, at: datetime, policy: ScoringPolicy
) -> Sequence[CompiledIntentRule]:
    rules_on = policy.intent_on.get(activity.type)
    if rules_on is None:
        return ()
    url = activity.url
    # A query or a fragment may identify a person, who may be erased: such a URL is not kept in memory.
    if rules_on.by_url is not None and (url is None or ("?" not in url and "#" not in url)):
        return rules_on.by_url[url]
    if rules_on.matching is not None:
        return rules_on.matching(activity_facts(facts if rules_on.reads_lead else _NO_FACTS, activity), at)
    return rules_on.rules


def match_signal(
    signal: SignalReceivedV1, facts: Facts, at: datetime, policy: ScoringPolicy
) -> Sequence[MatchedFact]:
    """Return a signal under each rule that it matches; a rule that rises needs a day to rise to."""
    rules_on = policy.signals_on.get(signal.type)
    if rules_on is None:
        return ()
    rules: Sequence[CompiledSignalRule] = rules_on.rules
    if rules_on.matching is not None:
        rules = rules_on.matching(signal_facts(facts if rules_on.reads_lead else _NO_FACTS, signal), at)
    fact = describe_fact(signal.type, signal.occurred_at)
    return [
        MatchedFact(rule, signal.type, fact, anchor, rule.curve, signal.expires_at, signal)
        for rule in rules
        if (anchor := anchor_of(rule.rises, signal)) is not None
    ]


@lru_cache(maxsize=4_096)
def _describe_points(points: int, full: int) -> str:
    return f"{points} of {full} points at this time"


@lru_cache(maxsize=4_096)
def _type_and_day(type_: str, day: int) -> str:
    return f"{type_} on {date.fromordinal(day).isoformat()}"


def cap_lines(sums: PointsByRule, policy: ScoringPolicy) -> Iterator[ScoreLine]:
    """Yield a line with negative points for each cap that was reached: of rules, of groups, of intent."""
    groups: dict[str, int] = {}
    total = 0
    for rule, points in sums.items():
        given = points
        if rule.max is not None and points > rule.max:
            yield _cap_line(rule.name, "max", rule.max, points)
            given = rule.max
        if rule.group is None:
            total += given
        else:
            groups[rule.group] = groups.get(rule.group, 0) + given
    for group, points in groups.items():
        cap = policy.group_caps.get(group, points)
        if points > cap:
            yield _cap_line(group, "group", cap, points)
        total += min(points, cap)
    if total > policy.intent_cap:
        yield _cap_line("intent", "cap", policy.intent_cap, total)


def _cap_line(name: str, fact: str, cap: int, points: int) -> ScoreLine:
    return ScoreLine("intent", name, fact, cap - points, f"{name} gives at most {cap}")
