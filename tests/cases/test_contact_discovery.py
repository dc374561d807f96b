"""Whoever works a lead of a target account learns who else decides there; those people are never leads."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock
from tests.support.receiver import Receiver
from tests.support.topology import Topology

DISCOVER = """discover:
  roles: [economic_buyer, champion, technical]
  when: {field: account.relation, eq: target}
  per_account_cents: 40
  order: [apollo, hunter, rolodex]

fields:
"""
ROLODEX = "rolodex: {integration: rolodex, base_url: http://127.0.0.1:8090/rolodex, key_env: ROLODEX_KEY}"
PRESET = """vendor: rolodex
title: Rolodex
docs: https://docs.rolodex.example/people
base_url: https://api.rolodex.example
price: {match: 5}
auth: {header: X-Key}
tables: {roles: {economic_buyer: "chief, finance", champion: head, technical: engineer}}
ask:
  contacts:
    method: POST
    path: /people/search
    body: {site: "{domain}", levels: ["{roles}"]}
    items: found
    answer:
      person.first_name: names(full_name).first
      person.last_name: names(full_name).last
      person.title: position
      person.linkedin_url: profile
      confidence: {default: 70}
outcomes:
  - {when: "length(body.found || `[]`) == `0`", is: no_match}
"""
EXAMPLE = """title: Two people of a company, one without a role that is looked for
ask: contacts
question: {domain: quillmere.example, roles: [economic_buyer, champion, technical]}
request: {method: POST, path: /people/search, json: {site: quillmere.example, levels: [chief, finance, head, engineer]}}
answer:
  status: 200
  json:
    found:
      - {full_name: Wanda Osei, position: Chief Financial Officer, profile: "https://www.linkedin.com/in/wanda-osei"}
      - {full_name: Pim Vos, position: Receptionist}
