"""Words for people: comparisons as in `company employees is 420, at least 20`, and whole conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from shared.rules.evaluate import DecidingComparison
from shared.rules.operators import OPERATORS, Op
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Not, Use
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


def condition_words(condition: Condition, label: Callable[[str], str] | None = None) -> str:
    """Return what a condition asks for: `high intent and (company employees at least 20 or owner active)`.

    `label` names fields, `label_of` by default.
    """
    match condition:
        case Compare():
            return _comparison_words(condition, (label or label_of)(condition.field))
        case Use(name):
            return label_of(name)
        case Not(part):
            words = condition_words(part, label)
            return f"not ({words})" if isinstance(part, AllOf | AnyOf) else f"not {words}"
        case AllOf(()):
            return "always"
        case AllOf(parts):
            phrases = [(condition_words(part, label), _joins(part)) for part in parts]
            return " and ".join(f"({words})" if joins else words for words, joins in phrases)
        case AnyOf(parts):
            return " or ".join(condition_words(part, label) for part in parts) or "never"
    raise TypeError(condition)


def _joins(part: Condition) -> bool:
    """Tell whether a part of an `and` reads wrongly without brackets."""
    return isinstance(part, AnyOf) and len(part.parts) > 1


def _comparison_words(compare: Compare, label: str) -> str:
    """Return a comparison without a fact: `company employees at least 20`, `owner active`."""
    operator, value = OPERATORS[compare.op], _shown_value(compare)
    if isinstance(compare.value, bool):
        holds = compare.value is (operator.negates is None)
        if compare.op in (Op.EXISTS, Op.MISSING):
            return operator.sentences[0 if holds else 1].format(label=label)
        return label if holds else f"not {label}"
    phrase = operator.sentences[0 if operator.negates is None else 1]
    for placeholder, plain in (("is {fact}, ", ""), (" ({fact})", ""), ("{fact}", "{value}")):
        phrase = phrase.replace(placeholder, plain)
    return phrase.format(label=label, **value)


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
