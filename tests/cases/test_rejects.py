"""Rejections over HTTP: what each reason does, what is shown and counted, and that nobody gets back a lead."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock
from tests.support.receiver import Receiver

COMPANY = {"employees": 300, "industry": "software", "country": "US"}


def new_lead(api: Api, email: str, message: str | None = None) -> dict[str, Any]:
    person = {"email": email, "title": "VP Sales"}
    view = api.settled(api.post_lead({"person": person, "company": COMPANY, "message": message}))
    assert view["owner"], view
    return view


def reject(api: Api, view: dict[str, Any], **body: Any) -> dict[str, Any]:
    """Reject the lead; return it once its view shows the result."""
    path, before = f"/v1/leads/{view['lead_id']}", view["sequence"]
    answer = api.http.post(f"{path}/reject", json=body)
    assert answer.status_code in (200, 202), answer.text

    def changed() -> dict[str, Any] | None:
        found = api.view(view["lead_id"])
        return found if found and found["sequence"] > before else None

    return eventually(changed, what="the rejection")


def rep(api: Api, rep_id: str) -> dict[str, Any]:
    return api.http.get(f"/v1/reps/{rep_id}").json()


REASONS = [
    # reason, status of the lead, owned by somebody else, credit back
    ("not_icp", "disqualified", False, False),
    ("bad_data", "disqualified", False, True),
    ("Spam", "disqualified", False, True),
    ("no_budget", "routed", False, False),
    ("bad timing", "routed", False, False),
    ("wrong_territory", "routed", True, False),
    ("wrong-person", "routed", True, False),
    (None, "routed", True, False),
]


@pytest.mark.parametrize(("reason", "status", "owned", "credit_back"), REASONS)
def test_what_a_reason_does(api: Api, reason: str | None, status: str, *, owned: bool, credit_back: bool):
    name = (reason or "none").replace(" ", "-").replace("_", "-").casefold()
    view = new_lead(api, f"ana@reject-{name}.example")
    first = view["owner"]
    before = rep(api, first)
    word = "rejected" if reason is None else reason.casefold().replace(" ", "_").replace("-", "_")
    after = reject(api, view, **({"reason": reason} if reason else {}))
    assert after["status"] == status
    assert (after["owner"] not in (None, first)) is owned
    assert (after["owner"] is not None) is owned
    [outcome] = after["outcomes"]
    assert (outcome["type"], outcome["reason"], outcome["rep"]) == ("rejected", word, first)
    now = rep(api, first)
    assert now["credits"] == before["credits"] - credit_back
    assert now["open_leads"] == before["open_leads"] - 1
    assert now["rejected"][word] == before.get("rejected", {}).get(word, 0) + 1
    if status == "disqualified":
        closed = [one for one in api.timeline(view["lead_id"]) if one["type"] == "baton.lead.closed.v1"]
        assert [one["data"]["status"] for one in closed] == ["disqualified"]
        answer = api.http.post(f"/v1/leads/{view['lead_id']}/accept", json={"rep": first})
        assert (answer.status_code, answer.json()["lead"]["status"]) == (409, "disqualified")
        again = new_lead(api, f"ana@reject-{name}.example")
        assert again["owner"] not in (None, first), "a new form opens it, for somebody else"
        assert (again["status"], again["revision"]) == ("routed", 2)


def test_an_unknown_reason_is_422_that_names_the_known_ones(api: Api):
    view = new_lead(api, "ana@reject-unknown.example")
    answer = api.http.post(f"/v1/leads/{view['lead_id']}/reject", json={"reason": "boring"})
    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    assert fault["pointer"] == "/reason"
    assert all(reason in fault["detail"] for reason in ("not_icp", "bad_timing", "wrong_person"))
    outcome = {"lead_id": view["lead_id"], "type": "rejected", "at": "2026-03-02T09:00:00Z"}
    assert api.http.post("/v1/outcomes", json=outcome | {"reason": "boring"}).status_code == 422
    assert (api.view(view["lead_id"]) or {})["owner"] == view["owner"]


def test_explain_says_who_rejected_a_lead_that_was_decided_again(api: Api):
    view = new_lead(api, "ana@reject-explained.example")
    first = view["owner"]
    view = reject(api, view, reason="wrong_territory", rep=first)
    explained = api.http.get(f"/v1/leads/{view['lead_id']}/explain").json()
    assert explained["decision"]["owner"] == view["owner"]
    [since] = explained["since"]
    assert (since["previous_owner"], since["owner"], since["reason"]) == (
        first,
        view["owner"],
        "wrong_territory",
    )
    assert since["actor"] == {"key": "admin", "rep": first}


@pytest.mark.parametrize("reason", ["no_budget", "wrong_territory", None])
def test_the_next_owner_reads_who_rejected_the_lead_when_and_why(
    api: Api, receiver: Receiver, reason: str | None
):
    """A lead that rests comes back early by a new form, which says nothing new of the budget."""
    email = f"ana@reject-told-{str(reason).replace('_', '-')}.example"
    message = "We want a demo. Our CFO approved 60k for this."
    view = new_lead(api, email, message)
    assert qualified(view)["budget"]["state"] == "known"
    first, lead = view["owner"], view["lead_id"]
    name = rep(api, first)["name"]
    view = reject(api, view, rep=first, **({"reason": reason} if reason else {}))
    if reason == "no_budget":
        view = new_lead(api, email, "Hello again, I would like to see a demo.")
    assert view["owner"] not in (None, first)
    [told] = view["brief"]["hand_off"]["rejections"]
    assert (view["brief"]["hand_off"]["by"], view["brief"]["hand_off"]["notes"]) == (None, {})
    why = f": {reason.replace('_', ' ')}" if reason else ", without a reason"
    assert told["details"].startswith(f"Rejected by {name} on ")
    assert why in told["details"]
    assert (told["rep"], told["by"], told["reason"]) == (first, name, reason or "rejected")
    assert f"*Earlier owners*\n- {told['details']}\n" in view["brief"]["markdown"]
    budget = qualified(view)["budget"]
    if reason == "no_budget":
        assert told["details"].endswith("; asked to come back after 90 days")
        assert (budget["state"], budget["evidence"]) == ("unknown", told["details"].partition(";")[0])
        assert f"- Budget (missing): {budget['evidence']}" in view["brief"]["markdown"]
        assert "When could a budget be decided" in view["brief"]["ask_next"][-1]
    else:
        assert budget["state"] == "known"
    explained = api.http.get(f"/v1/leads/{lead}/explain").json()
    if reason is not None:
        assert explained["rejections"] == [told]

    def heard() -> list[Any] | None:
        found = [*receiver.about(lead, "lead.routed"), *receiver.about(lead, "lead.reassigned")]
        return [one for one in found if one.data["brief"]["hand_off"] == view["brief"]["hand_off"]]

    assert eventually(heard, what="the webhook")


def qualified(view: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in view["brief"]["qualification"]["elements"]}


def test_nobody_gets_back_what_they_rejected(api: Api):
    view = new_lead(api, "ana@reject-for-ever.example")
    first = view["owner"]
    view = reject(api, view)
    for _ in range(2):
        answer = api.http.post(f"/v1/leads/{view['lead_id']}/reassign", json={"to": first})
        assert (answer.status_code, answer.json()["detail"]) == (409, f"{first} rejected this lead")
    rejected_by = {first}
    while (owner := view["owner"]) is not None:
        assert owner not in rejected_by
        rejected_by.add(owner)
        view = reject(api, view)
    assert rejected_by == {"sdr-1", "sdr-2", "sdr-3", "sdr-4"}
    assert view["decision"]["change"] == "waiting"


def test_a_recycled_lead_comes_back_after_its_time_to_somebody_else(api: Api, moved_clock: MovedClock):
    """The last of the module: it moves the clock by months."""
    view = new_lead(api, "ana@reject-recycled.example")
    first, lead = view["owner"], view["lead_id"]
    view = reject(api, view, reason="bad_timing")
    assert (view["decision"]["change"], view["decision"]["motion"]) == ("listed", "nurture")
    listed = api.http.get("/v1/queues/sdr/leads", params={"motion": "nurture"}).json()["data"]
    assert lead in {one["lead_id"] for one in listed}
    moved_clock.move(timedelta(days=89), api)
    assert (api.view(lead) or {})["owner"] is None
    moved_clock.move(timedelta(days=1, hours=1), api)

    def owned() -> dict[str, Any] | None:
        found = api.view(lead)
        return found if found and found["owner"] else None

    back = eventually(owned, what="the lead is routed again")
    assert back["owner"] != first
    assert (back["decision"]["motion"], back["status"]) == ("work", "routed")
    [told] = back["brief"]["hand_off"]["rejections"]
    assert told["details"].endswith(": bad timing; asked to come back after 90 days (entered by admin)")
    assert f"- {told['details']}\n" in back["brief"]["markdown"]
    timeline = {one["type"]: one["says"] for one in api.timeline(lead)}
    assert "bad timing; routed again on 2" in timeline["baton.lead.reassigned.v1"]
    assert f"{first} had it; by admin" in timeline["baton.lead.reassigned.v1"]
    assert "bad timing; asked to come back after 90 days" in timeline["baton.lead.routed.v1"]
