"""The facts under which a condition is true, as a union of boxes.

A box is a set of equivalence classes for each dimension (`equivalence_classes`). Rules are compared by their
boxes: a rule is dead when its boxes lie inside those of the rules before it, and two rules overlap when their
boxes intersect. `covers` and `meets` return True only when that is certain; False when it is not so, or when
the comparison would take too many boxes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from shared.rules.equivalence_classes import Dimension, dimension_of, equivalence_classes_of, truth_at
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Not, Use, comparisons

BOXES_MAX: Final = 256
WORK_MAX: Final = 500_000
"""How many pairs of boxes are compared for one table; every comparison after that raises `TooManyBoxes`."""

Box = Mapping[int, int]
"""By dimension, the set of its classes as bits; a dimension that is absent is not restricted."""

Region = Sequence[Box]
"""A union of boxes, none of which lies inside another; an empty one holds no facts."""


class TooManyBoxes(Exception):
    """The computation needs more than `BOXES_MAX` boxes, or more than `WORK_MAX` pairs of them."""


class FactSpace:
    """The dimensions of some conditions, and the region in which each of them is true."""

    def __init__(self, conditions: Iterable[Condition]) -> None:
        by_dimension: dict[Dimension, list[Compare]] = {}
        for condition in conditions:
            for compare in comparisons(condition):
                by_dimension.setdefault(dimension_of(compare), []).append(compare)
        self._work_left = WORK_MAX
        self._full: list[int] = []
        self._leaves: dict[Compare, tuple[int, int, int]] = {}
        for number, (dimension, compares) in enumerate(by_dimension.items()):
            values = equivalence_classes_of(dimension, compares).values
            self._full.append((1 << len(values)) - 1)
            for compare in compares:
                truths = [truth_at(compare, dimension, value) for value in values]
                self._leaves[compare] = (number, _mask(truths, wanted=True), _mask(truths, wanted=False))

    def boxes(self, condition: Condition, *, holds: bool = True) -> Region:
        """Return where a condition is true (or, without `holds`, false). Raises `TooManyBoxes`."""
        match condition:
            case Compare():
                dimension, true, false = self._leaves[condition]
                mask = true if holds else false
                return [{dimension: mask}] if mask else []
            case AllOf(parts) | AnyOf(parts):
                regions = [self.boxes(part, holds=holds) for part in parts]
                if isinstance(condition, AllOf) is holds:
                    return self._intersection(regions)
                return _without_inner(list(_bounded(box for region in regions for box in region)))
            case Not(part):
                return self.boxes(part, holds=not holds)
            case Use(_, meaning):
                return self.boxes(meaning, holds=holds)
        raise TypeError(f"not a condition: {condition!r}")

    def meets(self, one: Region, other: Region) -> bool:
        """Return whether two regions certainly have facts in common."""
        try:
            return any(self._common(a, b) is not None for a in one for b in other)
        except TooManyBoxes:
            return False

    def covers(self, outer: Region, inner: Region) -> bool:
        """Return whether `inner` certainly lies inside `outer`."""
        try:
            return all(self._covered(box, outer) for box in inner)
        except TooManyBoxes:
            return False

    @property
    def given_up(self) -> bool:
        """Whether `WORK_MAX` is used up, so that False from `covers` and `meets` means: not known."""
        return self._work_left < 0

    def _common(self, one: Box, other: Box) -> Box | None:
        """Return the intersection of two boxes, None when it is empty; counts as one pair of `WORK_MAX`."""
        self._work_left -= 1
        if self._work_left < 0:
            raise TooManyBoxes
        common = dict(one)
        for dimension, mask in other.items():
            both = common.get(dimension, mask) & mask
            if not both:
                return None
            common[dimension] = both
        return common

    def _intersection(self, regions: Iterable[Region]) -> Region:
        met: Region = [{}]
        for region in regions:
            pairs = (self._common(one, other) for one in met for other in region)
            met = _without_inner([box for box in _bounded(pairs) if box is not None])
        return met

    def _covered(self, box: Box, outer: Region) -> bool:
        """Cut the first outer box that meets `box` out of it; the other outer boxes must cover the pieces."""
        for at, cover in enumerate(outer):
            if self._common(box, cover) is not None:
                rest = outer[at + 1 :]
                return all(self._covered(piece, rest) for piece in self._pieces(box, cover))
        return False

    def _pieces(self, box: Box, cover: Box) -> Iterator[Box]:
        """Yield disjoint boxes whose union is the part of `box` outside of `cover`."""
        inside = dict(box)
        for dimension, mask in cover.items():
            allowed = inside.get(dimension, self._full[dimension])
            outside = allowed & ~mask
            if outside:
                yield {**inside, dimension: outside}
            inside[dimension] = allowed & mask


def _mask(truths: Iterable[bool | None], *, wanted: bool) -> int:
    return sum(1 << at for at, truth in enumerate(truths) if truth is wanted)


def _bounded(boxes: Iterable[Box | None]) -> Iterator[Box | None]:
    for count, box in enumerate(boxes):
        if count >= BOXES_MAX:
            raise TooManyBoxes
        yield box


def _without_inner(boxes: Sequence[Box | None]) -> Region:
    """Return the boxes without those that lie inside of another."""
    kept: list[Box] = []
    for box in boxes:
        if box is not None and not any(_inside(box, other) for other in kept):
            kept = [other for other in kept if not _inside(other, box)] + [box]
    return kept


def _inside(box: Box, outer: Box) -> bool:
    return all(dimension in box and not box[dimension] & ~mask for dimension, mask in outer.items())
