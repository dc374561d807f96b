"""Writes a condition as alternatives, each of which is a list of comparisons and what they must come to.

`all: [a, any: [b, not: c]]` is true exactly when `a` and `b` are true, or `a` is true and `c` is false. That
holds with unknowns too: neither a comparison on a missing fact nor its opposite is as it must be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Final

from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Not, Use

TERMS_MAX: Final = 32
"""A condition with more alternatives is not worth writing out."""

Term = tuple[tuple[Compare, bool], ...]
"""Comparisons, each with what it must come to; the term is true when all of them do."""


class TooManyTerms(Exception):
    """The condition has too many alternatives."""


def terms_of(condition: Condition, *, holds: bool = True) -> Sequence[Term]:
    """Return the terms of which one is true exactly when the condition is true (or, without `holds`, false).

    Raises `TooManyTerms`.
    """
    match condition:
        case Compare():
            return [((condition, holds),)]
        case AllOf(parts) | AnyOf(parts):
            each = [terms_of(part, holds=holds) for part in parts]
            return _every(each) if isinstance(condition, AllOf) is holds else _either(each)
        case Not(part):
            return terms_of(part, holds=not holds)
        case Use(_, meaning):
            return terms_of(meaning, holds=holds)
    raise TypeError(f"not a condition: {condition!r}")


def _every(parts: Sequence[Sequence[Term]]) -> Sequence[Term]:
    if math.prod(map(len, parts)) > TERMS_MAX:
        raise TooManyTerms
    return [sum(choice, ()) for choice in product(*parts)]


def _either(parts: Sequence[Sequence[Term]]) -> Sequence[Term]:
    if sum(map(len, parts)) > TERMS_MAX:
        raise TooManyTerms
    return [term for part in parts for term in part]
