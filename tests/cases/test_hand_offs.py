"""Hand-offs over HTTP, by the example policy: SDR, senior AE, sales engineer beside the AE, customer success.

And what every action says: who acted, what a body lacks (422), and what stands against it (409).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock
from tests.support.receiver import Receiver

_EXAMPLE = Path(__file__).parents[2] / "config" / "examples" / "hand-off"
SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = "We lose two days a week to hand-made reports."
LEARNT = {"timeline": "They go live in June", "budget": "60k approved"}
CRITERIA = {"decision_criteria": ["SSO", "an API"]}
SUCCESS = {"products": ["Reports", "API"], "contacts": "Rosa Vidal, CFO Max Lund", "goals": "two days a week"}

Headers = dict[str, str]


@pytest.fixture(scope="module")
def se_endpoint(moved_clock: MovedClock) -> Iterator[Receiver]:
    """The destination of the queue `se`, and of no other."""
    endpoint = Receiver(moved_clock.now)
    endpoint.secret = SECRET
    yield endpoint
    endpoint.close()


@pytest.fixture(scope="module")
def policy_dir(default_policy_dir: Path, se_endpoint: Receiver) -> Path:
    for file in _EXAMPLE.glob("*.yaml"):
        shutil.copy(file, default_policy_dir)
    routing = default_policy_dir / "routing.yaml"
    text = routing.read_text()
    at = text.index("  se: {accept_within")
    destination = f'destination: {{url: "{se_endpoint.url}", secret_env: SE_SECRET}}'
    text = text[:at] + text[at:].replace('destination: {url: "", secret_env: ""}', destination, 1)
    routing.write_text(text)
    return default_policy_dir


@pytest.fixture(scope="module", autouse=True)
def se_secret() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SE_SECRET", SECRET)
        yield


@pytest.fixture(scope="module")
def key_of(api: Api) -> Callable[[str], Headers]:
    """Return the headers with the key of a rep, made once; `manager` is a manager's key."""
    keys: dict[str, Headers] = {}

    def headers(rep: str) -> Headers:
        if rep not in keys:
            new = {"name": f"laptop of {rep}", "scopes": ["rep"], "rep": rep}
            if rep == "manager":
                new = {"name": "Mona Field", "scopes": ["manager"]}
            answer = api.http.post("/v1/api-keys", json=new)
            assert answer.status_code == 201, answer.text
            keys[rep] = {"Authorization": f"Bearer {answer.json()['key']}"}
        return keys[rep]

    return headers


def new_lead(api: Api, email: str, message: str | None = MESSAGE) -> dict[str, Any]:
    person = {"email": email, "first_name": "Rosa", "last_name": "Vidal", "title": "VP Sales"}
    company = {"employees": 300, "industry": "software", "country": "US"}
    view = api.settled(api.post_lead({"person": person, "company": company, "message": message}))
    assert view["owner"]
    return view


def act(api: Api, view: dict[str, Any], verb: str, headers: Headers, **body: Any) -> tuple[int, Any]:
    answer = api.http.post(f"/v1/leads/{view['lead_id']}/{verb}", headers=headers, json=body)
    return answer.status_code, answer.json()


def done(api: Api, view: dict[str, Any], verb: str, headers: Headers, **body: Any) -> dict[str, Any]:
    """Act; return the lead with the result, which may take longer than the answer waits."""
    before = view["sequence"]
    status, answer = act(api, view, verb, headers, **body)
    assert status in (200, 202), answer
    if status == 202:

        def changed() -> dict[str, Any] | None:
            found = api.view(view["lead_id"])
            return found if found and found["sequence"] > before else None

        return eventually(changed, what=f"the {verb}")
    return answer


def events(api: Api, view: dict[str, Any], type_: str) -> list[dict[str, Any]]:
    named = f"baton.{type_}.v1"
    return [one["data"] for one in api.timeline(view["lead_id"]) if one["type"] == named]


def pointers(problem: dict[str, Any]) -> list[str]:
    return [fault["pointer"] for fault in problem["errors"]]


