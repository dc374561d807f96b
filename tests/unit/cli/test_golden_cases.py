"""A golden case is worth something only if each of its expectations can fail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.cli.demo.cases import (
    SUBJECT_KEYS,
    CaseResult,
    CaseStep,
    GoldenCase,
    differences,
    golden_cases,
    prepare,
)
from tests.support.golden import flipped

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PLACES = {
    "queue": ("decision", "queue"),
    "motion": ("decision", "motion"),
    "reason": ("decision", "reason"),
    "band": ("score", "band"),
    "grade": ("score", "grade"),
    "trigger": ("trigger", "kind"),
    "trigger_type": ("trigger", "type"),
    "enrichment_status": ("enrichment", "status"),
    "status": ("status",),
    "revision": ("revision",),
}


def holding(case: GoldenCase) -> CaseResult:
    """What would be seen if the case held."""
    view: dict[str, Any] = {
        "lead_id": "lead-1",
        "owner": "sdr-1",
        "decision": {"rule": "fits"},
        "score": {},
        "trigger": {},
        "enrichment": {},
        "brief": {
            "markdown": f"They wrote: {case.expect.get('brief_contains')}.",
            "contact": {"name": "Jo", **case.expect.get("contact", {})},
            "trigger": {"details": f"{case.expect.get('trigger_says')}"},
            "hand_off": {"notes": {"other": "note", **case.expect.get("notes", {})}},
            "warm_intro": f"Hi, {case.expect.get('opening')} Best, Ana Ruiz",
        },
        "provenance": {name: {"source": "apollo"} for name in case.expect.get("provenance", ())},
    }
    for name, path in PLACES.items():
        wanted = case.expect.get(name)
        place = view
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = wanted[-1] if isinstance(wanted, list) else wanted
    if case.expect.get("owned") is False:
        view["owner"] = None
    other = {**view, "lead_id": "lead-2"} if "different_lead" in case.expect else view
    webhooks, given = case.expect.get("webhooks", 1), case.expect.get("rotation_credits", 1)
    return CaseResult([view, other], view, webhooks, given, owner="Ana Ruiz")


def each_expectation() -> list[Any]:
    return [
        pytest.param(case, name, id=f"{case.name}-{name}")
        for case in golden_cases()
        for name in sorted(case.expect.keys() - SUBJECT_KEYS)
    ]


@pytest.mark.parametrize("case", golden_cases(), ids=lambda case: case.name)
def test_what_is_as_expected_holds(case: GoldenCase):
    assert differences(case.expect, holding(case)) == []


@pytest.mark.parametrize(("case", "name"), each_expectation())
def test_an_expectation_turned_round_does_not_hold(case: GoldenCase, name: str):
    turned, seen = flipped(case.expect, name, holding(case))
    wrong = differences(turned, seen)
    assert [line.partition(":")[0] for line in wrong] == [name]


@pytest.mark.parametrize("case", golden_cases(), ids=lambda case: case.name)
def test_where_nothing_came_of_it_nothing_holds(case: GoldenCase):
    wrong = differences(case.expect, CaseResult([None] * len(case.steps), None, webhooks=9, credits=9))
    assert {line.partition(":")[0] for line in wrong} == case.expect.keys() - SUBJECT_KEYS


def test_an_unknown_expectation_is_an_error():
    with pytest.raises(KeyError):
        differences({"quueue": "sdr"}, holding(golden_cases()[0]))


def test_a_case_says_the_same_each_time_for_the_same_run():
    case = golden_cases("content download")[0]
    first, again, other = (prepare(case, NOW, run) for run in ("one", "one", "two"))
    assert first == again
    assert first.steps[0].body["event_id"] != other.steps[0].body["event_id"]


def test_times_are_that_long_before_the_moment_of_sending():
    case = prepare(golden_cases("content download")[0], NOW, "run")
    activity: Mapping[str, Any] = case.steps[0].body["activities"][0]
    assert datetime.fromisoformat(activity["at"]) == NOW - timedelta(hours=2)


def test_a_day_ahead_is_written_as_a_day():
    case = GoldenCase("one", [CaseStep("signal", {"details": {"expires_on": "{day+60d}"}})], {})
    assert prepare(case, NOW, "run").steps[0].body["details"] == {"expires_on": "2026-06-30"}


def test_cases_are_found_by_a_part_of_their_name():
    assert [case.name for case in golden_cases("SUPPRESSED")] == [
        case.name for case in golden_cases() if case.name.endswith("is suppressed")
    ]
    assert golden_cases("no case is called so") == []
