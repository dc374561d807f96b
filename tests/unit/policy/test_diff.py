"""Differences of policies: the exact lines for values, members of lists, order, and long values."""

from __future__ import annotations

import pytest

from shared.policy.diff import Changed, diff
from shared.policy.load import load

CASES = {
    "a value": (
        "scoring.yaml",
        "cap: 90",
        "cap: 80",
        ["scoring.intent.cap: 90 -> 80"],
    ),
    "a default that is written out": ("routing.yaml", "queue: ae}", "queue: ae, motion: work}", []),
    "a comment": ("icp.yaml", "segments:", "# What fits\nsegments:", []),
    "a duration in another unit": ("scoring.yaml", "half_life: 14d", "half_life: 336h", []),
    "a duration": (
        "scoring.yaml",
        "half_life: 14d",
        "half_life: 15d",
        ['scoring.intent.rules[demo].half_life: "14d" -> "15d"'],
    ),
    "an optional value that is added": (
        "team.yaml",
        "name: Bo Lind,",
        "name: Bo Lind, time_zone: Europe/Oslo,",
        ['team.reps[bo].time_zone: added "Europe/Oslo"'],
    ),
    "an optional value that is removed": (
        "team.yaml",
        ", max_open: 30",
        "",
        ["team.reps[bo].max_open: removed 30"],
    ),
    "the hours of a rep": (
        "team.yaml",
        "09:00-17:00",
        "08:00-16:00",
        ['team.reps[ana].hours: "Mon-Fri 09:00-17:00" -> "Mon-Fri 08:00-16:00"'],
    ),
    "the value of a condition": (
        "routing.yaml",
        "gte: 80",
        "gte: 90",
        ["routing.suppress[spam].when.gte: 80 -> 90"],
    ),
    "the operator of a condition": (
        "routing.yaml",
        "gte: 80",
        "gt: 80",
        ["routing.suppress[spam].when.gt: added 80", "routing.suppress[spam].when.gte: removed 80"],
    ),
    "a list without names": (
        "icp.yaml",
        "in: [US, DE]",
        "in: [DE, US]",
        ['icp.markets[core].when.in: ["US","DE"] -> ["DE","US"]'],
    ),
    "a grade whose name is a number": (
        "scoring.yaml",
        "3: 20",
        "3: 25",
        ['scoring.grades.intent["3"]: 20 -> 25'],
    ),
    "a level, which has no name": (
        "icp.yaml",
        "points: 20, when",
        "points: 25, when",
        ["icp.segments[mid].criteria[size].levels[1].points: 20 -> 25"],
    ),
    "a key with a dot": (
        "providers.yaml",
        "fresh: 90d",
        "fresh: 60d",
        ['providers.fields["company.employees"].fresh: "90d" -> "60d"'],
    ),
    "a rule that is renamed": (
        "scoring.yaml",
        "name: funded",
        "name: raised",
        [
            (
                'scoring.intent.signals[funded]: removed {"name":"funded","on":["funding_round"],"points":20,'
                '"half_life":"90d","rises":null,"ends":null,"strong":false,"when":null}'
            ),
            (
                'scoring.intent.signals[raised]: added {"name":"raised","on":["funding_round"],"points":20,'
                '"half_life":"90d","rises":null,"ends":null,"strong":false,"when":null}'
            ),
        ],
    ),
    "a file that is no part of the version": (
        "accounts.yaml",
        "northpeak.example, bluefin.example",
        "northpeak.example",
        ['accounts.target: ["northpeak.example","bluefin.example"] -> ["northpeak.example"]'],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_difference_is_named_by_its_path(files: dict[str, str], case: str) -> None:
    file, old, new, expected = CASES[case]
    assert old in files[file]
    changed = {**files, file: files[file].replace(old, new, 1)}
    assert [str(change) for change in diff(load(files), load(changed))] == expected


def test_two_rules_that_change_places_are_one_difference(files: dict[str, str]) -> None:
    lines = files["routing.yaml"].splitlines(keepends=True)
    owned, hot = (next(line for line in lines if f"name: {name}" in line) for name in ("owned", "hot"))
    text = files["routing.yaml"].replace(owned + hot, hot + owned)
    (change,) = diff(load(files), load({**files, "routing.yaml": text}))
    assert str(change) == 'routing.rules.order: ["owned","hot","rest"] -> ["hot","owned","rest"]'


def test_a_difference_goes_both_ways(files: dict[str, str]) -> None:
    changed = {**files, "scoring.yaml": files["scoring.yaml"].replace("cap: 90", "cap: 80")}
    (there,) = diff(load(files), load(changed))
    (back,) = diff(load(changed), load(files))
    assert (there.path, there.old, there.new) == (back.path, back.new, back.old)


def test_a_long_value_is_shortened() -> None:
    text = str(Changed("a", None, "x" * 300))
    assert text == f'a: added "{"x" * 198}…'
    assert str(Changed("a", "x" * 198, "y")) == f'a: "{"x" * 198}" -> "y"'
