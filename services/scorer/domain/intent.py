"""Intent: what the person did and what happened at the account, 0 to 100, with a line for every fact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time

from msgspec import Struct

from services.scorer.domain.decay import Course
from services.scorer.domain.facts import activity_facts, signal_facts
from services.scorer.domain.policy import Facts, IntentRule, ScoringPolicy, SignalRule
from shared.events.parts import Activity
from shared.events.scoring import Line, Signals
from shared.events.signal_received import SignalReceivedV1


class Match(Struct, frozen=True):
    """One fact under one rule: its points follow `course` from `anchor` on."""

    rule: IntentRule | SignalRule
    type: str
    at: datetime
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
    lines: list[Line]


class Tally:
    """Sums of points under the caps of rules, of groups and of intent itself; kept up step by step."""

    def __init__(self, policy: ScoringPolicy) -> None:
        self._group_caps = policy.group_caps
        self._cap = policy.intent_cap
        self.by_rule: dict[IntentRule | SignalRule, int] = defaultdict(int)
        self.by_group: dict[str, int] = defaultdict(int)
        self.sum = 0

    @property
    def intent(self) -> int:
        return min(self.sum, self._cap)

    def add(self, match: Match, points: int) -> None:
        """Add points (or take, when negative) under the rule of `match`."""
        rule = match.rule
        before = self.by_rule[rule]
        after = self.by_rule[rule] = before + points
        if isinstance(rule, SignalRule):
            self.sum += points
            return
        if rule.max is not None:
            before, after = min(before, rule.max), min(after, rule.max)
        if rule.group is not None and rule.group in self._group_caps:
            cap = self._group_caps[rule.group]
            inside = self.by_group[rule.group]
            self.by_group[rule.group] = inside + after - before
            before, after = min(inside, cap), min(inside + after - before, cap)
        self.sum += after - before

    def caps(self) -> Iterable[Line]:
        """Return a negative line for each cap that was reached."""
        for rule, points in self.by_rule.items():
            if isinstance(rule, IntentRule) and rule.max is not None and points > rule.max:
                yield _cap(rule.name, "max", rule.max, points)
        for group, points in self.by_group.items():
            if points > self._group_caps[group]:
                yield _cap(group, "group", self._group_caps[group], points)
        if self.sum > self._cap:
            yield _cap("intent", "cap", self._cap, self.sum)


def match_facts(
    activities: Iterable[Activity], signals: Iterable[SignalReceivedV1], facts: Facts, policy: ScoringPolicy
) -> Matches:
    """Return each activity and signal under each rule that it matches."""
    matched: list[Match] = []
    unruled: list[tuple[str, datetime]] = []
    for signal in signals:
        found = list(_signal_matches(signal, facts, policy))
        matched += found
        if not found and signal.expires_at is not None:
            unruled.append((signal.type, signal.expires_at))
    return Matches(
        tuple(match for activity in activities for match in _activity_matches(activity, facts, policy)),
        tuple(matched),
        tuple(unruled),
    )


def score_intent(matches: Matches, at: datetime, policy: ScoringPolicy) -> Intent:
    """Return the intent at an instant. The lines are in an order of their own, whatever that of the facts."""
    tally = Tally(policy)
    lines = []
    for match in (*matches.activities, *matches.signals):
        points = match.points(at)
        if points:
            tally.add(match, points)
            lines.append(_line(match, points))
    lines.sort(key=_by_weight)
    lines += sorted(tally.caps(), key=_by_weight)
    return Intent(tally.intent, lines)


def live_signals(matches: Matches, at: datetime) -> Signals:
    """Return the signals that are live at an instant."""
    living = [match for match in matches.signals if match.lives(at)]
    types = {match.type for match in living}
    types.update(type_ for type_, expires_at in matches.unruled if at < expires_at)
    return Signals(
        any(isinstance(match.rule, SignalRule) and match.rule.strong for match in living), sorted(types)
    )


def strongest_activity(
    activities: Iterable[Activity], facts: Facts, at: datetime, policy: ScoringPolicy
) -> str | None:
    """Return the type of the activity that is worth most at an instant, of equals the latest."""

    def weight(activity: Activity) -> tuple[int, datetime, str]:
        worth = sum(match.points(at) for match in _activity_matches(activity, facts, policy))
        return worth, activity.at, activity.type

    return max(map(weight, activities), default=(0, at, None))[2]


def _activity_matches(activity: Activity, facts: Facts, policy: ScoringPolicy) -> Iterable[Match]:
    own: Facts | None = None
    for rule in policy.intent_rules_on.get(activity.type, ()):
        if rule.when is not None:
            own = own or activity_facts(facts, activity)
            if not rule.when(own):
                continue
        yield Match(rule, activity.type, activity.at, activity.at, rule.course)


def _signal_matches(signal: SignalReceivedV1, facts: Facts, policy: ScoringPolicy) -> Iterable[Match]:
    for rule in policy.signal_rules_on.get(signal.type, ()):
        if rule.when is not None and not rule.when(signal_facts(facts, signal)):
            continue
        anchor = signal.occurred_at if rule.rises is None else expiry_day(signal.details)
        if anchor is not None:
            yield Match(rule, signal.type, signal.occurred_at, anchor, rule.course, signal.expires_at)


def expiry_day(details: Mapping[str, object]) -> datetime | None:
    """Return the beginning, in UTC, of the day that `expires_on` names; None when it cannot be read."""
    text = details.get("expires_on")
    try:
        return datetime.combine(date.fromisoformat(str(text)[:10]), time(), UTC) if text else None
    except ValueError:
        return None


def _line(match: Match, points: int) -> Line:
    rule = match.rule
    fact = f"{match.type} {match.at.isoformat(timespec='seconds')}"
    why = f"{match.type} gives {rule.points}"
    if points != rule.points:
        why = f"{why}, {points} by now" if rule.half_life is not None else f"{why} in time, {points} by now"
    return Line("signal" if isinstance(rule, SignalRule) else "intent", rule.name, fact, points, why)


def _cap(name: str, fact: str, cap: int, points: int) -> Line:
    return Line("intent", name, fact, cap - points, f"{name} gives at most {cap}")


def _by_weight(line: Line) -> tuple[int, str, str]:
    return -line.points, line.rule, line.fact
