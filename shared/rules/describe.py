"""Sentences about comparisons, for explanations: `company employees is 420, at least 20`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from shared.rules.evaluate import DecidingComparison
from shared.rules.operators import OPERATORS
from shared.rules.syntax import Compare
from shared.shortened import shortened

_SHOWN_MAX: Final = 80
_LISTED_MAX: Final = 6


def sentence(decider: DecidingComparison) -> str:
    """Return a sentence that names the fact of a comparison and its truth."""
    compare, label = decider.compare, label_of(decider.compare.field)
    operator = OPERATORS[compare.op]
    if decider.truth is None:
        return f"{label} is not known"
    positive, negative = operator.sentences
    template = positive if decider.truth is (operator.negates is None) else negative
    return template.format(label=label, fact=shown(decider.fact), **_shown_value(compare))


def sentences(deciders: Iterable[DecidingComparison]) -> tuple[str, ...]:
    """Return the sentences in order, without duplicates."""
    return tuple(dict.fromkeys(map(sentence, deciders)))


@lru_cache(maxsize=4_000)
def label_of(field: str) -> str:
    """Return the name of a field as words: `company employees`."""
    return field.replace(".", " ").replace("_", " ")


def shown(value: Any) -> str:
    """Return a fact or a value as text of at most 80 characters, lists with at most six items."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return date.isoformat(value)
    if isinstance(value, tuple | list | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        more = f" or {len(items) - _LISTED_MAX} more" if len(items) > _LISTED_MAX else ""
        return ", ".join(map(shown, items[:_LISTED_MAX])) + more
    return shortened(" ".join(str(value).split()), _SHOWN_MAX)


@lru_cache(maxsize=4_000)
def _shown_value(compare: Compare) -> dict[str, str]:
    value = compare.value
    ends = value if isinstance(value, tuple) else (value,)
    return {"value": shown(value), "low": shown(ends[0]), "high": shown(ends[-1])}
