"""`baton backtest`: what is asked for, and the report as people read it."""

from __future__ import annotations

import json
from typing import Any

import pytest

DEADLINES = {"given": 4, "minutes": 60, "accepted_in_time": 3, "accepted_late": 0, "missed": 1}
REPORT: dict[str, Any] = {
    "candidate": "abc", "since": None, "until": "2026-03-31T23:59:59Z", "segment": None, "leads": 9, "moved": 1,
    "other_owner": 2, "by_cause": {"rule": 1},
    "queues": [{"before": "sdr", "after": "bdr", "rule_before": "fits", "rule_after": "big", "cause": "rule", "leads": 1}],
    "bands": [{"before": "mql", "after": "sql", "leads": 3}],
    "suppressed": {"before": 1, "after": 2, "more": {"spam": 1}, "fewer": {}},
    "owners": [],
    "sla": {"before": DEADLINES, "after": DEADLINES, "escalated_before": 1, "escalated_after": 1},
    "spend": {"all_leads": 250, "suppressed_more": 40, "suppressed_fewer": 0, "moved": 0},
    "replay": {"decisions": 9, "otherwise": 0, "unknown_versions": [], "with_scores": False},
    "unknown": ["Facts are those that were bought."],
}  # fmt: skip
MOVE = {
    "lead_id": "lead-1",
    "lead": "/v1/leads/lead-1",
    "cause": "rule",
    "before": {"at": "2026-03-02T09:00:00Z", "change": "assigned", "rule": "fits", "queue": "sdr", "owner": "sdr-1"},
    "after": {"at": "2026-03-02T09:00:00Z", "change": "suppressed", "rule": "spam"},
}  # fmt: skip


@pytest.fixture
def computed(gateway):
    """A gateway that has computed the backtest at once."""
    gateway.answers["POST /v1/policies/active/backtest"] = {"id": "b1", "status_url": "/v1/backtests/b1"}
    done = {"state": "done", "done": 9, "total": 9, "error": None, "report": REPORT}
    gateway.answers["GET /v1/backtests/b1"] = done
    gateway.answers["GET /v1/backtests/b1/moves"] = {"data": [MOVE], "next": None}
    return gateway


def test_the_report_in_words(baton, computed):
    code, out, err = baton("backtest", "active")
    assert (code, err) == (0, "")
    assert out.startswith("9 leads, the first decision to 2026-03-31T23:59:59Z.\n1 move to another queue;")
    for said in (
        "Suppressed: 1 before, 2 after.\n  1 more: spam\n",
        "Band: 3 leads are sql instead of mql.",
        "Times to accept: 3 of 4 accepted in time, 1 missed before",
        "Spent on data: 2.50, of it 0.40 on leads that nobody gets any more.",
        "sdr (fits, sdr-1)",
        "nobody (spam, no owner)",
    ):
        assert said in out
    assert json.loads(baton("backtest", "active", "--json")[1]) == REPORT


def test_a_window_without_decisions_is_told_in_one_sentence(baton, computed):
    sentence = "No decision on a lead is recorded up to 2026-03-31T23:59:59+00:00."
    report = {**REPORT, "leads": 0, "unknown": [sentence, *REPORT["unknown"]]}
    computed.answers["GET /v1/backtests/b1"] |= {"report": report}
    assert baton("backtest", "active") == (0, f"{sentence}\n", "")


@pytest.mark.parametrize(
    ("option", "text", "instant"),
    [
        ("--since", "2026-03-01", "2026-03-01T00:00:00Z"),
        ("--until", "2026-03-31", "2026-03-31T23:59:59.999999Z"),
        ("--until", "2026-03-31T12:00:00", "2026-03-31T12:00:00Z"),
        ("--until", "2026-03-31T12:00:00+02:00", "2026-03-31T12:00:00+02:00"),
    ],
)
def test_days_are_included_and_those_of_utc(baton, computed, option, text, instant):
    assert baton("backtest", "active", option, text)[0] == 0
    assert computed.bodies == [{option.removeprefix("--"): instant}]


def test_what_is_no_policy_and_no_day_is_a_fault_of_the_command(baton):
    assert baton("backtest", "no-such-folder")[0] == 2
    assert baton("backtest", "active", "--since", "yesterday")[0] == 2


def test_a_backtest_that_ended_without_a_report_fails(baton, computed):
    ended = {"state": "failed", "done": 1, "total": 9, "error": "The policy cannot be read", "report": None}
    computed.answers["GET /v1/backtests/b1"] = ended
    assert baton("backtest", "active") == (1, "", "The backtest is failed: The policy cannot be read\n")
