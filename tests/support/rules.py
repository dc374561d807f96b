"""Random conditions over a few fields of each type, random facts about them, and every fact on small domains."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from shared.rules.bounds import ConditionBounds, KnowledgeIndex, TableBounds, UnknownFields
from shared.rules.comparison import Truth
from shared.rules.evaluate import evaluate
from shared.rules.operators import Op
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Facts, Not, Rule, Use, Value
from shared.rules.times import Duration

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)

TEXTS = ("Software", "software", "IT Services", "Straße", "STRASSE", "x", "vp of sales")
EQUALITY = (Op.EQ, Op.NE)
MEMBERSHIP = (Op.IN, Op.NOT_IN)
ORDER = (Op.GT, Op.GTE, Op.LT, Op.LTE)
PRESENCE = (Op.EXISTS, Op.MISSING)

_texts = st.sampled_from(TEXTS)
_numbers = st.integers(-3, 103)
_moments = st.integers(-400, 40).map(lambda days: AT + timedelta(days=days))
_patterns = st.sampled_from(("soft", "^it", "s.*s$", "(?:vp|head) of", "[a-c]x?"))


def _compare(field: str, ops: tuple[Op, ...], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Compare]:
    return st.builds(Compare, st.just(field), st.sampled_from(ops), values)


def _lists(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, min_size=1, max_size=3).map(tuple)


def _ends(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(values, values).map(lambda pair: tuple(sorted(pair)))


def _text_field(field: str) -> st.SearchStrategy[Compare]:
    return st.one_of(
        _compare(field, (*EQUALITY, Op.CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH), _texts),
        _compare(field, (*MEMBERSHIP, Op.CONTAINS_ANY, Op.CONTAINS_ALL), _lists(_texts)),
        _compare(field, (Op.MATCHES,), _patterns),
        _compare(field, PRESENCE, st.just(value=True)),
    )


def _integer_field(field: str, *, presence: bool = True) -> st.SearchStrategy[Compare]:
    kinds = [
        _compare(field, (*EQUALITY, *ORDER), _numbers),
        _compare(field, MEMBERSHIP, _lists(_numbers)),
        _compare(field, (Op.BETWEEN,), _ends(_numbers)),
    ]
    return st.one_of(*kinds, *([_compare(field, PRESENCE, st.just(value=True))] if presence else []))


def _word_field(field: str, words: tuple[str, ...], *, presence: bool) -> st.SearchStrategy[Compare]:
    kinds = [
        _compare(field, EQUALITY, st.sampled_from(words)),
        _compare(field, MEMBERSHIP, _lists(st.sampled_from(words))),
    ]
    return st.one_of(*kinds, *([_compare(field, PRESENCE, st.just(value=True))] if presence else []))


def _set_field(field: str) -> st.SearchStrategy[Compare]:
    return st.one_of(
        _compare(field, (Op.CONTAINS,), _texts),
        _compare(field, (Op.CONTAINS_ANY, Op.CONTAINS_ALL), _lists(_texts)),
    )


def _open_field(field: str) -> st.SearchStrategy[Compare]:
    return st.one_of(
        _text_field(field),
        _integer_field(field),
        _compare(field, EQUALITY, st.booleans()),
        _compare(field, ORDER, _moments),
        _compare(field, (Op.WITHIN,), _ages),
    )


_ages = st.integers(1, 400).map(lambda days: Duration(days * 86_400))
_relations = ("target", "partner", "none")

LEAVES: st.SearchStrategy[Compare] = st.one_of(
    _text_field("company.industry"),
    _integer_field("company.employees"),
    _integer_field("spam_score", presence=False),
    _word_field("account.relation", _relations, presence=False),
    _word_field("person.seniority", ("vp", "manager"), presence=True),
    _compare("account.market_validated", EQUALITY, st.booleans()),
    _compare("signals.strong", EQUALITY, st.booleans()),
    _set_field("company.technologies"),
    _set_field("signals.types"),
    _compare("company.last_funding_at", (Op.WITHIN,), _ages),
    _compare("company.last_funding_at", ORDER, _moments),
    _open_field("answers.anything"),
)


def conditions(leaves: st.SearchStrategy[Compare] = LEAVES) -> st.SearchStrategy[Condition]:
    """Return trees over some leaves."""

    def joined(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
        several = st.lists(parts, min_size=1, max_size=3).map(tuple)
        return st.one_of(
            several.map(AllOf), several.map(AnyOf), parts.map(Not), parts.map(lambda part: Use("name", part))
        )

    return st.recursive(leaves, joined, max_leaves=8)


def tables(leaves: st.SearchStrategy[Compare] = LEAVES) -> st.SearchStrategy[list[Rule[int]]]:
    """Return tables whose rules have their own index as outcome."""
    whens = st.lists(conditions(leaves) | st.just(AllOf(())), min_size=1, max_size=6)
    return whens.map(lambda conditions: [Rule(f"r{at}", when, at) for at, when in enumerate(conditions)])


_collections = st.lists(_texts, max_size=3)
_values: Mapping[str, st.SearchStrategy[Any]] = {
    "company.industry": _texts | st.text(max_size=6),
    "company.employees": _numbers | st.integers(0, 2**40),
    "spam_score": st.integers(0, 100),
    "account.relation": st.sampled_from(_relations),
    "person.seniority": st.sampled_from(("vp", "manager", "cxo")),
    "account.market_validated": st.booleans(),
    "signals.strong": st.booleans(),
    "company.technologies": st.one_of(_collections, _collections.map(frozenset), _collections.map(tuple)),
    "signals.types": _collections,
    "company.last_funding_at": _moments,
    "answers.anything": st.one_of(
        _texts,
        st.text(max_size=5),
        _numbers,
        _numbers.map(str),
        st.booleans(),
        st.floats(),
        _moments,
        _moments.map(datetime.isoformat),
        st.lists(_texts | _numbers, max_size=3),
    ),
}


def facts() -> st.SearchStrategy[dict[str, Any]]:
    """Return facts of which any may be absent, or there as `None`."""
    return st.fixed_dictionaries({}, optional={name: values | st.none() for name, values in _values.items()})


def truth_of(condition: Condition, known: Facts, at: datetime = AT) -> Truth:
    """Return the truth of a condition by the reference implementation."""
    return evaluate(condition, known, at).truth


def possible_verdicts(
    condition: Condition, known: Facts, unknown: UnknownFields, at: datetime = AT
) -> frozenset[Truth]:
    """Return the truths that a condition may have."""
    return ConditionBounds(condition).possible(known, unknown, at)


def possible_rules(
    rules: Sequence[Rule[Any]], known: Facts, unknown: UnknownFields, at: datetime = AT
) -> frozenset[int | None]:
    """Return the indices of the rules that may match first; None: that perhaps no rule matches."""
    whens = [rule.when for rule in rules]
    index = KnowledgeIndex(whens)
    return TableBounds(whens, index, lambda reached: reached)(index.state(known, unknown, at))


# Small domains, on which everything can be tried

SMALL: Mapping[str, tuple[Any, ...]] = {
    "company.employees": (None, 0, 1, 2, 3, 4),
    "account.market_validated": (None, True, False),
    "account.relation": ("target", "partner", "customer", "competitor", "none"),
    "company.industry": (None, "a", "b", "ab", "zz"),
}
_small_numbers = st.integers(0, 3)
_small_texts = st.sampled_from(("a", "b", "ab"))
SMALL_LEAVES: st.SearchStrategy[Compare] = st.one_of(
    _compare("company.employees", (*EQUALITY, *ORDER), _small_numbers),
    _compare("company.employees", (Op.BETWEEN,), _ends(_small_numbers)),
    _compare("company.employees", PRESENCE, st.just(value=True)),
    _compare("account.market_validated", EQUALITY, st.booleans()),
    _compare("account.relation", EQUALITY, st.sampled_from(_relations)),
    _compare("company.industry", (*EQUALITY, Op.STARTS_WITH), _small_texts),
    _compare("company.industry", MEMBERSHIP, _lists(_small_texts)),
)


def every_fact(fields: set[str]) -> Iterator[dict[str, Any]]:
    """Yield every combination of values of some fields of the small domains."""
    names = sorted(fields)
    for values in itertools.product(*(SMALL[name] for name in names)):
        yield {name: value for name, value in zip(names, values, strict=True) if value is not None}


__all__ = [
    "AT",
    "LEAVES",
    "SMALL",
    "SMALL_LEAVES",
    "Value",
    "conditions",
    "every_fact",
    "facts",
    "possible_rules",
    "possible_verdicts",
    "tables",
    "truth_of",
]
