"""Who gets the leads of an account whose owner may have no more, as a manager and a seller see it (F30)."""

from __future__ import annotations

import io
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock
from tests.support.topology import Topology

YAML_1_2 = YAML(typ="safe", pure=True)
DEFAULT_ROUTING = (Path(__file__).parents[2] / "config" / "routing.yaml").read_text()
FITS = {"employees": 300, "industry": "software", "country": "US"}


def rep(id_: str, *queues: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "name": id_.title(), "queues": [*queues] or ["sdr"], **more}


OTHERS = (rep("bd", "bdr"), rep("ae", "senior-ae"))


def colleague(name: str, company: str, **more: Any) -> dict[str, Any]:
    person = {"email": f"{name}@{company}.example", "first_name": "Ana", "title": "VP Sales"}
    return {"person": person, "company": FITS} | more


def apply(api: Api, *reps: dict[str, Any], leaver: str = "reassign", **routing: Any) -> None:
    """Apply a policy with this team besides `OTHERS`, and wait until Baton decides by it."""
    files = api.http.get("/v1/policies/active").json()["files"]
    team = {"reps": [*reps, *OTHERS], "managers": [{"id": "mgr", "name": "Mona Field"}], "leaver": leaver}
    default = YAML_1_2.load(DEFAULT_ROUTING)
    for name, whole in (("team.yaml", team), ("routing.yaml", {**default, **routing})):
        text = io.StringIO()
        YAML_1_2.dump(whole, text)
        files[name] = text.getvalue()
    answer = api.http.post("/v1/policies", json={"files": files})
    assert answer.status_code in (200, 201), answer.text
    version = answer.json()["version"]

    def in_force() -> bool:
        sent = api.post_lead({"person": {"email": "probe@probe.example"}, "message": f"{version}"})
        return api.settled(sent)["policy_versions"]["routed"] == version

    eventually(in_force, what="the new policy")


def set_available(api: Api, rep_id: str, *, available: bool) -> None:
    assert api.http.patch(f"/v1/reps/{rep_id}", json={"available": available}).status_code == 200


def routed(api: Api, body: dict[str, Any]) -> dict[str, Any]:
    return api.settled(api.post_lead(body))


