"""Compiles conditions and tables of rules to Python functions.

`evaluate` defines what such a function returns; property tests compare the two. A single condition, and
each rule of a first-match table, becomes one Python expression (`inline`), so that only the facts up to the
first match are fetched. Where every rule counts, all rules that hold are found at once (`match_index`),
except those whose disjunctive normal form is too large (`dnf`). The result for a set of rules is computed
once (`memo`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import compress
from typing import TypeVar, cast

from shared.rules.code import Code
from shared.rules.comparison import Truth
from shared.rules.dnf import Term, TooManyTerms, terms_of
from shared.rules.inline import expression
from shared.rules.match_index import possible_terms
from shared.rules.memo import Memo
from shared.rules.syntax import Condition, Facts, Not, Rule

T = TypeVar("T")

Check = Callable[[Facts, datetime], Truth]
"""Decides one condition; the instant is the present, for ages."""


def first_match(rules: Sequence[Rule[T]]) -> Callable[[Facts, datetime], T | None]:
    """Return the function that gives the outcome of the first rule that matches, or `None`."""
    code = Code()
    for rule in rules:
        code.add(f"if {expression(code, rule.when)}: return {code.bind(rule.outcome)}")
    code.add("return None")
    return cast("Callable[[Facts, datetime], T | None]", code.function())


def all_matches(rules: Sequence[Rule[T]]) -> Callable[[Facts, datetime], tuple[T, ...]]:
    """Return the function that gives the outcomes of all rules that match, in order."""
    outcomes = [rule.outcome for rule in rules]
    return _following([rule.when for rule in rules], lambda hold: tuple(compress(outcomes, hold)))


def first_of_each(groups: Iterable[Sequence[Rule[T]]]) -> Callable[[Facts, datetime], tuple[T | None, ...]]:
    """Return the function that gives, for each group, the outcome of its first rule that matches, or None."""
    groups = list(groups)
    starts = [sum(map(len, groups[:index])) for index in range(len(groups))]
    outcomes = [[rule.outcome for rule in group] for group in groups]

    def firsts(hold: Sequence[bool]) -> tuple[T | None, ...]:
        return tuple(
            next(compress(own, hold[start:]), None) for own, start in zip(outcomes, starts, strict=True)
        )

    return _following([rule.when for group in groups for rule in group], firsts)


def concluding(
    conditions: Sequence[Condition], conclude: Callable[[Sequence[Truth]], T]
) -> Callable[[Facts, datetime], T]:
    """Return the function that gives `conclude` of the truths of all conditions, in order.

    Results are cached by these truths: `conclude` must be pure, and what it returns immutable.
    """
    count = len(conditions)

    def result(hold: Sequence[bool]) -> T:
        pairs = zip(hold[:count], hold[count:], strict=True)
        return conclude([True if true else False if false else None for true, false in pairs])

    return _following([*conditions, *map(Not, conditions)], result)


def check(condition: Condition) -> Check:
    """Return the function that gives true, false or unknown (`None`) for one condition."""
    code = Code()
    for answer, holds in (("True", True), ("False", False)):
        code.add(f"if {expression(code, condition, holds=holds)}: return {answer}")
    code.add("return None")
    return cast("Check", code.function())


def _following(
    conditions: Sequence[Condition], follows: Callable[[Sequence[bool]], T]
) -> Callable[[Facts, datetime], T]:
    """Return the function that gives `follows` of a list: for each condition, whether it is true."""
    code, terms, large = Code(), list[Term](), list[int]()
    owned = [0] * len(conditions)
    for number, condition in enumerate(conditions):
        try:
            own = terms_of(condition)
        except TooManyTerms:
            large.append(number)
        else:
            owned[number] = ((1 << len(own)) - 1) << len(terms)
            terms += own
    possible_terms(code, terms)
    for bit, number in enumerate(large, len(terms)):
        owned[number] = 1 << bit
        code.add(f"if {expression(code, conditions[number])}: left |= {code.bind(owned[number])}")

    def following(left: int) -> T:
        return follows([left & own != 0 for own in owned])

    code.add(f"return {code.bind(Memo(following))}[left]")
    return cast("Callable[[Facts, datetime], T]", code.function())
