"""Forms over HTTP: in every content type and vendor's shape, from pages of other origins, and sent twice."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
import pytest_asyncio

from shared.lead.ids import lead_id_of
from shared.web.signing import new_secret, sign
from tests.support.gateway import RunningGateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANA = lead_id_of("email:ana@kestrel.example")
NOBODY = {"Authorization": ""}
SHOP = "https://www.shop.example"
SECRET = new_secret(b"0123456789abcdef0123456789abcdef")
SOURCES = """
sources:
  website:
    kind: form
    public: true
    origins: ["https://www.shop.example", "https://shop.example"]
    redirects: ["https://www.shop.example/thanks", "https://www.shop.example/after/"]
  anywhere: {kind: form, public: true, origins: ["*"]}
  nowhere: {kind: form, public: true}
  typeform: {kind: typeform, public: true}
  webflow: {kind: webflow, public: true}
  hubspot: {kind: hubspot, public: true}
  meta: {kind: meta, public: true}
  by-standard: {kind: form, signature: standard, secret_env: FORM_SECRET}
  by-typeform: {kind: form, signature: typeform, secret_env: FORM_SECRET}
  by-webflow: {kind: form, signature: webflow, secret_env: FORM_SECRET}
  by-hub: {kind: form, signature: hub, secret_env: FORM_SECRET}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(shared_gateway: RunningGateway) -> RunningGateway:
    """The gateway of the module with the sources above."""
    await shared_gateway.apply_policy(sources=SOURCES)
    return shared_gateway


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the secret of the sources that sign."""
    monkeypatch.setenv("FORM_SECRET", SECRET)


FIELDS = {"Work Email": "ana@kestrel.example", "Company size": "51-200", "Colour": "grün"}
URLENCODED = "application/x-www-form-urlencoded"


def multipart() -> aiohttp.FormData:
    form = aiohttp.FormData(FIELDS, default_to_multipart=True)
    form.add_field("cv", b"%PDF", filename="cv.pdf")
    return form


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", json.dumps(FIELDS)),
        ("application/json; charset=utf-8", json.dumps(FIELDS, ensure_ascii=False)),
        ("text/json", json.dumps(FIELDS)),
        ("application/ld+json", json.dumps(FIELDS)),
        ("text/plain;charset=UTF-8", json.dumps(FIELDS)),
        (URLENCODED, urlencode(FIELDS)),
        (f"{URLENCODED}; charset=UTF-8", urlencode(FIELDS)),
        (None, multipart),
    ],
)
async def test_a_form_is_the_same_lead_in_every_content_type(gateway, content_type: str | None, body: Any):
    headers = NOBODY if content_type is None else {**NOBODY, "Content-Type": content_type}
    data = body() if callable(body) else body.encode()
    status, answer, _ = await gateway.ask("POST", "/hooks/forms/website", data=data, headers=headers)
    assert (status, answer["lead_id"], answer["status_url"]) == (202, ANA, f"/v1/leads/{ANA}")
    data = body() if callable(body) else body.encode()
    preview = {} if content_type is None else {"headers": {"Content-Type": content_type}}
    _, shown, _ = await gateway.ask("POST", "/v1/sources/website/preview", data=data, **preview)
    assert shown["lead"] == {
        "person": {"email": "ana@kestrel.example"},
        "company": {"employees": 51},
        "source": {"name": "website"},
        "answers": {"colour": "grün"},
        "trust": "public",
    }


async def test_a_body_of_the_api_is_taken_as_such_at_a_plain_source(gateway):
    lead = {"person": {"email": "ana@kestrel.example"}, "source": {"channel": "kiosk"}}
    _, shown, _ = await gateway.ask("POST", "/v1/sources/website/preview", json=lead)
    assert shown["lead"] == {
        "person": lead["person"],
        "source": {"name": "website"},
        "answers": {"source channel": "kiosk"},
        "trust": "public",
    }


@pytest.mark.parametrize(
    ("content_type", "body", "status", "kind"),
    [
        ("application/json", b"[]", 422, "empty-list"),
        ("application/json", b"[{}, {}]", 422, "list-of-forms"),
        ("application/json", b"[[]]", 422, "invalid-body"),
        ("application/json", b"", 400, "malformed-json"),
        ("text/plain", b"hello", 400, "malformed-json"),
        (URLENCODED, b"", 422, "invalid-body"),
        (URLENCODED, b"&&=&=x", 422, "invalid-body"),
        (URLENCODED, b"email=%FF%FE", 422, "invalid-body"),
        ("multipart/form-data", b"x", 400, "malformed-form"),
        ("multipart/form-data; boundary=b", b"--b\r\nX", 400, "malformed-form"),
        ("multipart/form-data; boundary=b", b"--b--", 422, "invalid-body"),
        ("multipart/form-data; boundary=b; charset=idna", b"x", 400, "malformed-form"),
        ("application/xml", b"<form/>", 415, "unsupported-media-type"),
        ("image/png", b"", 415, "unsupported-media-type"),
    ],
)
async def test_what_is_no_form_is_a_problem(gateway, content_type, body, status, kind):
    found, problem, _ = await gateway.ask(
        "POST", "/hooks/forms/website", data=body, headers={**NOBODY, "Content-Type": content_type}
    )
    assert (found, problem["type"].rpartition(":")[2]) == (status, kind)


SHAPES: dict[str, dict[str, Any]] = {
    "typeform": {
        "event_id": "typeform-1",
        "form_response": {
            "form_id": "f",
            "definition": {"fields": [{"id": "1", "title": "Company size"}]},
            "answers": [
                {"type": "email", "email": "ana@kestrel.example", "field": {"id": "0"}},
                {"type": "choice", "choice": {"label": "51-200"}, "field": {"id": "1"}},
            ],
        },
    },
    "webflow": {
        "triggerType": "form_submission",
        "payload": {
            "id": "webflow-1",
            "formId": "f",
            "data": {"Email": "ana@kestrel.example", "Company Size": "51-200"},
        },
    },
    "hubspot": {
        "vid": 1,
        "properties": {"email": {"value": "ana@kestrel.example"}, "numemployees": {"value": "51-200"}},
    },
    "meta": {
        "id": "meta-1",
        "form_id": "f",
        "field_data": [
            {"name": "email", "values": ["ana@kestrel.example"]},
            {"name": "company_size", "values": ["51-200"]},
        ],
    },
}


@pytest.mark.parametrize("vendor", SHAPES)
async def test_a_vendors_shape_is_read_as_the_lead_that_was_meant(gateway, vendor: str):
    _, shown, _ = await gateway.ask("POST", f"/v1/sources/{vendor}/preview", json=SHAPES[vendor])
    assert (shown["lead_id"], shown["account"]) == (ANA, "kestrel.example")
    assert shown["lead"]["person"] == {"email": "ana@kestrel.example"}
    assert shown["lead"]["company"] == {"employees": 51}
    assert "answers" not in shown["lead"]


@pytest.mark.parametrize("vendor", SHAPES)
async def test_a_vendors_source_takes_a_flat_form_too(gateway, vendor: str):
    for more in ({"json": FIELDS}, {"data": FIELDS}):
        _, shown, _ = await gateway.ask("POST", f"/v1/sources/{vendor}/preview", **more)
        assert (shown["lead_id"], shown["lead"]["answers"]) == (ANA, {"colour": "grün"})


@pytest.mark.parametrize("vendor", ["typeform", "webflow", "meta"])
async def test_a_response_that_a_vendor_sends_twice_is_one_event(gateway, vendor: str):
    answers = [
        (await gateway.ask("POST", f"/hooks/forms/{vendor}", json=SHAPES[vendor], headers=NOBODY))[1]
        for _ in range(2)
    ]
    assert answers[0] == answers[1]


async def test_a_form_with_an_idempotency_key_is_one_event_however_often_it_is_sent(gateway):
    async def event_id(key: str | None) -> str:
        headers = NOBODY if key is None else {**NOBODY, "Idempotency-Key": key}
        _, answer, _ = await gateway.ask("POST", "/hooks/forms/website", data=FIELDS, headers=headers)
        found: str = answer["event_id"]
        return found

    assert await event_id("one") == await event_id("one")
    assert await event_id("one") != await event_id("another")
    assert await event_id(None) != await event_id(None)


ORIGINS = [
    ("website", SHOP, SHOP),
    ("website", "https://shop.example", "https://shop.example"),
    ("website", "https://evil.example", None),
    ("website", "http://www.shop.example", None),
    ("website", "null", None),
    ("website", None, None),
    ("anywhere", "https://evil.example", "*"),
    ("anywhere", None, "*"),
    ("nowhere", SHOP, None),
]


@pytest.mark.parametrize(("source", "origin", "allowed"), ORIGINS)
async def test_a_page_reads_the_answers_of_sources_that_name_its_origin(gateway, source, origin, allowed):
    """The form is taken either way: a browser sends it before it looks at the headers."""
    sent = {**NOBODY, **({"Origin": origin} if origin else {})}
    path = f"/hooks/forms/{source}"
    for status, more in ((202, {"data": FIELDS}), (422, {"data": {"email": "no"}})):
        found, _, headers = await gateway.ask("POST", path, headers=sent, **more)
        assert (found, headers.get("Access-Control-Allow-Origin")) == (status, allowed)
        assert headers["Vary"].lower() == "origin"


@pytest.mark.parametrize("path", ["website", "website/token", "anywhere"])
async def test_a_preflight_names_the_methods_and_headers_that_a_page_may_use(gateway, path: str):
    sent = {
        **NOBODY,
        "Origin": SHOP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,idempotency-key",
    }
    status, body, headers = await gateway.ask("OPTIONS", f"/hooks/forms/{path}", headers=sent)
    assert (status, body) == (204, b"")
    assert headers["Access-Control-Allow-Origin"] in (SHOP, "*")
    assert headers["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    allowed = {name.strip() for name in headers["Access-Control-Allow-Headers"].split(",")}
    assert {"content-type", "idempotency-key", "traceparent"} <= allowed
    assert int(headers["Access-Control-Max-Age"]) > 0


async def test_every_page_may_read_that_a_source_does_not_exist(gateway):
    for method in ("POST", "OPTIONS"):
        status, _, headers = await gateway.ask(
            method, "/hooks/forms/none", headers={**NOBODY, "Origin": SHOP}
        )
        assert (status, headers["Access-Control-Allow-Origin"]) == (404, "*")


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://www.shop.example/thanks", 303),
        ("https://www.shop.example/after/form?x=1", 303),
        ("https://www.shop.example/thanks/more", 422),
        ("https://www.shop.example/thanksgiving", 422),
        ("https://www.shop.example/after/../admin", 422),
        ("https://evil.example/", 422),
        ("//www.shop.example/after/", 422),
        ("", 422),
    ],
)
async def test_a_browser_is_sent_on_to_what_the_source_allows_alone(gateway, url: str, status: int):
    found, answer, headers = await gateway.ask(
        "POST", "/hooks/forms/website", params={"redirect": url}, data=FIELDS, headers=NOBODY
    )
    assert found == status
    if status == 303:
        assert (headers["Location"], answer) == (url, b"")
    else:
        assert answer["type"] == "urn:baton:problem:redirect-refused"


BODY = json.dumps(FIELDS).encode()


def mac(content: bytes) -> bytes:
    return hmac.new(SECRET.encode(), content, hashlib.sha256).digest()


def signed(scheme: str, body: bytes, at: datetime) -> dict[str, str]:
    """Return the headers in which a vendor proves a body."""
    milliseconds = str(int(at.timestamp() * 1000))
    return {
        "by-standard": dict(sign([SECRET], "msg-1", at, body)),
        "by-typeform": {"Typeform-Signature": "sha256=" + b64encode(mac(body)).decode()},
        "by-hub": {"X-Hub-Signature-256": "sha256=" + mac(body).hex()},
        "by-webflow": {
            "X-Webflow-Timestamp": milliseconds,
            "X-Webflow-Signature": mac(milliseconds.encode() + b":" + body).hex(),
        },
    }[scheme]


@pytest.mark.parametrize("scheme", ["by-standard", "by-typeform", "by-hub", "by-webflow"])
async def test_a_signature_is_needed_that_proves_the_body_and_its_time(gateway, scheme: str):
    async def post(headers: dict[str, str], path: str = "") -> tuple[int, str]:
        sent = {**NOBODY, "Content-Type": "application/json", **headers}
        status, answer, _ = await gateway.ask("POST", f"/hooks/forms/{scheme}{path}", data=BODY, headers=sent)
        return status, answer.get("type", "").rpartition(":")[2]

    now = gateway.resources.clock.now()
    wrong = (403, "wrong-signature")
    assert await post(signed(scheme, BODY, now)) == (202, "")
    assert await post({}) == wrong
    assert await post({}, f"/{SECRET}") == wrong
    assert await post(signed(scheme, BODY + b" ", now)) == wrong
    if scheme in ("by-standard", "by-webflow"):
        assert await post(signed(scheme, BODY, datetime(2020, 1, 1, tzinfo=UTC))) == wrong


async def test_a_body_that_is_too_large_is_refused_before_its_signature_is_looked_at(gateway):
    headers = {**NOBODY, "Content-Type": "application/json", "Content-Encoding": "gzip"}
    status, problem, _ = await gateway.ask("POST", "/hooks/forms/by-hub", data=BODY, headers=headers)
    assert (status, problem["type"]) == (415, "urn:baton:problem:unsupported-encoding")