def passed(view: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    """The reps who did not get a lead, each with the reason and the detail."""
    entries = (entry for entry in view["decision"]["considered"] if "rep" in entry)
    return {entry["rep"]: (entry["skipped"], entry.get("detail")) for entry in entries}


def told_of(api: Api, lead_id: str, rep_id: str) -> str:
    """What `explain` says of a rep."""
    reps = api.http.get(f"/v1/leads/{lead_id}/explain").json()["decision"]["reps"]
    return next(one["says"] for one in reps if one["rep"] == rep_id)


def test_new_colleagues_pass_an_owner_who_takes_no_leads_and_the_old_ones_stay(api: Api):
    apply(api, rep("one"), rep("two"), rep("three"))
    first = routed(api, colleague("first", "ownaway"))
    owner = first["owner"]
    set_available(api, owner, available=False)
    try:
        views = [routed(api, colleague(f"p{number}", "ownaway")) for number in range(3)]
        assert {view["owner"] for view in views} & {owner} == set()
        assert len({view["owner"] for view in views}) == 1, "one rep stands in"
        for view in views:
            assert passed(view)[owner] == ("unavailable", None)
            assert view["decision"]["queue"] == first["decision"]["queue"]
        assert told_of(api, views[0]["lead_id"], owner) == "takes no new leads now"
        again = routed(api, colleague("first", "ownaway", message="one more question"))
        assert (again["decision"]["change"], again["owner"]) == ("kept", owner)
    finally:
        set_available(api, owner, available=True)


def test_an_import_of_300_colleagues_takes_nobody_above_the_limit(api: Api):
    apply(api, rep("small", max_open=60), rep("large", max_open=100))
    answer = api.http.post("/v1/leads", json=[colleague(f"p{number}", "bigco") for number in range(300)])
    assert answer.status_code == 202, answer.text

    def loads() -> dict[str, int]:
        return {one["id"]: one["open_leads"] for one in api.http.get("/v1/reps").json()["data"]}

    def all_decided() -> bool:
        assert loads()["small"] <= 60
        assert loads()["large"] <= 100
        return bool(api.http.get("/v1/queues/sdr").json()["waiting"] >= 140)

    eventually(all_decided, what="the decisions on all")
    assert (loads()["small"], loads()["large"]) == (60, 100)
    owners = Counter(view["owner"] for one in answer.json()["results"][::10] if (view := api.settled(one)))
    assert {*owners} == {"small", "large", None}
    last = api.settled(answer.json()["results"][-1])
    assert passed(last)["small"] == ("at_cap", "60 open")
    assert told_of(api, last["lead_id"], "small") == "has as many leads as allowed (60 open)"


def test_a_cap_per_day_ends_at_midnight_of_the_rep(api: Api, moved_clock: MovedClock):
    capped = rep("capped", "inside", caps=[{"count": 2, "per": "day"}], time_zone="Pacific/Auckland")
    queues = {name: {"accept_within": "4h"} for name in ("sdr", "bdr", "senior-ae", "inside")}
    inside = {"name": "inside", "when": {"field": "company.domain", "starts_with": "cap"}, "queue": "inside"}
    apply(api, capped, rep("rest"), queues=queues, rules=[inside, {"name": "rest", "queue": "sdr"}])
    views = [routed(api, colleague("ana", f"capday{number}")) for number in range(3)]
    # Midnight may have passed in between.
    assert sum(view["owner"] is None for view in views) <= 1
    views += [routed(api, colleague("ana", f"capmore{number}")) for number in range(2)]
    waiting = [view for view in views if view["owner"] is None]
    assert waiting
    assert passed(waiting[-1])["capped"] == ("at_cap", "2 per day")
    moved_clock.move(timedelta(days=1), api)
    last = waiting[0]["lead_id"]
    eventually(lambda: (api.view(last) or {}).get("owner") == "capped", what="the next day")


def test_skills_and_territories_decide_who_gets_a_lead(api: Api):
    dach = {
        "name": "dach",
        "when": {"field": "company.country", "in": ["DE", "AT"]},
        "reps": ["two", "three"],
    }
    german = {"name": "german", "when": {"field": "answers.language", "eq": "german"}, "queue": "sdr"}
    rules = [german | {"skills": ["de"]}, {"name": "rest", "queue": "sdr"}]
    team = (rep("one", skills=["de"]), rep("two"), rep("three", skills=["de", "fr"]))
    apply(api, *team, territories=[dach], rules=rules)
    view = routed(
        api,
        {
            "person": {"email": "uwe@berlinco.example", "title": "VP Sales"},
            "company": FITS | {"country": "DE"},
            "answers": {"language": "German"},
        },
    )
    assert (view["owner"], view["decision"]["territory"]) == ("three", "dach")
    assert passed(view)["one"] == ("not_in_territory", None)
    assert passed(view)["two"] == ("lacks_skill", "de")
    assert told_of(api, view["lead_id"], "two") == "lacks a skill that the rule demands: de"
    explained = api.http.get(f"/v1/leads/{view['lead_id']}/explain").json()["decision"]
    assert (explained["territory"], explained["reproduced"]) == ("dach", True)
    # A manager decides by name, whatever the skills and the territory.
    answer = api.http.post(f"/v1/leads/{view['lead_id']}/reassign", json={"to": "one"})
    assert (answer.status_code, answer.json()["owner"]) == (200, "one")


@pytest.mark.parametrize("leaver", ["reassign", "manager"])
def test_leads_of_a_rep_who_left_go_to_others(api: Api, baton: Topology, leaver: str):
    apply(api, rep("leaves", manager="mgr"), leaver=leaver)
    fresh = routed(api, colleague("fresh", f"left-{leaver}"))["lead_id"]
    worked = routed(api, colleague("worked", f"left-{leaver}"))["lead_id"]
    assert api.http.post(f"/v1/leads/{worked}/accept", json={"rep": "leaves"}).status_code == 200
    apply(api, rep("stays"), leaver=leaver)
    heir = "stays" if leaver == "reassign" else "mgr"
    for lead_id, owner in ((fresh, "stays"), (worked, heir)):
        eventually(lambda: (api.view(lead_id) or {}).get("owner") == owner, what=f"the lead of {owner}")  # noqa: B023
        explained = api.http.get(f"/v1/leads/{lead_id}/explain").json()
        assert "leaves left the team" in str(explained), explained
    if leaver == "manager":
        key = {"name": "mona", "scopes": ["read", "rep"], "rep": "mgr"}
        mona = api.http.post("/v1/api-keys", json=key).json()["key"]
        own = {"Authorization": f"Bearer {mona}"}
        mine = api.http.get("/v1/leads", params={"owner": "mgr"}, headers=own).json()["data"]
        assert [one["lead_id"] for one in mine] == [worked]
        answer = api.http.post(
            f"/v1/leads/{worked}/handoff", json={"to": "stays", "notes": {"need": "x"}}, headers=own
        )
        assert (answer.status_code, answer.json()["owner"]) == (200, "stays"), answer.text
