"""The disjunctive normal form of a condition: terms, of which one is true when the condition is true.

`all: [a, any: [b, not: c]]` is true exactly when `a` and `b` are true, or `a` is true and `c` is false. That
is so with missing facts too, because a comparison that is unknown is neither true nor false.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, product
from typing import Final

from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Not, Use

TERMS_MAX: Final = 32
"""The size of a normal form at most. It grows exponentially with the condition."""

Term = tuple[tuple[Compare, bool], ...]
"""A conjunction: comparisons, each with the truth that it must have."""


class TooManyTerms(Exception):
    """The normal form of a condition has more than `TERMS_MAX` terms."""


def terms_of(condition: Condition, *, holds: bool = True) -> Sequence[Term]:
    """Return the terms of which one is true exactly when the condition is true (or, without `holds`, false).

    Raises `TooManyTerms`.
    """
    match condition:
        case Compare():
            return [((condition, holds),)]
        case AllOf(parts) | AnyOf(parts):
            alternatives = [terms_of(part, holds=holds) for part in parts]
            is_product = isinstance(condition, AllOf) is holds
            count = math.prod if is_product else sum
            if count(map(len, alternatives)) > TERMS_MAX:
                raise TooManyTerms
            if is_product:
                return [sum(choice, ()) for choice in product(*alternatives)]
            return list(chain(*alternatives))
        case Not(part):
            return terms_of(part, holds=not holds)
        case Use(_, meaning):
            return terms_of(meaning, holds=holds)
    raise TypeError(f"not a condition: {condition!r}")
