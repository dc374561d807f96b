"""Checks icp.yaml."""

from __future__ import annotations

from typing import Final

from shared.lead.fields import FactKeys
from shared.policy.models import Icp, Segment
from shared.policy.policy_file import PolicyFile
from shared.policy.rule_tables import disqualifier_rules, level_rules, market_rules
from shared.rules.findings import Path
from shared.rules.syntax import Rule

_FIT_MAX: Final = 100


def lint_icp(file: PolicyFile[Icp]) -> None:
    """Report faults of markets and segments."""
    icp = file.model
    conditions = [market.when for market in icp.markets]
    for segment in icp.segments:
        conditions += [disqualifier.when for disqualifier in segment.disqualify]
        conditions += [
            level.when for criterion in segment.criteria for level in criterion.levels if level.when
        ]
    file.named_conditions(icp.conditions, conditions)
    for index, market in enumerate(icp.markets):
        file.condition(market.when, ("markets", index, "when"))
    markets = [Rule(rule.name, rule.when, rule.outcome.name) for rule in market_rules(icp.markets)]
    file.table(markets, ("markets",), overlaps=True)
    for index, segment in enumerate(icp.segments):
        lint_segment(file, segment, ("segments", index))


def lint_segment(file: PolicyFile[Icp], segment: Segment, path: Path) -> None:
    """Report maxima that do not add up to 100, and faults of conditions and levels."""
    fit_max = sum(criterion.points_max for criterion in segment.criteria)
    if fit_max != _FIT_MAX:
        message = f"the maxima of the criteria add up to {fit_max}, not to {_FIT_MAX}"
        file.error((*path, "criteria"), message)
    for index, disqualifier in enumerate(segment.disqualify):
        file.condition(disqualifier.when, (*path, "disqualify", index, "when"))
    file.table(disqualifier_rules(segment.disqualify), (*path, "disqualify"))
    market_names = [market.name for market in file.model.markets]
    for index, criterion in enumerate(segment.criteria):
        levels: Path = (*path, "criteria", index, "levels")
        for number, level in enumerate(criterion.levels):
            file.condition(level.when, (*levels, number, "when"))
            file.words(level.when, (*levels, number, "when"), FactKeys.MARKET, "market", market_names)
        file.table(level_rules(criterion), levels)
