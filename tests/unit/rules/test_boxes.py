"""Boxes: the region of a condition, and which regions cover or intersect each other."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings

from shared.rules import boxes as module
from shared.rules.boxes import BOXES_MAX, FactSpace, TooManyBoxes
from shared.rules.operators import Op
from shared.rules.syntax import ALWAYS, AllOf, AnyOf, Compare, Condition, Not, Use
from tests.support.rules import SMALL, SMALL_LEAVES, conditions, every_fact, truth_of

EMPLOYEES, INDUSTRY = "company.employees", "company.industry"


def at_least(employees: int) -> Compare:
    return Compare(EMPLOYEES, Op.GTE, employees)


def below(employees: int) -> Compare:
    return Compare(EMPLOYEES, Op.LT, employees)


SOFTWARE = Compare(INDUSTRY, Op.EQ, "software")


def test_the_condition_without_parts_is_the_whole_space() -> None:
    space = FactSpace([ALWAYS])
    assert space.boxes(ALWAYS) == [{}]
    assert space.boxes(ALWAYS, holds=False) == []
    assert space.boxes(AnyOf(())) == []
    assert space.boxes(AnyOf(()), holds=False) == [{}]


def test_a_contradiction_has_no_boxes() -> None:
    impossible = AllOf((below(5), at_least(5)))
    assert FactSpace([impossible]).boxes(impossible) == []


def test_a_comparison_below_the_least_value_of_its_field_has_no_boxes() -> None:
    assert FactSpace([below(0)]).boxes(below(0)) == []
    assert FactSpace([below(0)]).boxes(below(0), holds=False) != []


def test_a_box_inside_another_is_left_out() -> None:
    either = AnyOf((at_least(10), at_least(20), AllOf((at_least(30), SOFTWARE))))
    assert len(FactSpace([either]).boxes(either)) == 1


def test_a_named_condition_has_the_boxes_of_its_meaning() -> None:
    named = Use("large", at_least(10))
    space = FactSpace([named])
    assert space.boxes(named) == space.boxes(at_least(10))
    assert space.boxes(Not(named)) == space.boxes(at_least(10), holds=False)


@pytest.mark.parametrize(
    ("outer", "inner", "covered"),
    [
        (at_least(10), at_least(20), True),
        (at_least(20), at_least(10), False),
        (AnyOf((at_least(10), below(15))), AnyOf((below(5), at_least(20))), True),
        (AnyOf((below(10), at_least(10))), Compare(EMPLOYEES, Op.EXISTS, value=True), True),
        (AnyOf((below(10), at_least(11))), Compare(EMPLOYEES, Op.EXISTS, value=True), False),
        (ALWAYS, SOFTWARE, True),
        (SOFTWARE, ALWAYS, False),
        (SOFTWARE, AllOf((SOFTWARE, at_least(5))), True),
        (AnyOf((SOFTWARE, at_least(5))), AnyOf((at_least(7), SOFTWARE)), True),
    ],
)
def test_a_region_covers_another(outer: Condition, inner: Condition, covered: bool) -> None:
    space = FactSpace([outer, inner])
    assert space.covers(space.boxes(outer), space.boxes(inner)) is covered


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        (at_least(10), below(20), True),
        (at_least(20), below(20), False),
        (SOFTWARE, at_least(1), True),
        (SOFTWARE, Compare(INDUSTRY, Op.EQ, "retail"), False),
        (SOFTWARE, Compare(INDUSTRY, Op.MISSING, value=True), False),
        (ALWAYS, SOFTWARE, True),
        (AnyOf(()), ALWAYS, False),
    ],
)
def test_regions_have_facts_in_common(one: Condition, other: Condition, common: bool) -> None:
    space = FactSpace([one, other])
    assert space.meets(space.boxes(one), space.boxes(other)) is common
    assert space.meets(space.boxes(other), space.boxes(one)) is common


def test_a_region_covers_itself_and_the_empty_one() -> None:
    space = FactSpace([SOFTWARE])
    region = space.boxes(SOFTWARE)
    assert space.covers(region, region)
    assert space.covers(region, [])
    assert space.covers([], [])
    assert not space.covers([], region)


@settings(max_examples=60)
@given(conditions(SMALL_LEAVES.filter(lambda leaf: leaf.op is not Op.STARTS_WITH)))
def test_a_condition_without_boxes_is_true_on_no_facts(condition: Condition) -> None:
    try:
        region = FactSpace([condition]).boxes(condition)
    except TooManyBoxes:
        return
    assert bool(region) is any(truth_of(condition, known) is True for known in every_fact(set(SMALL)))


def choices(count: int) -> list[Condition]:
    """Return alternatives on different fields, which multiply when they are joined by `all`."""
    return [
        AnyOf((Compare(f"answers.a{number}", Op.EQ, 1), Compare(f"answers.b{number}", Op.EQ, 1)))
        for number in range(count)
    ]


def test_a_region_of_too_many_boxes_is_an_error() -> None:
    fits = AllOf(tuple(choices(8)))
    assert len(FactSpace([fits]).boxes(fits)) == BOXES_MAX
    large = AllOf(tuple(choices(9)))
    with pytest.raises(TooManyBoxes):
        FactSpace([large]).boxes(large)


def test_too_many_alternatives_are_an_error() -> None:
    wide = AnyOf(tuple(Compare(f"answers.a{number}", Op.EQ, 1) for number in range(BOXES_MAX + 1)))
    with pytest.raises(TooManyBoxes):
        FactSpace([wide]).boxes(wide)


def test_when_the_work_is_used_up_nothing_is_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WORK_MAX", 4)
    either = AnyOf((SOFTWARE, at_least(5)))
    space = FactSpace([either])
    region = space.boxes(either)
    before = space.given_up
    assert space.covers(region, region)
    assert not space.covers([*region, *region], [*region, *region])
    assert (before, space.given_up) == (False, True)
    assert not space.meets(region, region)
    with pytest.raises(TooManyBoxes):
        space.boxes(AllOf((SOFTWARE,)))


@dataclass(frozen=True)
class Foreign(Condition):
    """A node that no module knows."""


def test_what_is_no_condition_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="not a condition"):
        FactSpace([]).boxes(Foreign())