def with_senior_ae(api: Api, key_of: Callable[[str], Headers], email: str) -> dict[str, Any]:
    """Return a lead that an SDR handed to a senior AE, who accepted it."""
    view = new_lead(api, email)
    view = done(api, view, "handoff", key_of(view["owner"]), to="senior-ae", notes=LEARNT)
    assert act(api, view, "accept", key_of(view["owner"]))[0] in (200, 202)
    return view


def test_an_sdr_hands_a_lead_to_a_senior_ae(api: Api, receiver: Receiver, key_of: Callable[[str], Headers]):
    view = new_lead(api, "rosa@hand-off-ae.example")
    lead, sdr = view["lead_id"], view["owner"]
    assert view["decision"]["queue"] == "sdr"
    # The buyer said what is needed; the timeline is to be noted.
    status, problem = act(api, view, "handoff", key_of(sdr), to="senior-ae", notes={"budget": "60k"})
    assert (status, pointers(problem)) == (422, ["/notes/timeline"])
    view = done(api, view, "handoff", key_of(sdr), to="senior-ae", notes=LEARNT, reason="qualified")
    ae = view["owner"]
    assert (view["decision"]["queue"], view["decision"]["change"]) == ("senior-ae", "moved")
    names = {one["id"]: one["name"] for one in api.http.get("/v1/reps").json()["data"]}
    brief = view["brief"]
    assert brief["hand_off"] == {"by": names[sdr], "notes": LEARNT}
    assert brief["warm_intro"].endswith(names[ae])
    assert brief["qualification"]["frame"] == "meddpicc"
    assert "They go live in June" in brief["markdown"]
    [event] = events(api, view, "lead.handed_off")
    assert (event["previous_owner"], event["previous_queue"], event["reason"]) == (sdr, "sdr", "qualified")
    assert (event["notes"], event["brief"]) == (LEARNT, brief)
    assert (event["person"]["last_name"], event["company"]["employees"]) == ("Vidal", 300)
    assert event["actor"] == {"key": f"laptop of {sdr}", "rep": sdr}
    eventually(lambda: receiver.about(lead, "lead.handed_off"), what="the webhook of the hand-off")


def test_a_sales_engineer_joins_the_owner_who_stays(
    api: Api, se_endpoint: Receiver, key_of: Callable[[str], Headers]
):
    view = with_senior_ae(api, key_of, "rosa@hand-off-se.example")
    lead, ae = view["lead_id"], view["owner"]
    status, problem = act(api, view, "handoff", key_of(ae), to="se", notes={})
    assert (status, pointers(problem)) == (422, ["/notes/decision_criteria"])
    view = done(api, view, "handoff", key_of(ae), to="se", notes=CRITERIA)
    assert view["owner"] == ae
    [joined] = view["joined"]
    assert (joined["queue"], joined["rep"] in ("se-1", "se-2")) == ("se", True)
    assert datetime.fromisoformat(joined["since"])
    assert view["brief"]["hand_off"]["notes"] == {**CRITERIA, **LEARNT}
    [told] = eventually(lambda: se_endpoint.about(lead, "lead.handed_off"), what="the webhook to the queue")
    assert told.data["joined"] == {"rep": joined["rep"], "queue": "se"}
    assert (told.data["decision"]["owner"], told.data["brief"]["contact"]["name"]) == (ae, "Rosa Vidal")
    listed = api.http.get("/v1/queues/se/leads", params={"owner": joined["rep"]}).json()["data"]
    assert [(one["lead_id"], one["owner"]) for one in listed] == [(lead, ae)]
    credited = api.http.get(f"/v1/reps/{joined['rep']}").json()
    assert (credited["credits"], credited["open_leads"]) == (1, 1)
    # Whoever joined may leave, and the next one joins.
    view = done(api, view, "reject", key_of(joined["rep"]), reason="wrong_person")
    assert view["owner"] == ae
    assert [one["rep"] for one in view["joined"]] == [{"se-1": "se-2", "se-2": "se-1"}[joined["rep"]]]


