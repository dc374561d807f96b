"""The clock of a lead in one line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.cli.lead_clock import clock_line, length

CLOCK = {
    "captured": "2026-03-02T09:00:00.250000Z",
    "eligible": "2026-03-02T09:00:01.500000Z",
    "decided": "2026-03-02T09:00:01.600000Z",
    "assigned": "2026-03-02T09:30:01Z",
    "notified": None,
    "accepted": "2026-03-02T12:20:00.250000Z",
    "first_action": "2026-03-04T13:00:00.250000Z",
}


def test_the_clock_says_how_long_each_step_took():
    assert clock_line(CLOCK) == (
        "Came in 2026-03-02 09:00:00Z; scored after 1.2 s; decided after 1.4 s; assigned after 30 min; "
        "owner not notified; accepted after 3 h 20 min; first action after 2 d 4 h"
    )


def test_a_lead_of_which_nothing_is_known_has_no_line():
    assert clock_line({}) == clock_line(dict.fromkeys(CLOCK)) == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (-1, "0.0 s"), (59.9, "59.9 s"), (60, "1 min"), (3_599, "1 h 0 min"), (86_400, "1 d 0 h")],
)
def test_lengths_of_time(seconds, said):
    assert length(timedelta(seconds=seconds)) == said


def test_the_timeline_ends_with_the_clock(baton, gateway):
    entry = {"at": "2026-03-02T09:00:00Z", "type": "baton.lead.received.v1", "says": "received"}
    gateway.answers["GET /v1/leads/L/timeline"] = {"data": [entry]}
    gateway.answers["GET /v1/leads/L"] = {"clock": CLOCK}
    code, out, _ = baton("timeline", "L")
    assert code == 0
    assert "Came in 2026-03-02 09:00:00Z" in out
    code, out, _ = baton("timeline", "L", "--json")
    assert "Came in" not in out
