"""Checks icp.yaml and scoring.yaml for what has to hold between their values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from shared.lead.fields import ACTIVITY_TYPES, BANDS, SIGNAL_TYPES, FactKeys
from shared.policy.models import Icp, IntentRule, Scoring, Segment, SignalRule
from shared.policy.policy_file import File
from shared.policy.rule_tables import band_rules, disqualifier_rules, level_rules, market_rules
from shared.rules.findings import Path, did_you_mean, quoted
from shared.rules.syntax import ALWAYS, Condition, Rule

_FULL: Final = 100


def check_icp(file: File[Icp]) -> None:
    """Report faults of markets and segments."""
    icp = file.model
    file.named(icp.conditions, _icp_conditions(icp))
    for at, market in enumerate(icp.markets):
        file.condition(market.when, ("markets", at, "when"))
    markets = [Rule(each.name, each.when, each.outcome.name) for each in market_rules(icp.markets)]
    file.table(markets, ("markets",), overlaps=True)
    for at, segment in enumerate(icp.segments):
        _check_segment(file, segment, ("segments", at))


def _check_segment(file: File[Icp], segment: Segment, path: Path) -> None:
    names = [market.name for market in file.model.markets]
    most = sum(criterion.most for criterion in segment.criteria)
    if most != _FULL:
        message = f"the maxima of the criteria add up to {most}, not to {_FULL}"
        file.error((*path, "criteria"), message)
    for at, disqualifier in enumerate(segment.disqualify):
        file.condition(disqualifier.when, (*path, "disqualify", at, "when"))
    file.table(disqualifier_rules(segment.disqualify), (*path, "disqualify"))
    for at, criterion in enumerate(segment.criteria):
        levels: Path = (*path, "criteria", at, "levels")
        for number, level in enumerate(criterion.levels):
            file.condition(level.when, (*levels, number, "when"))
            file.words(level.when, (*levels, number, "when"), FactKeys.MARKET, "market", names)
        file.table(level_rules(criterion), levels)


def _icp_conditions(icp: Icp) -> Iterator[Condition | None]:
    yield from icp.conditions.values()
    yield from (market.when for market in icp.markets)
    for segment in icp.segments:
        yield from (each.when for each in segment.disqualify)
        yield from (level.when for criterion in segment.criteria for level in criterion.levels)


def check_scoring(file: File[Scoring], icp: Icp | None) -> None:
    """Report faults of intent, grades and bands; with the ICP, of names of its segments too."""
    scoring = file.model
    file.named(scoring.conditions, _scoring_conditions(scoring))
    _check_intent(file)
    _check_signals(file)
    _check_grades(file)
    _check_bands(file, icp)
    if scoring.total.fit + scoring.total.intent != _FULL:
        both = scoring.total.fit + scoring.total.intent
        file.error(("total",), f"fit and intent add up to {both} per cent, not to {_FULL}")
    file.condition(scoring.accounts.qualified_when, ("accounts", "qualified_when"))


def _scoring_conditions(scoring: Scoring) -> Iterator[Condition | None]:
    yield from scoring.conditions.values()
    yield from (rule.when for rule in scoring.intent.rules)
    yield from (rule.when for rule in scoring.intent.signals)
    yield from (band.when for band in scoring.bands)
    yield scoring.accounts.qualified_when


def _check_intent(file: File[Scoring]) -> None:
    intent = file.model.intent
    used = {rule.group for rule in intent.rules}
    for group in intent.groups:
        if group not in used:
            file.warning(("intent", "groups", group), f"no rule is in the group {group}")
    for at, rule in enumerate(intent.rules):
        path: Path = ("intent", "rules", at)
        file.condition(rule.when, (*path, "when"))
        _check_types(file, rule, path, ACTIVITY_TYPES, "activity")
        if rule.group is not None and rule.group not in intent.groups:
            file.unknown((*path, "group"), "group", rule.group, intent.groups)
        if rule.max < rule.points:
            message = f"a single activity gives {rule.points} points, but all together {rule.max} at most"
            file.warning((*path, "max"), message)


def _check_types(
    file: File[Scoring], rule: IntentRule | SignalRule, path: Path, known: tuple[str, ...], what: str
) -> None:
    for type_ in rule.on:
        if type_ not in known:
            message = f"no {what} is known as {quoted(type_)}{did_you_mean(type_, known)}"
            file.warning((*path, "on"), message)


def _check_signals(file: File[Scoring]) -> None:
    for at, rule in enumerate(file.model.intent.signals):
        path: Path = ("intent", "signals", at)
        file.condition(rule.when, (*path, "when"))
        _check_types(file, rule, path, SIGNAL_TYPES, "signal")
        if (rule.half_life is None) is (rule.rises is None):
            file.error(path, "a signal has either half_life or rises")
        if (rule.rises is None) is not (rule.ends is None):
            file.error(path, "rises and ends go together")


def _check_grades(file: File[Scoring]) -> None:
    scoring = file.model
    for part, floors in (("fit", scoring.grades.fit.floors), ("intent", scoring.grades.intent.floors)):
        path: Path = ("grades", part)
        for (better, higher), (worse, lower) in pairwise(floors):
            if lower >= higher:
                file.error((*path, worse), f"the floor of {worse} should be below {higher}, that of {better}")
            elif higher - lower < scoring.grades.hysteresis:
                width = f"{scoring.grades.hysteresis} points"
                file.warning(
                    ("grades", "hysteresis"), f"{width} are more than lie between {better} and {worse}"
                )
        last, floor = floors[-1]
        if floor != 0:
            file.error((*path, last), f"the floor of {last}, the last grade, should be 0")
    most = _most_intent(scoring)
    for grade, floor in scoring.grades.intent.floors:
        if floor > most:
            message = f"nobody reaches grade {grade}: intent is {most} at most"
            file.warning(("grades", "intent", grade), message)


def _most_intent(scoring: Scoring) -> int:
    """Return the most points that all rules can give together."""
    intent = scoring.intent
    alone = sum(rule.max for rule in intent.rules if rule.group is None)
    grouped = sum(
        min(cap, sum(rule.max for rule in intent.rules if rule.group == group))
        for group, cap in intent.groups.items()
    )
    # A signal may come any number of times.
    return intent.cap if intent.signals else min(intent.cap, alone + grouped)


def _check_bands(file: File[Scoring], icp: Icp | None) -> None:
    bands = file.model.bands
    for at, band in enumerate(bands):
        file.condition(band.when, ("bands", at, "when"))
        if icp is not None:
            segments = [segment.name for segment in icp.segments]
            file.words(band.when, ("bands", at, "when"), FactKeys.SEGMENT, "segment", segments)
    rules = [Rule(each.name, each.when, each.outcome.band) for each in band_rules(bands)]
    file.table(rules, ("bands",), fallback=True, overlaps=True)
    open_end = next((at for at, rule in enumerate(rules) if rule.when == ALWAYS), len(rules))
    given = {band.band for band in bands[: open_end + 1]}
    for name in BANDS:
        if name not in given:
            file.warning(("bands",), f"no lead is ever in the band {name}")
