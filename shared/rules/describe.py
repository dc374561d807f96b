"""Comparisons as sentences for people: `company employees is 420, at least 20`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from shared.rules.evaluate import DecidingComparison
from shared.rules.syntax import PRESENCE, Compare, Op

_IS: Final = {
    Op.IN: "one of",
    Op.GT: "more than",
    Op.GTE: "at least",
    Op.LT: "less than",
    Op.LTE: "at most",
    Op.BETWEEN: "within",
}
_NEGATED: Final = {Op.NE: Op.EQ, Op.NOT_IN: Op.IN}
_DOES: Final = {
    Op.CONTAINS: "contains",
    Op.CONTAINS_ANY: "contains one of",
    Op.CONTAINS_ALL: "contains all of",
    Op.STARTS_WITH: "starts with",
    Op.ENDS_WITH: "ends with",
    Op.MATCHES: "matches",
}
_SHOWN_MAX: Final = 80
_LISTED_MAX: Final = 6


def sentence(decider: DecidingComparison) -> str:
    """Return what a comparison saw, and what it came to."""
    compare, label = decider.compare, label_of(decider.compare.field)
    if compare.op in PRESENCE:
        known = decider.truth is (compare.op is Op.EXISTS)
        return f"{label} is {'' if known else 'not '}known"
    if decider.truth is None:
        return f"{label} is not known"
    seen = shown(decider.fact)
    op = _NEGATED.get(compare.op, compare.op)
    holds = decider.truth is (op is compare.op)
    if op is Op.EQ:
        return f"{label} is {seen}" if holds else f"{label} is {seen}, not {shown(compare.value)}"
    if op is Op.WITHIN:
        return f"{label} ({seen}) is {'' if holds else 'not '}within {shown(compare.value)}"
    if op in _DOES:
        return f"{label} {'' if holds else 'does not say: '}{_DOES[op]} {shown(compare.value)}"
    return f"{label} is {seen}, {'' if holds else 'not '}{_IS[op]} {_bound(compare)}"


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
def _bound(compare: Compare) -> str:
    if compare.op is Op.BETWEEN and isinstance(compare.value, tuple):
        return f"{shown(compare.value[0])} to {shown(compare.value[1])}"
    return shown(compare.value)
