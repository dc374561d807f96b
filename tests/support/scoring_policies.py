"""Policies to score by: the default one, as its files in `config/` have it, and variants of these files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from services.scorer.policy import Predicate, ScoringPolicy, scoring_policy
from shared.policy.compiled import CompiledPolicy, compiled
from shared.policy.load import load, texts_in
from shared.rules.compile import check
from shared.rules.operators import Op
from shared.rules.syntax import Compare


@cache
def default_texts() -> dict[str, str]:
    return texts_in(Path("config"))


@cache
def default_compiled() -> CompiledPolicy:
    return compiled(load(default_texts()))


@cache
def default_scoring() -> ScoringPolicy:
    return scoring_policy(default_compiled())


def texts_with(**changes: tuple[str, str]) -> dict[str, str]:
    """Return the default files in which, by the name of the file, a text (once) is another."""
    texts = dict(default_texts())
    for name, (old, new) in changes.items():
        assert texts[f"{name}.yaml"].count(old) == 1
        texts[f"{name}.yaml"] = texts[f"{name}.yaml"].replace(old, new)
    return texts


def compiled_with(**changes: tuple[str, str]) -> CompiledPolicy:
    return compiled(load(texts_with(**changes)))


def between(field: str, low: int, high: int) -> Predicate:
    """Return the condition that a number is in a range, both ends in."""
    return check(Compare(field, Op.BETWEEN, (low, high)))