def test_a_won_lead_goes_on_to_customer_success(api: Api, key_of: Callable[[str], Headers]):
    view = with_senior_ae(api, key_of, "rosa@hand-off-csm.example")
    lead, ae = view["lead_id"], view["owner"]
    won = {"lead_id": lead, "type": "won", "at": "2026-03-02T09:00:00Z"}
    assert api.http.post("/v1/outcomes", json=won, headers=key_of(ae)).status_code == 202
    eventually(lambda: (api.view(lead) or {}).get("status") == "won", what="the lead is won")
    view = api.view(lead) or {}
    assert (view["owner"], view["joined"]) == (None, [])
    status, problem = act(api, view, "accept", key_of(ae))
    assert (status, problem["lead"]["status"]) == (409, "won")
    assert problem["detail"].startswith("The lead is closed as won")
    status, problem = act(api, view, "handoff", key_of(ae), to="csm", notes={"goals": " "})
    assert (status, pointers(problem)) == (422, ["/notes/products", "/notes/contacts", "/notes/goals"])
    view = done(api, view, "handoff", key_of(ae), to="csm", notes=SUCCESS)
    csm = view["owner"]
    assert (view["status"], csm in ("csm-1", "csm-2"), view["decision"]["queue"]) == ("routed", True, "csm")
    assert view["brief"]["qualification"]["frame"] == "bant"
    names = {one["id"]: one["name"] for one in api.http.get("/v1/reps").json()["data"]}
    assert view["brief"]["hand_off"]["by"] == names[ae]
    assert "Reports, API" in view["brief"]["markdown"]
    assert view["brief"]["warm_intro"].endswith(names[csm])
    assert [one["type"] for one in view["outcomes"]] == ["won"]


def test_a_manager_acts_for_others_and_every_action_says_who_acted(
    api: Api, key_of: Callable[[str], Headers]
):
    view = new_lead(api, "rosa@hand-off-two.example")
    sdr, manager = view["owner"], key_of("manager")
    other = next(rep for rep in ("sdr-1", "sdr-2") if rep != sdr)
    done(api, view | {"sequence": -1}, "accept", manager, rep=sdr)
    view = done(api, view, "reassign", manager, to=other, reason="on holiday")
    assert view["owner"] == other
    actors = [action["actor"] for action in events(api, view, "action.received")]
    assert actors == [{"key": "Mona Field", "rep": sdr}, {"key": "Mona Field", "rep": None}]
    [moved] = events(api, view, "lead.reassigned")
    assert (moved["actor"], moved["previous_owner"]) == (actors[1], sdr)
    reader = api.http.post("/v1/api-keys", json={"name": "reader", "scopes": ["read"]}).json()["key"]
    status, _problem = act(api, view, "accept", {"Authorization": f"Bearer {reader}"})
    assert status == 403


def test_a_rep_does_not_get_round_what_a_queue_must_know_by_reassigning(
    api: Api, key_of: Callable[[str], Headers]
):
    view = new_lead(api, "rosa@hand-off-reassign.example", message=None)
    sdr, sequence = view["owner"], view["sequence"]
    for to in ("ae-1", "senior-ae"):
        status, problem = act(api, view, "reassign", key_of(sdr), to=to, notes=LEARNT)
        assert (status, pointers(problem)) == (422, ["/notes/need", "/notes/timeline"])
        assert (
            problem["errors"][0]["detail"]
            == "senior-ae must know need first: hand the lead off with this note"
        )
    assert (api.view(view["lead_id"]) or {})["sequence"] == sequence
    other = next(rep for rep in ("sdr-1", "sdr-2") if rep != sdr)
    view = done(api, view, "reassign", key_of(sdr), to=other)
    assert view["owner"] == other, "within the queue nothing is asked"
    view = done(api, view, "reassign", key_of("manager"), to="ae-1")
    assert view["owner"] == "ae-1", "a manager decides"
    own_words = new_lead(api, "rosa@hand-off-own-words.example", f"{MESSAGE} We need it before June.")
    view = done(api, own_words, "reassign", key_of(own_words["owner"]), to="senior-ae")
    assert view["decision"]["queue"] == "senior-ae", "the buyer said it"


