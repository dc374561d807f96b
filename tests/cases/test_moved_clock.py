"""What a lead did is worth less as time goes by, as the policy's half-lives say."""

from __future__ import annotations

from datetime import timedelta

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock


def test_a_demo_request_decays(api: Api, moved_clock: MovedClock):
    asked = {"type": "demo_request", "at": moved_clock.now().isoformat()}
    sent = api.post_lead({"person": {"email": "ada@decaying.example"}, "activities": [asked]})
    assert api.settled(sent)["score"]["intent"] == 90
    moved_clock.move(timedelta(days=60), api)
    view = eventually(
        lambda: v if (v := api.view(sent["lead_id"])) and v["score"]["intent"] < 10 else None,
        what="the decay",
    )
    assert view["score"]["intent"] == 5
