"""A ladder over HTTP: the steps at their times, who is told by webhook, and the instants of the lead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock
from tests.support.receiver import Receiver

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LADDER = """ladder:
      - {after: 10m, do: remind}
      - {after: 15m, do: reassign}
      - {after: 45m, do: escalate, to: manager}
      - {after: 2h, do: fallback}
    accept_within: 15m"""
DAY_S = 86_400
INSTANTS = ["captured", "eligible", "decided", "assigned", "notified", "accepted", "first_action"]


def endpoint(clock: MovedClock) -> Iterator[Receiver]:
    """A destination, whose secret is in `LADDER_SECRET`."""
    receiver = Receiver(clock.now, DAY_S)  # a delivery may be under way while the clock is moved
    receiver.secret = SECRET
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def sellers(moved_clock: MovedClock) -> Iterator[Receiver]:
    """The destination of the account executives."""
    yield from endpoint(moved_clock)


@pytest.fixture(scope="module")
def manager(moved_clock: MovedClock) -> Iterator[Receiver]:
    """The destination of their manager."""
    yield from endpoint(moved_clock)


@pytest.fixture(scope="module")
def policy_dir(default_policy_dir: Path, sellers: Receiver, manager: Receiver) -> Path:
    routing, team = default_policy_dir / "routing.yaml", default_policy_dir / "team.yaml"
    queue = "senior-ae: {accept_within: 15m, distribute: weighted, fallback: sdr,"
    text = routing.read_text()
    assert queue in text
    # The flow mapping becomes a block, so that the ladder is written as in the guide.
    block = f"senior-ae:\n    {LADDER}\n    fallback: sdr"
    line = next(line for line in text.splitlines() if queue in line)
    routing.write_text(text.replace(line.strip(), block))
    told = f'destination: {{url: "{sellers.url}", secret_env: LADDER_SECRET}}'
    text = team.read_text().replace("queues: [senior-ae]", f"queues: [senior-ae], manager: mona, {told}")
    told = f'destination: {{url: "{manager.url}", secret_env: LADDER_SECRET}}'
    team.write_text(f"{text}\nmanagers:\n  - {{id: mona, name: Mona Field, {told}}}\n")
    return default_policy_dir


@pytest.fixture(scope="module", autouse=True)
def secret() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LADDER_SECRET", SECRET)
        yield


def hot_lead(api: Api, clock: MovedClock, email: str) -> dict[str, Any]:
    """Return the view of a lead that the account executives get."""
    body = {
        "person": {"email": email, "title": "VP Sales"},
        "company": {"employees": 300, "industry": "software", "country": "US"},
        "activities": [{"type": "demo_request", "at": clock.now().isoformat()}],
    }
    view = api.settled(api.post_lead(body))
    assert view["decision"]["queue"] == "senior-ae", view["decision"]
    return view


def told(receiver: Receiver, lead: str) -> list[tuple[str, str | None, str]]:
    """Return what a destination heard of a lead: type, step, and owner."""
    about = [one for one in list(receiver.deliveries) if one.data["lead_id"] == lead]
    return [(one.type, one.data.get("step"), one.data["decision"]["owner"]) for one in about]


def test_each_step_tells_whom_it_should_and_the_last_gives_the_lead_to_the_fallback(
    api: Api, moved_clock: MovedClock, sellers: Receiver, manager: Receiver
):
    view = hot_lead(api, moved_clock, "ana@ladder.example")
    lead, first = view["lead_id"], view["owner"]
    second = {"ae-1": "ae-2", "ae-2": "ae-1"}[first]
    assigned = datetime.fromisoformat(view["clock"]["assigned"])
    accept_by = datetime.fromisoformat(view["sla"]["accept_by"])
    assert timedelta() <= accept_by - assigned - timedelta(minutes=15) < timedelta(milliseconds=1)
    expected: list[tuple[str, str | None, str]] = [("lead.routed", None, first)]
    for minutes, news in (
        (10, [("lead.escalated", "remind", first)]),
        (15, [("lead.escalated", "reassign", first), ("lead.reassigned", None, second)]),
        (25, [("lead.escalated", "remind", second)]),
        (30, [("lead.escalated", "reassign", second)]),  # nobody is left
        (45, [("lead.escalated", "escalate", second)]),
    ):
        moved_clock.move(assigned + timedelta(minutes=minutes, seconds=5) - moved_clock.now(), api)
        expected += news
        eventually(lambda: news[-1] in told(sellers, lead), what=f"step at {minutes} minutes")  # noqa: B023
    # What moves a lead from one rep to another goes to both.
    assert [*dict.fromkeys(told(sellers, lead))] == expected
    eventually(lambda: told(manager, lead), what="the escalation")
    assert told(manager, lead) == [("lead.escalated", "escalate", second)]
    moved_clock.move(assigned + timedelta(hours=2, seconds=5) - moved_clock.now(), api)
    after = eventually(lambda: (found := api.view(lead)) and found["decision"]["queue"] == "sdr" and found)
    assert after["owner"].startswith("sdr-")
    says = [entry["says"] for entry in api.timeline(lead)]
    assert f"reminds {first} (senior-ae): not accepted within 10m" in says
    assert f"tells mona of {second} (senior-ae): not accepted within 45m" in says
    assert sellers.invalid == manager.invalid == []


def test_the_instants_of_a_lead_are_in_its_view(api: Api, moved_clock: MovedClock):
    view = hot_lead(api, moved_clock, "ben@ladder.example")
    lead, path = view["lead_id"], f"/v1/leads/{view['lead_id']}"
    moved_clock.move(timedelta(minutes=3), api)
    answer = api.http.post(f"{path}/accept", json={})
    assert answer.status_code in (200, 202), answer.text

    def clock() -> dict[str, str | None] | None:
        found = api.view(lead)
        return found["clock"] if found and found["clock"]["accepted"] and found["clock"]["notified"] else None

    found = eventually(clock, what="the acceptance in the view")
    assert list(found) == INSTANTS
    times = [datetime.fromisoformat(str(found[name])) for name in INSTANTS]
    assert times == sorted(times)
    assert found["accepted"] == found["first_action"]
    assert times[5] - times[3] >= timedelta(minutes=3)


def test_the_queue_says_its_ladder_and_of_each_lead_when_the_next_step_is_due(
    api: Api, moved_clock: MovedClock
):
    lead = hot_lead(api, moved_clock, "dee@ladder.example")["lead_id"]
    queue = api.http.get("/v1/queues/senior-ae").json()
    assert queue["ladder"][2] == {"after": "45m", "do": "escalate", "to": "manager"}

    def listed() -> dict[str, Any] | None:
        rows = api.http.get("/v1/queues/senior-ae/leads").json()["data"]
        row = next((row for row in rows if row["lead_id"] == lead), None)
        return row if row is not None and row["notified_at"] else None

    row = eventually(listed, what="the notified lead in its queue")
    next_step = datetime.fromisoformat(row["assigned_at"]) + timedelta(minutes=10)
    assert datetime.fromisoformat(row["next_step_at"]) == next_step


def test_a_lead_that_is_not_assigned_has_only_the_instants_that_have_come(api: Api):
    person = {"email": "cy@no-consent.example", "title": "Student"}
    view = api.settled(api.post_lead({"person": person, "consent": {"opted_out": True}}))
    assert view["status"] == "suppressed"
    reached = {name for name, at in view["clock"].items() if at is not None}
    assert reached == {"captured", "eligible", "decided"}
