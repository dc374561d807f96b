"""An opt-out holds until a newer, explicit and proven opt-in lifts it; silence and older words never do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock

Consent = dict[str, Any]

SUPPRESSED, ROUTED = "suppressed", "routed"
OUT, IN = {"opted_out": True}, {"opted_out": False}

# Each step: what is stated, how many days ago, and what the lead is then.
STEPS: dict[str, list[tuple[Consent, float | None, str]]] = {
    "a newer opt-in lifts": [(OUT, 30, SUPPRESSED), (IN | {"marketing": True}, 0.1, ROUTED)],
    "an opt-in alone lifts": [(OUT, 30, SUPPRESSED), (IN, 0.1, ROUTED)],
    "an opt-in of its arrival lifts": [(OUT, 30, SUPPRESSED), (IN, None, ROUTED)],
    "an older opt-in does not": [(OUT, 30, SUPPRESSED), (IN, 31, SUPPRESSED)],
    "silence does not": [(OUT, 30, SUPPRESSED), ({}, None, SUPPRESSED)],
    "a newsletter alone does not": [(OUT, 30, SUPPRESSED), ({"marketing": True}, 0.1, SUPPRESSED)],
    "no newsletter is no opt-out": [({"marketing": False}, None, ROUTED)],
    "an older opt-out does not undo a newer opt-in": [(IN, 10, ROUTED), (OUT, 20, ROUTED)],
    "out again after in": [(OUT, 30, SUPPRESSED), (IN, 20, ROUTED), (OUT, 10, SUPPRESSED)],
}


@pytest.mark.parametrize("name", STEPS)
def test_consent_goes_by_its_own_time(api: Api, moved_clock: MovedClock, name: str):
    email = f"consent@{'-'.join(name.split())}.example"
    for stated, days_ago, status in STEPS[name]:
        at = {} if days_ago is None else {"at": (moved_clock.now() - timedelta(days=days_ago)).isoformat()}
        view = api.settled(api.post_lead({"person": {"email": email}, "consent": stated | at}))
        assert view["status"] == status


def test_an_opt_out_by_signal_has_a_time_too(api: Api, moved_clock: MovedClock):
    email = "signal@optedoutbysignal.example"
    sent = api.post_lead({"person": {"email": email}})
    assert api.settled(sent)["status"] == ROUTED
    signal = {
        "type": "opt_out",
        "person": {"email": email},
        "occurred_at": (moved_clock.now() - timedelta(days=3)).isoformat(),
    }
    assert api.http.post("/v1/signals", json=signal).status_code == 202
    eventually(lambda: (api.view(sent["lead_id"]) or {})["status"] == SUPPRESSED, what="the opt-out")
    for days_ago, status in ((4, SUPPRESSED), (2, ROUTED)):
        at = (moved_clock.now() - timedelta(days=days_ago)).isoformat()
        view = api.settled(api.post_lead({"person": {"email": email}, "consent": IN | {"at": at}}))
        assert view["status"] == status
