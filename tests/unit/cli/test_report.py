"""`baton report`: what it asks for, and figures, durations and ranges as people read them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.cli.report import duration_text, figure_text, range_text


def figure(value: float | None, unit: str, **given: Any) -> dict[str, Any]:
    return {
        "value": value, "unit": unit, "n": None, "needs": None, "healthy": None, "verdict": None, "note": None,
    } | given  # fmt: skip


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (figure(0.314, "share", n=120), "31% of 120"),
        (figure(1.15, "share", n=0), "115% of 0"),
        (figure(12_345, "usd"), "$12,345"),
        (figure(3.46, "times"), "3.5x"),
        (figure(7.52, "number", n=3), "7.5"),
        (figure(8.0, "number"), "8"),
        (figure(90.2, "days"), "90 d"),
        (figure(0.42, "seconds"), "0.4 s"),
        (figure(None, "share", needs="outcomes of type reply"), "needs outcomes of type reply"),
    ],
)
def test_a_figure_for_people(given: dict[str, Any], text: str):
    assert figure_text(given) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (42, "42 s"), (59.9, "60 s"), (720, "12 min"), (14_700, "4 h 05"), (260_000, "3 d")],
)
def test_a_duration_for_people(seconds: float, text: str):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("healthy", "text"),
    [
        (None, "-"),
        ({"from": 0.5, "to": 0.7}, "50% to 70%"),
        ({"from": 0.85, "to": None}, "at least 85%"),
        ({"from": None, "to": 0.2}, "at most 20%"),
    ],
)
def test_a_range_for_people(healthy: dict[str, Any] | None, text: str):
    assert range_text(figure(0.6, "share", healthy=healthy)) == text


HEADING = {"since": "2026-01-01", "until": "2026-03-31", "counted_since": None}
QUEUE = {
    "queue": None, "arrived": 0, "assigned": 0, "accepted": 0, "late": 0, "rejected": 0, "waiting": 0,
    **{name: {"median": figure(None, "seconds", n=0)} for name in ("to_route", "to_accept", "to_first_action")},
}  # fmt: skip
EMPTY: dict[str, dict[str, Any]] = {
    "roles": {"roles": []},
    "capacity": {"in_words": "The figures ask for no hire.", "managers": 0, "ratios": {}, "queues": []},
    "scores": {"in_words": "No lead of grade A1.", "grades": [], "bands": []},
    "sources": {"channels": [], "sources": [], "campaigns": []},
    "flow": {"whole": QUEUE, "queues": [], "steps": []},
    "providers": {"providers": []},
}


@pytest.mark.parametrize("name", sorted(EMPTY))
def test_a_report_of_nothing_is_printed_and_is_json(baton: Any, gateway: Any, name: str):
    gateway.answers[f"GET /v1/reports/{name}"] = HEADING | EMPTY[name]
    code, out, err = baton("report", name, "--since", "2026-01-01", "--until", "2026-03-31")
    assert (code, err) == (0, "")
    assert out.startswith("2026-01-01 to 2026-03-31 (UTC), nothing counted yet")
    code, out, _ = baton("report", name, "--json")
    assert (code, json.loads(out)) == (0, HEADING | EMPTY[name])


def test_a_day_that_is_none_is_wrong_usage(baton: Any):
    assert baton("report", "flow", "--since", "yesterday")[0] == 2


def test_without_a_name_it_reports_on_the_team(baton: Any, gateway: Any):
    for name in ("roles", "capacity", "scores"):
        gateway.answers[f"GET /v1/reports/{name}"] = HEADING | EMPTY[name]
    code, out, _ = baton("report", "--since", "2026-01-01")
    assert code == 0
    assert "The figures ask for no hire." in out
    assert {request.url.query for request in gateway.requests} == {b"since=2026-01-01"}
    code, out, _ = baton("report", "--json")
    assert json.loads(out) == {name: HEADING | EMPTY[name] for name in ("roles", "capacity", "scores")}
    assert baton("report", "--json", "flow")[0] == 2, "it would be ignored"


def test_fairness_is_live_and_has_no_days(baton: Any, gateway: Any):
    rep = {
        "rep": "ana", "name": "Ana Ruiz", "weight": 100, "assigned": 7, "out_of_turn": 1, "share": 6.5,
        "deviation": 0.5, "within_bound": True,
    }  # fmt: skip
    bob = rep | {"rep": "bob", "deviation": -2.5, "within_bound": False}
    sdr = {"queue": "sdr", "distribute": "weighted", "bound": 1.5, "within_bound": False, "reps": [rep, bob]}
    found = {"in_words": "over the bound: sdr", "queues": [sdr, {**sdr, "queue": "old", "distribute": None}]}
    gateway.answers["GET /v1/reports/fairness"] = found
    code, out, err = baton("report", "fairness")
    assert (code, err) == (0, "")
    assert out.startswith("over the bound: sdr\n\nsdr (weighted), at most 1.5 leads from the share\n")
    assert "old (not in the policy any more)" in out
    (line,) = [line for line in out.splitlines() if line.startswith("bob")][:1]
    assert line.split()[-4:] == ["-2.5", "over", "the", "bound"]
    assert json.loads(baton("report", "fairness", "--json")[1]) == found
