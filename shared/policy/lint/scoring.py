"""Checks scoring.yaml."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from shared.lead.fields import ACTIVITY_TYPES, BANDS, SIGNAL_TYPES, FactKeys
from shared.policy.models import Icp, IntentRule, IntentScoring, Scoring, SignalRule
from shared.policy.policy_file import PolicyFile
from shared.policy.rule_tables import band_rules
from shared.rules.findings import Path, did_you_mean, quoted
from shared.rules.syntax import ALWAYS, Rule

_TOTAL: Final = 100


def lint_scoring(file: PolicyFile[Scoring], icp: Icp | None) -> None:
    """Report faults of intent, grades and bands; with the ICP, also unknown names of its segments."""
    scoring = file.model
    conditions = [
        *(rule.when for rule in scoring.intent.rules),
        *(rule.when for rule in scoring.intent.signals),
        *(band.when for band in scoring.bands),
        scoring.accounts.qualified_when,
    ]
    file.named_conditions(scoring.conditions, conditions)
    lint_intent(file)
    lint_signals(file)
    lint_grades(file)
    lint_bands(file, icp)
    both = scoring.total.fit + scoring.total.intent
    if both != _TOTAL:
        file.error(("total",), f"fit and intent add up to {both} per cent, not to {_TOTAL}")
    file.condition(scoring.accounts.qualified_when, ("accounts", "qualified_when"))


def lint_intent(file: PolicyFile[Scoring]) -> None:
    """Report unknown and empty groups, unknown types, and a cap below the points of one activity."""
    intent = file.model.intent
    used = {rule.group for rule in intent.rules}
    for group in intent.groups:
        if group not in used:
            file.warning(("intent", "groups", group), f"no rule is in the group {group}")
    for index, rule in enumerate(intent.rules):
        path: Path = ("intent", "rules", index)
        file.condition(rule.when, (*path, "when"))
        _lint_types(file, rule, path, ACTIVITY_TYPES, "activity")
        if rule.group is not None and rule.group not in intent.groups:
            file.unknown((*path, "group"), "group", rule.group, intent.groups)
        if rule.max < rule.points:
            message = f"a single activity gives {rule.points} points, but all together {rule.max} at most"
            file.warning((*path, "max"), message)


def _lint_types(
    file: PolicyFile[Scoring],
    rule: IntentRule | SignalRule,
    path: Path,
    known: tuple[str, ...],
    what: str,
) -> None:
    for type_ in rule.on:
        if type_ not in known:
            message = f"no {what} is known as {quoted(type_)}{did_you_mean(type_, known)}"
            file.warning((*path, "on"), message)


def lint_signals(file: PolicyFile[Scoring]) -> None:
    """Report unknown types, and signals that neither or both decay and rise."""
    for index, rule in enumerate(file.model.intent.signals):
        path: Path = ("intent", "signals", index)
        file.condition(rule.when, (*path, "when"))
        _lint_types(file, rule, path, SIGNAL_TYPES, "signal")
        if (rule.half_life is None) is (rule.rises is None):
            file.error(path, "a signal has either half_life or rises")
        if (rule.rises is None) is not (rule.ends is None):
            file.error(path, "rises and ends go together")


def lint_grades(file: PolicyFile[Scoring]) -> None:
    """Report floors out of order, a last floor above 0, and grades that no lead reaches."""
    grades = file.model.grades
    for part, floors in (("fit", grades.fit.floors), ("intent", grades.intent.floors)):
        path: Path = ("grades", part)
        for (better, higher), (worse, lower) in pairwise(floors):
            if lower >= higher:
                file.error((*path, worse), f"the floor of {worse} should be below {higher}, that of {better}")
            elif higher - lower < grades.hysteresis:
                message = f"{grades.hysteresis} points are more than the distance of {better} and {worse}"
                file.warning(("grades", "hysteresis"), message)
        last, floor = floors[-1]
        if floor != 0:
            file.error((*path, last), f"the floor of {last}, the last grade, should be 0")
    most = intent_max(file.model.intent)
    for grade, floor in grades.intent.floors:
        if floor > most:
            message = f"nobody reaches grade {grade}: intent is {most} at most"
            file.warning(("grades", "intent", grade), message)


def intent_max(intent: IntentScoring) -> int:
    """Return the most points that all rules can give together."""
    if intent.signals:
        return intent.cap  # a signal may come any number of times
    alone = sum(rule.max for rule in intent.rules if rule.group is None)
    grouped = sum(
        min(cap, sum(rule.max for rule in intent.rules if rule.group == group))
        for group, cap in intent.groups.items()
    )
    return min(intent.cap, alone + grouped)


def lint_bands(file: PolicyFile[Scoring], icp: Icp | None) -> None:
    """Report dead and overlapping bands, a missing fallback, and bands that no lead is in."""
    bands = file.model.bands
    for index, band in enumerate(bands):
        file.condition(band.when, ("bands", index, "when"))
        if icp is not None:
            segments = [segment.name for segment in icp.segments]
            file.words(band.when, ("bands", index, "when"), FactKeys.SEGMENT, "segment", segments)
    rules = [Rule(rule.name, rule.when, rule.outcome.band) for rule in band_rules(bands)]
    file.table(rules, ("bands",), fallback=True, overlaps=True)
    open_end = next((index for index, rule in enumerate(rules) if rule.when == ALWAYS), len(rules))
    given = {band.band for band in bands[: open_end + 1]}
    for name in BANDS:
        if name not in given:
            file.warning(("bands",), f"no lead is ever in the band {name}")