def test_an_outcome_names_a_rep_of_the_team_and_says_who_reported_it(
    api: Api, key_of: Callable[[str], Headers], moved_clock: MovedClock
):
    view = new_lead(api, "rosa@hand-off-outcome.example")
    sdr, now = view["owner"], moved_clock.now().isoformat()
    lost = {"lead_id": view["lead_id"], "type": "lost", "reason": "price", "at": now}
    for body, at in (
        ({"rep": "sdr-77"}, ["/rep"]),
        ({"rep": "Ana Ruiz"}, ["/rep"]),
        ({"actor": {"key": "x"}}, ["/actor"]),
    ):
        answer = api.http.post("/v1/outcomes", json=lost | body)
        assert (answer.status_code, pointers(answer.json())) == (422, at)
    booked = reported(api, lost | {"type": "meeting_booked", "rep": sdr}, key_of("manager"))
    assert (booked["rep"], booked["actor"]) == (sdr, {"key": "Mona Field", "rep": sdr})
    ended = reported(api, lost, key_of(sdr))
    assert (ended["rep"], ended["actor"]) == (sdr, {"key": f"laptop of {sdr}", "rep": sdr})
    [closed] = eventually(lambda: events(api, view, "lead.closed"), what="its end")
    assert (closed["status"], closed["actor"]) == ("lost", ended["actor"])


def reported(api: Api, outcome: dict[str, Any], headers: Headers) -> dict[str, Any]:
    """Post an outcome; return it as the view of its lead shows it, once it was applied."""
    answer = api.http.post("/v1/outcomes", json=outcome, headers=headers)
    assert answer.status_code == 202, answer.text
    lead, event = outcome["lead_id"], answer.json()["event_id"]
    assert eventually(lambda: api.outcome(lead, event), what="the outcome") == "applied"
    shown: dict[str, Any] = (api.view(lead) or {})["outcomes"][-1]
    return shown


UNPROCESSABLE = [
    ("accept", {"rep": "sdr-77"}, ["/rep"]),
    ("reassign", {"to": "nobody"}, ["/to"]),
    ("reassign", {"to": "nowhere", "rep": "nobody"}, ["/to", "/rep"]),
    ("handoff", {"to": "partners", "notes": LEARNT}, ["/to"]),
    ("reject", {"reason": "boring"}, ["/reason"]),
    ("snooze", {}, ["/until"]),
    ("accept", {"actor": {"key": "somebody"}}, ["/actor"]),
]


@pytest.mark.parametrize(("verb", "body", "at"), UNPROCESSABLE, ids=[f"{v} {b}" for v, b, _ in UNPROCESSABLE])
def test_a_body_that_names_what_there_is_not_is_422(
    api: Api, key_of: Callable[[str], Headers], verb: str, body: dict[str, Any], at: list[str]
):
    view = api.view(new_lead(api, "rosa@hand-off-three.example")["lead_id"]) or {}
    status, problem = act(api, view, verb, key_of("manager"), **body)
    assert (status, pointers(problem)) == (422, at)
    assert (api.view(view["lead_id"]) or {})["sequence"] == view["sequence"]


def test_a_409_says_why_and_shows_the_lead(api: Api, key_of: Callable[[str], Headers]):
    view = new_lead(api, "rosa@hand-off-four.example")
    sdr = view["owner"]
    other = next(rep for rep in ("sdr-1", "sdr-2") if rep != sdr)
    done(api, view | {"sequence": -1}, "accept", key_of(sdr))
    status, problem = act(api, view, "accept", key_of(sdr))
    assert (status, problem["lead"]["owner"]) == (409, sdr)
    assert problem["detail"].startswith(f"The lead was already accepted by {sdr} on 20")
    view = done(api, view, "reassign", key_of("manager"), to=other)
    status, problem = act(api, view, "accept", key_of(sdr))
    assert (status, problem["lead"]["owner"]) == (409, other)
    assert problem["detail"].startswith(f"{other} has owned this lead since 20")
    status, problem = act(api, view, "reassign", key_of("manager"), to=other)
    assert (status, problem["detail"].startswith(f"{other} has owned")) == (409, True)
    status, problem = act(api, view, "accept", key_of("bdr-1"))
    assert (status, problem["detail"].startswith(f"{other} has owned")) == (403, True)


def test_a_rep_key_is_for_a_rep_of_the_team(api: Api):
    new = {"name": "x", "scopes": ["rep"], "rep": "sdr-77"}
    answer = api.http.post("/v1/api-keys", json=new)
    assert (answer.status_code, pointers(answer.json())) == (422, ["/rep"])
