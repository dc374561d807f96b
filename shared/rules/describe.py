"""Comparisons as sentences for people: `company employees is 420, at least 20`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from shared.rules.evaluate import DecidingComparison
from shared.rules.operators import OPERATORS
from shared.rules.syntax import Compare

_SHOWN_MAX: Final = 80
_LISTED_MAX: Final = 6


def sentence(decider: DecidingComparison) -> str:
    """Return the fact that a comparison saw and what it came to, as a sentence."""
    compare, label = decider.compare, label_of(decider.compare.field)
    operator = OPERATORS[compare.op]
    if decider.truth is None:
        return f"{label} is not known"
    positive, negative = operator.sentences
    template = positive if decider.truth is (operator.negates is None) else negative
    return template.format(label=label, fact=shown(decider.fact), **_shown_value(compare))


def sentences(deciders: Iterable[DecidingComparison]) -> tuple[str, ...]:
    """Return the sentences, each once."""
    return tuple(dict.fromkeys(map(sentence, deciders)))


@lru_cache(maxsize=4_000)
def label_of(field: str) -> str:
    """Return a field's name as words."""
    return field.replace(".", " ").replace("_", " ")


def shown(value: Any) -> str:
    """Return a value of a fact or of the policy, shortened, for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return date.isoformat(value)
    if isinstance(value, tuple | list | set | frozenset):
        each = [
            shown(one) for one in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)
        ]
        more = f" or {len(each) - _LISTED_MAX} more" if len(each) > _LISTED_MAX else ""
        return ", ".join(each[:_LISTED_MAX]) + more
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 1]}…"


@lru_cache(maxsize=4_000)
def _shown_value(compare: Compare) -> dict[str, str]:
    value = compare.value
    ends = value if isinstance(value, tuple) else (value,)
    return {"value": shown(value), "low": shown(ends[0]), "high": shown(ends[-1])}
