"""What a seller reads of a lead: everything that was written, the account with its owner, who else is there."""

from __future__ import annotations

from tests.support.api import Api, eventually

DOMAIN = "briefs.example"
COMPANY = {"name": "Briefs", "domain": DOMAIN, "employees": 300, "industry": "software", "country": "DE"}


def test_all_messages_are_quoted_the_newest_first(api: Api):
    person = {"email": f"dana@{DOMAIN}", "first_name": "Dana", "country": "DE"}
    for message, page in (("Do you support NetSuite?", "/contact"), ("We lose two days a month.", "/demo")):
        source = {"channel": "website", "name": "website", "page_url": f"https://www.example.com{page}"}
        lead = {"person": person, "company": COMPANY, "message": message, "source": source}
        view = api.settled(api.post_lead(lead))
    brief = view["brief"]
    assert [quote["quote"] for quote in brief["pain"]] == [
        "We lose two days a month.",
        "Do you support NetSuite?",
    ]
    assert [quote["from"].split(", ")[0] for quote in brief["pain"]] == ["message", "message"]
    assert [quote["from"].split(", ")[-1] for quote in brief["pain"]] == ["/demo", "/contact"]
    assert (brief["contact"]["name"], brief["contact"]["time_zone"]) == ("Dana", "Europe/Berlin")
    assert brief["source"]["page"] == "https://www.example.com/demo"


def test_a_brief_names_the_owner_of_the_account_and_what_colleagues_did(api: Api):
    domain = f"colleagues-{DOMAIN}"
    account = {"relation": "target", "owner": "ae-1", "open_opportunity": True}
    assert api.http.put(f"/v1/accounts/{domain}", json=account).status_code in (200, 202)
    eventually(lambda: api.http.get(f"/v1/accounts/{domain}").status_code == 200, what="the account")
    company = {**COMPANY, "domain": domain}
    webinar = {"type": "webinar", "at": "2026-01-05T10:00:00Z", "details": {"title": "Hand-overs that work"}}
    first = {
        "person": {"email": f"ana@{domain}", "title": "CFO"},
        "company": company,
        "activities": [webinar],
    }
    owner = api.settled(api.post_lead(first))["owner"]
    view = api.settled(api.post_lead({"person": {"email": f"bo@{domain}"}, "company": company}))
    names = {rep["id"]: rep["name"] for rep in api.http.get("/v1/reps").json()["data"]}
    brief = view["brief"]
    [colleague] = brief["account"].pop("other_leads")
    about = {"relation": "target", "owner": names["ae-1"], "open_opportunity": True, "matched": ""}
    assert brief["account"] == about
    assert (colleague["name"], colleague["title"]) == (f"ana@{domain}", "CFO")
    assert colleague["owner"] == names[owner]
    assert colleague["did"].startswith("attended a webinar (“Hand-overs that work”) ")
    assert brief["warm_intro"].endswith(f"Best, {names[view['owner']]}")
