"""What the score of a lead would be with another fact, one more activity or one more signal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from services.scorer.domain.explain import account_of_scored
from services.scorer.domain.fit import score_fit
from services.scorer.domain.intent import MatchedFact, PointsByRule, apply_caps, match_facts
from services.scorer.domain.score import band_of, score_facts, with_market
from services.scorer.policy import ScoringPolicy, scoring_conditions
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Activity
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.facts import facts_of
from shared.lead.fields import SIGNAL_TYPES, FactKeys
from shared.rules.syntax import Facts, comparisons


class WhatIf:
    """The score of a lead as it was scored, under the same policy, with something changed.

    Every method returns the facts that change with the score: points, grades, band and live signals. The
    hysteresis applies from the recorded grades, as it would to the next score. `compared` are the comparisons
    that the score depends on.
    """

    def __init__(self, data: LeadScoredV1, policy: ScoringPolicy) -> None:
        """Raise `ValueError` when the policy does not give the recorded score: it is another one."""
        self._data, self._policy, self._at = data, policy, data.occurred_at
        conditions = filter(None, scoring_conditions(policy.compiled.policy))
        self.compared = tuple(compare for condition in conditions for compare in comparisons(condition))
        account = account_of_scored(data)
        self._known = facts_of(data, account, policy.fact_readers)
        self._facts = with_market(dict(self._known), self._at, policy)
        rules = {("intent", rule.name): rule for on in policy.intent_on.values() for rule in on.rules}
        signals = {("signal", rule.name): rule for on in policy.signals_on.values() for rule in on.rules}
        self._points: PointsByRule = {}
        for line in data.score.lines:
            rule = rules.get((line.part, line.rule)) or signals.get((line.part, line.rule))
            if rule is not None and line.points > 0:
                self._points[rule] = self._points.get(rule, 0) + line.points
        fit, intent = score_fit(self._facts, self._at, policy).points, apply_caps(self._points, policy)
        if (fit, intent) != (data.score.fit, data.score.intent):
            raise ValueError("the policy does not give the recorded score")

    def with_fact(self, name: str, value: Any) -> Facts:
        """Return the score with another value of a field: the fit follows, the intent stays."""
        if name.startswith(("score.", "signals.")):
            return {}
        facts = {**with_market({**self._known, name: value}, self._at, self._policy), name: value}
        fit = score_fit(facts, self._at, self._policy)
        return self._scored(facts, fit.points, self._data.score.intent)

    def with_activities(self) -> Iterator[tuple[str, Facts]]:
        """Yield each type of activity that gives points and the score with one more, least intent first."""
        more = []
        for type_ in self._policy.intent_on:
            activity = Activity(type=type_, at=self._at)
            matches = match_facts([activity], (), self._facts, self._at, self._policy).activities
            more.append((self._intent_with(matches), type_))
        for intent, type_ in sorted(more):
            yield type_, self._scored(self._facts, self._data.score.fit, intent)

    def with_signals(self) -> Iterator[tuple[str, Facts]]:
        """Yield each type of signal that gives points and the score with one more of today."""
        live, day = self._data.signals, self._at.date().isoformat()
        for type_ in SIGNAL_TYPES:
            if type_ not in self._policy.signals_on:
                continue
            fields = {"type": type_, "occurred_at": self._at, "strength": 100, "details": {"expires_on": day}}
            signal = msgspec.convert(fields, SignalReceivedV1)
            matches = match_facts((), [signal], self._facts, self._at, self._policy).signals
            scored = self._scored(self._facts, self._data.score.fit, self._intent_with(matches))
            strong = live.strong or any(match.rule.strong for match in matches)
            types = sorted({*live.types, *(match.type for match in matches)})
            yield type_, {**scored, FactKeys.SIGNALS_STRONG: strong, FactKeys.SIGNALS_TYPES: types}

    def _intent_with(self, matches: Iterable[MatchedFact]) -> int:
        points = dict(self._points)
        for match in matches:
            points[match.rule] = points.get(match.rule, 0) + match.points(self._at)
        return apply_caps(points, self._policy)

    def _scored(self, facts: Facts, fit: int, intent: int) -> Facts:
        policy, held = self._policy, self._data.score.grade
        fit_grade = policy.fit_floors.grade(fit, held[:1], policy.hysteresis)
        intent_grade = policy.intent_floors.grade(intent, held[1:], policy.hysteresis)
        changed = score_facts(fit, intent, fit_grade, intent_grade, policy)
        band = band_of({**facts, **changed}, self._at, policy)
        market = {name: facts.get(name) for name in (FactKeys.MARKET, FactKeys.MARKET_VALIDATED)}
        return {**market, **changed, FactKeys.BAND: band}
