"""What a seller and a subscriber see of a lead from its first form to its end: status, owner, brief, order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock
from tests.support.receiver import Receiver

FITS = {"employees": 300, "industry": "software", "country": "US"}
TRIGGER_KEYS = {"kind", "event_id", "type"}


def fitting(name: str, **more: Any) -> dict[str, Any]:
    person = {"email": f"ana@{name}.example", "first_name": "Ana", "title": "VP Sales"}
    return {"person": person, "company": FITS, "message": "We lose two days a month."} | more


def nurtured(name: str, message: str = "hello") -> dict[str, Any]:
    return {"person": {"email": f"tom@{name}.example", "title": "Owner"}, "message": message}


def queue_leads(api: Api, queue: str, motion: str | None = None) -> set[str]:
    query = f"?limit=200&motion={motion}" if motion else "?limit=200"
    answer = api.http.get(f"/v1/queues/{queue}/leads{query}")
    assert answer.status_code == 200, answer.text
    return {lead["lead_id"] for lead in answer.json()["data"]}


def rep_names(api: Api) -> dict[str, str]:
    return {rep["id"]: rep["name"] for rep in api.http.get("/v1/reps").json()["data"]}


def load(api: Api) -> tuple[int, int]:
    reps = api.http.get("/v1/reps").json()["data"]
    return sum(rep["open_leads"] for rep in reps), sum(rep["credits"] for rep in reps)


# Nurture


def test_a_nurture_lead_has_no_owner_clock_or_credit_and_is_listed_apart(api: Api):
    before = load(api)
    view = api.settled(api.post_lead(nurtured("bakery-one")))
    decision = view["decision"]
    assert (view["status"], view["owner"], view["sla"]["accept_by"]) == ("routed", None, None)
    assert (decision["change"], decision["motion"], decision["queue"]) == ("listed", "nurture", "sdr")
    assert load(api) == before
    lead_id = view["lead_id"]
    assert lead_id not in queue_leads(api, "sdr")
    assert lead_id not in queue_leads(api, "sdr", "work")
    assert lead_id in queue_leads(api, "sdr", "nurture")
    assert api.http.get("/v1/queues/sdr").json()["nurture"] >= 1
    by_motion = {
        motion: {
            one["lead_id"] for one in api.http.get(f"/v1/leads?motion={motion}&limit=200").json()["data"]
        }
        for motion in ("work", "nurture")
    }
    assert (lead_id in by_motion["nurture"], lead_id in by_motion["work"]) == (True, False)
    assert api.http.get("/v1/leads?motion=warm").status_code == 422


def test_a_nurture_lead_that_says_hello_again_stays_nurture_and_one_that_rises_is_worked(api: Api):
    api.settled(api.post_lead(nurtured("bakery-two")))
    again = api.settled(api.post_lead(nurtured("bakery-two", "hello again")))
    assert (again["revision"], again["owner"], again["decision"]["motion"]) == (2, None, "nurture")
    risen = api.settled(api.post_lead({**nurtured("bakery-two"), "company": FITS}))
    assert (risen["decision"]["change"], risen["decision"]["motion"]) == ("assigned", "work")
    assert risen["owner"]


def test_a_rep_of_the_queue_takes_a_nurture_lead_by_accepting_it(api: Api):
    view = api.settled(api.post_lead(nurtured("bakery-three")))
    path = f"/v1/leads/{view['lead_id']}/accept"
    assert api.http.post(path, json={"rep": "ae-1"}).status_code == 409
    taken = api.http.post(path, json={"rep": "sdr-1"})
    assert taken.status_code == 200, taken.text
    assert (taken.json()["owner"], taken.json()["decision"]["motion"]) == ("sdr-1", "work")
    assert taken.json()["brief"]["warm_intro"].endswith(f"Best, {rep_names(api)['sdr-1']}")
    assert view["lead_id"] in queue_leads(api, "sdr", "work")


# The brief is the present one


def test_the_brief_of_view_and_webhook_is_that_of_the_present_owner(api: Api, receiver: Receiver):
    view = api.settled(api.post_lead(fitting("present")))
    first, lead_id = view["owner"], view["lead_id"]
    names = rep_names(api)
    assert view["brief"]["warm_intro"].endswith(f"Best, {names[first]}")
    other = next(rep for rep in ("sdr-1", "sdr-2") if rep != first)
    moved = api.http.post(f"/v1/leads/{lead_id}/reassign", json={"to": other, "reason": "on holiday"})
    assert moved.status_code == 200, moved.text
    assert moved.json()["brief"]["warm_intro"].endswith(f"Best, {names[other]}")
    [told] = eventually(lambda: receiver.about(lead_id, "lead.reassigned"), what="the webhook")
    assert told.data["brief"] == moved.json()["brief"]
    assert (told.data["person"]["first_name"], told.data["company"]["employees"]) == ("Ana", 300)
    assert (told.data["previous_owner"], told.data["decision"]["owner"]) == (first, other)
    assert told.data["sla"]["accept_by"] == moved.json()["sla"]["accept_by"]
    rejected = api.http.post(f"/v1/leads/{lead_id}/reject", json={"rep": other})
    assert rejected.status_code == 200, rejected.text
    signed_by = rejected.json()["owner"]
    assert signed_by not in (first, other) or signed_by == first
    assert rejected.json()["brief"]["warm_intro"].endswith(f"Best, {names[signed_by]}")


def test_a_signal_that_leaves_a_lead_with_its_owner_is_said_with_a_new_brief(
    api: Api, receiver: Receiver, moved_clock: MovedClock
):
    view = api.settled(api.post_lead(fitting("newsworthy")))
    lead_id, occurred_at = view["lead_id"], (moved_clock.now() - timedelta(hours=1)).isoformat()
    signal = {"type": "hiring_surge", "account": {"domain": "newsworthy.example"}, "occurred_at": occurred_at}
    assert api.http.post("/v1/signals", json=signal).status_code == 202
    said = eventually(
        lambda: receiver.about(lead_id, "lead.updated") + receiver.about(lead_id)[1:], what="what was said"
    )[0]
    assert (said.data["trigger"]["kind"], said.data["trigger"]["type"]) == ("signal", "hiring_surge")
    after = eventually(
        lambda: v if (v := api.view(lead_id)) and v["trigger"]["kind"] == "signal" else None, what="the view"
    )
    assert (after["owner"], after["brief"]) == (view["owner"], said.data["brief"])
    assert after["brief"]["trigger"]["type"] == "hiring_surge"


UNSCORED = [
    # type, its details, its words
    ("technology_added", {"technology": "Snowflake"}, "started using Snowflake 2 days ago"),
    ("technology_removed", {"technology": "Rivalworks"}, "stopped using Rivalworks 2 days ago"),
    ("news", {"headline": "Kestrel opens in Berlin"}, "in the news: “Kestrel opens in Berlin”, 2 days ago"),
    (
        "job_change",
        {"name": "Bo Ek", "from": "Acme", "to": "Kestrel", "title": "CFO"},
        "Bo Ek moved from Acme to Kestrel as CFO, 2 days ago",
    ),
]


@pytest.mark.parametrize("unscored", UNSCORED, ids=[type_ for type_, *_ in UNSCORED])
def test_a_signal_that_no_rule_counts_is_told_to_the_owner_without_points(
    api: Api, receiver: Receiver, moved_clock: MovedClock, unscored: tuple[str, dict[str, str], str]
):
    type_, details, words = unscored
    domain = f"{type_.replace('_', '-')}.example"
    view = api.settled(api.post_lead(fitting(domain.partition(".")[0])))
    lead_id, at = view["lead_id"], moved_clock.now() - timedelta(days=2, minutes=1)
    signal = {"type": type_, "account": {"domain": domain}, "details": details, "occurred_at": at.isoformat()}
    assert api.http.post("/v1/signals", json=signal).status_code == 202
    [said] = eventually(lambda: receiver.about(lead_id, "lead.updated"), what="lead.updated")
    assert said.data["reason"] == f"news: {type_}"
    assert said.data["score"] == view["score"] | {"lines": said.data["score"]["lines"]}
    assert (said.data["decision"]["owner"], said.data["brief"]["trigger"]["details"]) == (
        view["owner"],
        words,
    )
    assert words in said.data["brief"]["markdown"]
    # A later signal is the trigger then, and this one is still listed.
    other = signal | {"type": "hiring_surge", "details": {}, "occurred_at": moved_clock.now().isoformat()}
    assert api.http.post("/v1/signals", json=other).status_code == 202
    after = eventually(
        lambda: v if (v := api.view(lead_id)) and v["trigger"]["type"] == "hiring_surge" else None,
        what="the view",
    )
    assert f"\n- {words}\n" in after["brief"]["markdown"]


# The end


@pytest.mark.parametrize("status", ["won", "lost"])
def test_the_end_of_a_lead_is_its_status_and_an_event_and_a_new_form_opens_it_again(
    api: Api, receiver: Receiver, moved_clock: MovedClock, status: str
):
    view = api.settled(api.post_lead(fitting(f"is-{status}")))
    lead_id, owner = view["lead_id"], view["owner"]
    outcome = {
        "lead_id": lead_id,
        "type": status,
        "reason": "best offer",
        "at": moved_clock.now().isoformat(),
    }
    outcome |= {"amount": {"value": 900, "currency": "EUR"}}
    assert api.http.post("/v1/outcomes", json=outcome).status_code == 202
    ended = eventually(
        lambda: v if (v := api.view(lead_id)) and v["status"] == status else None, what="the end"
    )
    assert (ended["owner"], ended["decision"]["change"], ended["sla"]["accept_by"]) == (None, "closed", None)
    [closed] = eventually(lambda: receiver.about(lead_id, "lead.closed"), what="the webhook")
    assert (closed.data["status"], closed.data["reason"]) == (status, "best offer")
    assert (closed.data["previous_owner"], closed.data["previous_queue"]) == (owner, "sdr")
    assert closed.data["amount"] == {"value": 900, "currency": "EUR"}
    assert closed.data["actor"] == ended["outcomes"][0]["actor"] == {"key": "admin", "rep": None}
    says = {one["type"]: one["says"] for one in api.timeline(lead_id)}
    assert says["baton.outcome.received.v1"] == f"{status}; 900 EUR; “best offer”; by admin"
    assert says["baton.lead.closed.v1"] == f"{status}; 900 EUR; best offer; {owner} had it; by admin"
    found = api.http.get(f"/v1/leads?status={status}&limit=200").json()["data"]
    assert lead_id in {one["lead_id"] for one in found}
    assert lead_id not in queue_leads(api, "sdr")
    assert api.http.post(f"/v1/leads/{lead_id}/accept", json={"rep": owner}).status_code == 409
    again = api.settled(api.post_lead(fitting(f"is-{status}", message="One more thing")))
    assert (again["status"], again["owner"] is not None) == ("routed", True)


def test_an_opt_out_by_a_signal_is_recorded_as_such_and_the_form_keeps_its_outcome(
    api: Api, receiver: Receiver, moved_clock: MovedClock
):
    sent = api.post_lead(fitting("leaver"))
    view = api.settled(sent)
    signal = {
        "type": "opt_out",
        "person": {"email": "ana@leaver.example"},
        "occurred_at": moved_clock.now().isoformat(),
    }
    told = api.http.post("/v1/signals", json=signal)
    assert told.status_code == 202, told.text
    after = eventually(
        lambda: v if (v := api.view(view["lead_id"])) and v["status"] == "suppressed" else None,
        what="the suppression",
    )
    trigger = {"kind": "signal", "event_id": told.json()["event_id"], "type": "opt_out"}
    assert (after["trigger"], after["owner"], after["brief"]) == (trigger, None, None)
    [suppressed] = eventually(lambda: receiver.about(view["lead_id"], "lead.suppressed"), what="the webhook")
    assert suppressed.data["trigger"] == trigger
    assert (suppressed.data["previous_owner"], suppressed.data["previous_queue"]) == (view["owner"], "sdr")
    assert api.outcome(view["lead_id"], sent["event_id"]) == "routed"
    assert api.outcome(view["lead_id"], told.json()["event_id"]) == "applied"


# One order, one form of the trigger


def test_the_trigger_has_its_three_keys_everywhere_and_timeline_and_webhooks_are_in_sequence(
    api: Api, receiver: Receiver
):
    sent = api.post_lead(fitting("ordered"))
    seen: list[dict[str, Any]] = []

    def is_owned() -> bool:
        if (view := api.view(sent["lead_id"])) is not None:
            seen.append(view["trigger"])
            return bool(view["owner"])
        return False

    eventually(is_owned, what="the owner")
    lead_id = sent["lead_id"]
    for to in ("sdr-2", "sdr-1", "sdr-2", "sdr-1"):
        api.http.post(f"/v1/leads/{lead_id}/reassign", json={"to": to})
    api.settled(api.post_lead(fitting("ordered", message="Still there?")))
    timeline = eventually(
        lambda: t if (t := api.timeline(lead_id)) and len(t) >= 12 else None, what="the timeline"
    )
    routing = [one for one in timeline if one["source"] == "/baton/router"]
    sequences = [one["data"]["sequence"] for one in routing]
    assert sequences == list(range(1, len(sequences) + 1))
    webhooks = eventually(
        lambda: (
            d
            if len(d := [one for one in receiver.deliveries if one.data.get("lead_id") == lead_id])
            == len(routing)
            else None
        ),
        what="the webhooks",
    )
    assert [one.data["sequence"] for one in webhooks] == sequences
    triggers = [*seen, *(one.data["trigger"] for one in webhooks), (api.view(lead_id) or {})["trigger"]]
    assert {frozenset(trigger) for trigger in triggers} == {frozenset(TRIGGER_KEYS)}


def test_outcomes_that_are_told_late_stand_where_they_happened(
    api: Api, receiver: Receiver, moved_clock: MovedClock
):
    lead_id = api.settled(api.post_lead(fitting("late-deal")))["lead_id"]
    now = moved_clock.now()
    times = {"won": 0, "reply": -3, "lost": -2, "meeting_held": -1}
    told = [
        {"lead_id": lead_id, "type": type_, "at": (now + timedelta(hours=hours)).isoformat()}
        for type_, hours in times.items()
    ]
    sent = [api.http.post("/v1/outcomes", json=one) for one in told]
    assert [one.status_code for one in sent] == [202] * 4
    ids = [one.json()["event_id"] for one in sent]
    eventually(lambda: all(api.outcome(lead_id, id_) for id_ in ids), what="all that was told")
    in_time = ["reply", "lost", "meeting_held", "won"]

    def closed_view() -> dict[str, Any] | None:
        view = api.view(lead_id)
        return view if view is not None and view["status"] == "won" else None

    view = eventually(closed_view, what="the end of the lead")
    assert [one["type"] for one in view["outcomes"]] == in_time
    timeline = [one for one in api.timeline(lead_id) if one["id"] in ids]
    assert [one["data"]["type"] for one in timeline] == in_time
    assert [one["at"] for one in timeline] == sorted(one["at"] for one in timeline)
    assert [api.outcome(lead_id, id_) for id_ in ids] == ["applied", "unchanged", "unchanged", "unchanged"]
    closed = eventually(lambda: receiver.about(lead_id, "lead.closed"), what="the webhook")
    assert [one.data["status"] for one in closed] == ["won"]
