"""A form that cannot be read leaves a trace, is answered in the reader's language, and can be replayed."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.support.api import Api, eventually

THANKS = "https://www.shop.example/thanks"
SOURCES = """
sources:
  shop: {kind: form, public: true, origins: ["*"], redirects: ["https://www.shop.example/thanks", "https://www.shop.example/after/"]}
  other: {kind: form, public: true}
"""


@pytest.fixture(scope="module")
def policy_dir(default_policy_dir: Path) -> Path:
    """The default policy with the sources above."""
    (default_policy_dir / "sources.yaml").write_text(SOURCES)
    return default_policy_dir


def post(api: Api, path: str, *, headers: dict[str, str] | None = None, **more: object) -> httpx.Response:
    with httpx.Client(base_url=api.http.base_url, headers=headers or {}) as nobody:
        return nobody.post(path, follow_redirects=False, **more)  # type: ignore[arg-type]


KEPT = [
    # body, content type, cause
    (
        b"Kontakt=ana@kestrel.example&Vertretung=bo@kestrel.example",
        "application/x-www-form-urlencoded",
        "invalid-body",
    ),
    (
        b'{"Kontakt": "ana@kestrel.example", "Vertretung": "bo@kestrel.example"}',
        "application/json",
        "invalid-body",
    ),
    (b'{"email": "ana@kestrel.example"', "application/json", "malformed-json"),
    (b"email=ana@kestrel.example", "application/pdf", "unsupported-media-type"),
    (b"no parts", "multipart/form-data; boundary=a", "malformed-form"),
    (b"", "application/x-www-form-urlencoded", "invalid-body"),
    (b"a=1&" * 300, "application/x-www-form-urlencoded", "too-many-fields"),
]


@pytest.mark.parametrize(("body", "content_type", "cause"), KEPT)
def test_what_a_form_source_cannot_read_is_kept_with_its_cause(api, body, content_type, cause):
    response = post(api, "/hooks/forms/shop", headers={"Content-Type": content_type}, content=body)
    assert response.status_code in (400, 413, 415, 422)
    newest = api.http.get("/v1/sources/shop/rejected", params={"limit": 1}).json()["data"][0]
    assert (newest["cause"], newest["status"]) == (cause, response.status_code)
    assert newest["content_type"].partition(";")[0] == content_type.partition(";")[0]
    assert newest["body"] == body.decode()
    assert api.http.get("/v1/sources/other/rejected").json()["data"] == []


def test_after_the_mapping_is_mended_a_replay_routes_the_lead(api):
    form = {"Ansprechperson": "zoe@mendedmap.example", "Vertretung": "bo@mendedmap.example"}
    post(api, "/hooks/forms/shop", data=form)
    (kept,) = [
        item for item in api.http.get("/v1/sources/shop/rejected").json()["data"] if "zoe" in item["body"]
    ]
    files = api.http.get("/v1/policies/active").json()["files"]
    mended = files["sources.yaml"].replace("shop: {", "shop: {map: {Ansprechperson: person.email}, ")
    answer = api.http.post("/v1/policies", json={"files": {**files, "sources.yaml": mended}})
    assert answer.status_code == 201, answer.text
    eventually(
        lambda: api.http.get("/v1/sources").json()["data"][0]["map"], what="the mended mapping is in force"
    )
    answer = api.http.post("/v1/sources/shop/replay", json={"ids": [kept["id"]]})
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    sent = answer.json()["results"][0]
    assert api.settled(sent)["status"] == "routed"
    event = api.timeline(sent["lead_id"])[0]
    assert event["data"]["source"]["submitted_at"][:19] == kept["received_at"][:19]
    again = api.http.post("/v1/sources/shop/replay", json={"ids": [kept["id"]]}).json()
    assert again["results"][0]["problem"]["status"] == 404
    assert len([one for one in api.timeline(sent["lead_id"]) if one["type"] == "baton.lead.received.v1"]) == 1


FORM = {"email": "no"}
REDIRECTS = [
    # redirect, location
    (THANKS, f"{THANKS}?error=invalid-body"),
    ("https://www.shop.example/after/?a=1", "https://www.shop.example/after/?a=1&error=invalid-body"),
    ("https://www.shop.example/after/#form", "https://www.shop.example/after/?error=invalid-body#form"),
]


@pytest.mark.parametrize(("redirect", "location"), REDIRECTS)
def test_a_failure_sends_the_browser_on_as_well(api, redirect, location):
    answer = post(api, "/hooks/forms/shop", params={"redirect": redirect}, data=FORM)
    assert (answer.status_code, answer.headers["Location"], answer.content) == (303, location, b"")


def test_a_person_never_sees_json(api):
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for form, status, words in (
        ({"email": "<b>no"}, 422, "The form could not be sent"),
        ({"email": "ana@kestrel.example"}, 202, "Thank you"),
    ):
        answer = post(api, "/hooks/forms/shop", headers=browser, data=form)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert words in answer.text
        assert "<b>" not in answer.text
    answer = post(api, "/hooks/forms/shop?redirect=https://evil.example/", headers=browser, data=FORM)
    assert (answer.status_code, "Location" in answer.headers) == (422, False)


ASKED = [
    "baggage,content-type,sentry-trace",
    "content-type,traceparent,tracestate",
    "X-Requested-With, X-CSRF-Token",
    "authorization,x-datadog-trace-id,newrelic",
    "b3",
]


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("source", ["shop", "other"])
def test_a_browser_may_send_whatever_headers_it_asks_for(api, source, asked):
    headers = {
        "Origin": "https://www.shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": asked,
    }
    answer = api.http.options(f"/hooks/forms/{source}", headers=headers)
    allowed = {name.strip() for name in answer.headers["Access-Control-Allow-Headers"].lower().split(",")}
    assert answer.status_code == 204
    assert {name.strip() for name in asked.lower().split(",")} <= allowed
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("asked", ["x" * 5_000, "not a name\u00e9", ",,", "a\tb"])
def test_what_is_no_list_of_header_names_is_not_repeated(api, asked):
    answer = api.http.options("/hooks/forms/shop", headers={"Access-Control-Request-Headers": asked.encode()})
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Headers"] == "content-type, idempotency-key, traceparent"


HANDSHAKES = [
    ("?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=any", "1158201444"),
    ("", "Send forms for shop"),
    ("?utm_source=validator", "Send forms for shop"),
]


@pytest.mark.parametrize(("query", "words"), HANDSHAKES)
def test_vendors_that_check_the_url_are_answered(api, query, words):
    answer = api.http.get(f"/hooks/forms/shop{query}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert answer.text.startswith(words)
    head = api.http.head(f"/hooks/forms/shop{query}")
    assert (head.status_code, head.content) == (200, b"")
    assert api.http.get(f"/hooks/forms/nowhere{query}").status_code == 404
