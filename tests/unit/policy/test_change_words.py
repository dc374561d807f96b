"""Changes of a policy as sentences, for people who read no YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.policy.change_words import changes_in_words
from shared.policy.load import load, texts_in

FILES = texts_in(Path("config"))
CASES = {
    "a queue of a rule": (
        "routing.yaml",
        "{use: new_market}, queue: bdr",
        "{use: new_market}, queue: sdr",
        "Rule new-market: queue bdr → sdr",
    ),
    "a condition": (
        "routing.yaml",
        "gte: 80",
        "gte: 60",
        "Suppression spam: condition spam score at least 80 → spam score at least 60",
    ),
    "a condition with a name": (
        "routing.yaml",
        "gte: 20}",
        "gte: 30}",
        (
            "Condition new market: not account market validated and company employees at least 20 "
            "→ not account market validated and company employees at least 30"
        ),
    ),
    "a rule that is gone": (
        "routing.yaml",
        "  - {name: partner, when: {use: partner}, queue: bdr}\n",
        "",
        "Rule partner removed",
    ),
    "a rule that is new": (
        "routing.yaml",
        "  - {name: nurture,",
        "  - {name: big, when: {field: company.employees, gt: 5000}, queue: bdr}\n  - {name: nurture,",
        "Rule big added: queue bdr, when company employees more than 5,000, motion work",
    ),
    "the level of a criterion": (
        "icp.yaml",
        "points: 10, when: {field: person.seniority",
        "points: 9, when: {field: person.seniority",
        "Segment mid-market-software, criterion seniority: level 2 points 10 → 9",
    ),
    "points of an intent rule": (
        "scoring.yaml",
        "points: 90",
        "points: 80",
        "Intent rule demo-request: points 90 → 80",
    ),
    "a grade": ("scoring.yaml", "A: 75", "A: 70", "Scoring: grades fit A 75 → 70"),
    "a value that is new": (
        "team.yaml",
        "{id: sdr-1,",
        "{id: sdr-1, time_zone: Europe/Oslo,",
        "Rep sdr-1: time zone Europe/Oslo (new)",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_change_is_said_in_a_sentence(case: str) -> None:
    file, old, new, sentence = CASES[case]
    assert old in FILES[file]
    changed = {**FILES, file: FILES[file].replace(old, new, 1)}
    assert changes_in_words(load(FILES), load(changed)) == [sentence]


def test_a_value_that_is_gone_says_what_it_was() -> None:
    changed = {**FILES, "routing.yaml": FILES["routing.yaml"].replace(", fallback: sdr", "")}
    assert changes_in_words(load(FILES), load(changed)) == ["Queue senior-ae: fallback removed, was sdr"]


def test_rules_that_change_places_are_one_sentence() -> None:
    partner = "  - {name: partner, when: {use: partner}, queue: bdr}\n"
    high = "  - {name: high-intent, when: {use: high_intent}, queue: senior-ae}\n"
    text = FILES["routing.yaml"].replace(partner + high, high + partner)
    (sentence,) = changes_in_words(load(FILES), load({**FILES, "routing.yaml": text}))
    assert sentence.startswith("Routing: rules in the order existing-owner, new-market, partner, high-intent")


def test_policies_that_mean_the_same_have_no_changes() -> None:
    assert changes_in_words(load(FILES), load({**FILES, "icp.yaml": "# ours\n" + FILES["icp.yaml"]})) == []