expect: {outcome: match, people: [{first_name: Wanda, last_name: Osei}, {first_name: Pim}]}
"""


@pytest.fixture(scope="module")
def policy_dir(default_policy_dir: Path) -> Path:
    """The default policy, which looks for people of target accounts, also with a vendor that is a folder here."""
    folder = default_policy_dir / "integrations" / "providers" / "rolodex"
    (folder / "examples").mkdir(parents=True, exist_ok=True)
    (folder / "preset.yaml").write_text(PRESET)
    (folder / "examples" / "contacts.yaml").write_text(EXAMPLE)
    file = default_policy_dir / "providers.yaml"
    text = file.read_text().replace("\nfields:\n", f"\n{DISCOVER}", 1)
    file.write_text(text.replace("\nproviders:\n", f"\nproviders:\n  {ROLODEX}\n", 1))
    return default_policy_dir


@pytest.fixture(scope="module")
def stubs(baton: Topology):
    """A client of the provider stubs."""
    with httpx.Client(base_url=baton.environ["BATON_PROVIDERS_URL"], timeout=30) as http:
        yield http


def make_target(api: Api, domain: str) -> None:
    assert api.http.put(f"/v1/accounts/{domain}", json={"relation": "target"}).status_code == 202


def account_lead(api: Api, moved_clock: MovedClock, domain: str) -> str:
    """Have a signal make the account lead of a target account; return its id once it is routed."""
    make_target(api, domain)
    signal = {
        "type": "funding_round",
        "account": {"domain": domain},
        "occurred_at": moved_clock.now().isoformat(),
    }
    assert api.http.post("/v1/signals", json=signal).status_code == 202
    leads = eventually(lambda: api.http.get(f"/v1/leads?account={domain}").json()["data"], what="the lead")
    view = eventually(lambda: (api.view(leads[0]["lead_id"]) or {}).get("owner"), what="an owner")
    assert view
    return str(leads[0]["lead_id"])


def contacts_of(api: Api, domain: str) -> dict[str, dict[str, Any]]:
    account = api.http.get(f"/v1/accounts/{domain}").json()
    return {contact["name"]: contact for contact in account.get("contacts", [])}


def discovery_of(api: Api, domain: str) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = api.http.get(f"/v1/accounts/{domain}").json().get("discovery", [])
    return steps


def asked_for(api: Api, domain: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(step["provider"], tuple(step["roles"])) for step in discovery_of(api, domain)]


def stakeholders_of(api: Api, lead_id: str) -> dict[str | None, dict[str, Any]]:
    brief = (api.view(lead_id) or {}).get("brief") or {}
    return {one["name"]: one for one in brief.get("stakeholders", [])}


def found_at(api: Api, domain: str, lead_id: str, name: str) -> None:
    """Wait until somebody is known at the account and told to the owner of its lead."""
    eventually(lambda: name in contacts_of(api, domain), what=f"{name} at the account")
    eventually(lambda: name in stakeholders_of(api, lead_id), what=f"{name} in the brief")


def test_an_account_lead_soon_has_people_whom_its_owner_can_name(
    api: Api, stubs: httpx.Client, moved_clock: MovedClock, receiver: Receiver
):
    domain = "cindermarsh.example"
    lead_id = account_lead(api, moved_clock, domain)
    found_at(api, domain, lead_id, "Lars Khan")
    account = api.http.get(f"/v1/accounts/{domain}").json()
    [contact] = [one for one in account["contacts"] if one["name"] == "Lars Khan"]
    assert contact["title"] == "VP Finance"
    assert (contact["role"], contact["known_from"]) == ("economic_buyer", "apollo")
    assert contact["email"] == f"lars.khan@{domain}"
    assert 0 < contact["confidence"] <= 1
    assert [one["role"] for one in account["contacts"]] == ["economic_buyer"] * 3 + ["champion"] * 3
    cost = sum(one["cost"] for one in account["contacts"])
    assert cost == account["discovery"][0]["cost"] == 8
    assert "phone" not in json.dumps(account["contacts"])
    stakeholder = stakeholders_of(api, lead_id)["Lars Khan"]
    assert (stakeholder["role"], stakeholder["known_from"]) == ("economic_buyer", "apollo")
    view = api.view(lead_id) or {}
    assert "Found there: Lars Khan, VP Finance" in view["brief"]["markdown"]
    told = eventually(lambda: receiver.about(lead_id, "lead.updated"), what="the news for the owner")
    assert told[0].data["reason"] == "6 people found at the account: economic buyer, champion"
    assert (view["revision"], view["account_view"]["people"] if "account_view" in view else 0) == (1, 0)
    assert account["leads"] == 1
    assert [one["lead_id"] for one in api.http.get(f"/v1/leads?account={domain}").json()["data"]] == [lead_id]
    eventually(lambda: len(asked_for(api, domain)) == 3, what="the questions to the others")
    assert asked_for(api, domain) == [
        ("apollo", ("economic_buyer", "champion", "technical")),
        ("hunter", ("technical",)),
        ("rolodex", ("technical",)),
    ]


def test_a_vendor_is_a_folder(api: Api, moved_clock: MovedClock):
    domain = "quillmere.example"
    lead_id = account_lead(api, moved_clock, domain)
    found_at(api, domain, lead_id, "Wanda Osei")
    [contact] = contacts_of(api, domain).values()
    assert (contact["title"], contact["role"]) == ("Chief Financial Officer", "economic_buyer")
    assert (contact["known_from"], contact["cost"], contact["confidence"]) == ("rolodex", 5, 0.7)
    assert (contact["email"], contact["linkedin_url"]) == (None, "https://www.linkedin.com/in/wanda-osei")


def test_a_person_of_the_account_does_not_make_anybody_ask_the_same_again(
    api: Api, moved_clock: MovedClock, stubs: httpx.Client
):
    domain = "cinderkiln.example"
    lead_id = account_lead(api, moved_clock, domain)
    found_at(api, domain, lead_id, "Hugo Castro")
    eventually(lambda: len(asked_for(api, domain)) == 3, what="the questions to the others")
    asked = asked_for(api, domain)
    api.settled(api.post_lead({"person": {"email": f"new.one@{domain}"}, "message": "a demo, please"}))
    second = api.post_lead({"person": {"email": f"another@{domain}"}, "message": "a demo, please"})
    view = api.settled(second)
    assert "Hugo Castro" in {one["name"] for one in view["brief"]["stakeholders"]}
    assert asked_for(api, domain) == asked


def test_who_writes_is_a_lead_and_listed_once(api: Api, moved_clock: MovedClock):
    domain = "garnetthorpe.example"
    lead_id = account_lead(api, moved_clock, domain)
    found_at(api, domain, lead_id, "Uma Adeyemi")
    person = {"email": f"uma.adeyemi@{domain}", "first_name": "Uma", "last_name": "Adeyemi"}
    own = api.settled(api.post_lead({"person": person, "message": "a demo, please"}))
    assert [one["known_from"] for one in own["brief"]["stakeholders"] if one["name"] == "Uma Adeyemi"] == [
        "this lead"
    ]
    assert "Uma Adeyemi" not in contacts_of(api, domain)

    eventually(
        lambda: stakeholders_of(api, lead_id).get("Uma Adeyemi", {}).get("known_from") != "apollo",
        what="a brief of the account lead in which she is no contact",
    )


def test_who_opts_out_is_no_contact_any_more(api: Api, moved_clock: MovedClock):
    domain = "saffronbarrow.example"
    lead_id = account_lead(api, moved_clock, domain)
    found_at(api, domain, lead_id, "Ben Jansen")
    signal = {
        "type": "opt_out",
        "person": {"email": f"ben_jansen@{domain}"},
        "occurred_at": moved_clock.now().isoformat(),
    }
    assert api.http.post("/v1/signals", json=signal).status_code == 202
    eventually(lambda: "Ben Jansen" not in contacts_of(api, domain), what="the end of the contact")
    eventually(lambda: "Ben Jansen" not in stakeholders_of(api, lead_id), what="a brief without them")


def test_an_erasure_leaves_nothing_of_a_contact_and_nobody_is_found_again(
    api: Api, moved_clock: MovedClock, baton: Topology
):
    domain, email = "lanternbarrow.example", "rosa.chopra@lanternbarrow.example"
    lead_id = account_lead(api, moved_clock, domain)
    found_at(api, domain, lead_id, "Rosa Chopra")
    eventually(lambda: len(asked_for(api, domain)) == 3, what="the questions to the others")
    export = api.http.get(f"/v1/people/export?email={email}").json()
    assert [one["account"] for one in export["account_contacts"]] == [domain]
    assert export["leads"] == []
    assert api.http.delete(f"/v1/people?email={email}").status_code == 202
    tables = [file for file in baton.data_dir.iterdir() if file.name.startswith("tables.db")]

    def is_gone() -> bool:
        content = b"".join(file.read_bytes() for file in tables if file.exists())
        return b"rosa.chopra" not in content and b"Rosa Chopra" not in content

    eventually(is_gone, within_s=60, what="the erasure")
    assert contacts_of(api, domain) == {}
    assert "Rosa Chopra" not in stakeholders_of(api, lead_id)
    assert api.http.get(f"/v1/people/export?email={email}").json()["account_contacts"] == []
    # The role is open again, so the next provider is asked for it, and names her.
    api.settled(api.post_lead({"person": {"email": f"new.one@{domain}"}, "message": "a demo, please"}))
    eventually(lambda: ("hunter", ("economic_buyer",)) in asked_for(api, domain), what="the third question")
    assert contacts_of(api, domain) == {}
    moved_clock.move(timedelta(days=91), api)
    api.settled(api.post_lead({"person": {"email": f"later@{domain}"}, "message": "a demo, please"}))
    eventually(lambda: len(asked_for(api, domain)) >= 2, what="new questions")
    assert is_gone()


def test_a_provider_that_fails_holds_no_decision_and_is_asked_again(
    api: Api, stubs: httpx.Client, moved_clock: MovedClock
):
    domain = "lanternkiln.example"
    for vendor in ("apollo", "hunter"):
        assert stubs.put(f"/faults/{vendor}", json={"status": 500}).status_code == 200
    lead_id = account_lead(api, moved_clock, domain)
    eventually(lambda: len(asked_for(api, domain)) >= 2, what="the failed questions")
    assert contacts_of(api, domain) == {}
    assert stubs.delete("/faults").status_code == 204

    # A question that was under way when the fault ended has failed still, and waits twice as long.
    before: list[dict[str, Any]] = []

    def is_asked_again() -> bool:
        return "Felix Walker" in contacts_of(api, domain) or discovery_of(api, domain) != before

    for _ in range(4):
        before = discovery_of(api, domain)
        moved_clock.move(timedelta(minutes=10), api)
        eventually(is_asked_again, what="a later question")
        if "Felix Walker" in contacts_of(api, domain):
            break
    found_at(api, domain, lead_id, "Felix Walker")


def test_at_other_accounts_nobody_is_looked_for(api: Api, stubs: httpx.Client):
    sent = api.post_lead({"person": {"email": "ann@cobaltspire.example"}, "message": "a demo, please"})
    assert api.settled(sent)["owner"]
    other = "yarrowyard.example"
    make_target(api, other)
    settled = api.settled(api.post_lead({"person": {"email": f"bo@{other}"}, "message": "a demo, please"}))
    assert settled["owner"]
    eventually(lambda: asked_for(api, other), what="the questions about the target account behind it")
    assert asked_for(api, "cobaltspire.example") == []
    make_target(api, "cobaltspire.example")
    eventually(lambda: asked_for(api, "cobaltspire.example"), what="the questions about a new target account")
