"""Whatever is wrong with a request, the answer is a problem document that says what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from shared.lead.ids import lead_id_of
from tests.support.operations import operations

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"Content-Type": "application/json"}
LEAD = b'{"person": {"email": "dana@ledgerlane.example"}}'
DANA = lead_id_of("email:dana@ledgerlane.example")


@pytest.fixture
def gateway(shared_gateway):
    """One for all tests: nothing here is stored."""
    return shared_gateway


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (b"{", 400, None),
        (b"", 400, None),
        (b"\xff", 400, None),
        (b'{"unknown": "\xff"}', 400, None),
        (b'{"message": "\\ud800"}', 400, None),
        (b'{"unknown": "\\ud800"}', 400, None),
        (b"[" * 100_000, 400, None),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, 400, None),
        (b"[]", 422, None),
        (b"[" + b"1," * 1_000 + b"1]", 422, None),
        (b"null", 422, ""),
        (b'"text"', 422, ""),
        (b"{}", 422, ""),
        (b'{"message": "\\u0000"}', 422, None),
        (b'{"unknown": "\\u0000"}', 422, None),
        (b'{"person": {"email": 7}}', 422, "/person/email"),
        (b'{"person": {"email": "not an address"}}', 422, "/person/email"),
        (b'{"person": {"phone": "12"}}', 422, "/person/phone"),
        (b'{"person": {"linkedin_url": "x"}}', 422, "/person/linkedin_url"),
        (b'{"company": {"domain": "x"}}', 422, "/company/domain"),
        (b'{"company": {"employees": -1}}', 422, "/company/employees"),
        (
            b'{"person": {"email": "a@b.example"}, "trigger": {"kind": "lead", "event_id": "x"}}',
            422,
            "/trigger",
        ),
        (
            b'{"person": {"email": "a@b.example"}, "consent": {"at": "0001-01-01T00:00:00+14:00"}}',
            422,
            "/consent/at",
        ),
        (
            b'{"person": {"email": "a@b.example"}, "consent": {"at": "2026-01-01T00:00:00"}}',
            422,
            "/consent/at",
        ),
        (b" " * (1024 * 1024) + b"{}", 413, None),
        (b" " * (5 * 1024 * 1024), 413, None),
    ],
)
async def test_bad_bodies_are_problems(gateway, body, status, pointer):
    found, problem, _ = await gateway.ask("POST", "/v1/leads", data=BytesIO(body), headers=JSON)
    assert found == status
    if pointer is not None:
        assert problem["errors"][0]["pointer"] == pointer


async def test_a_chunked_body_is_bounded_too(gateway):
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 64 * 1024

    status, _, _ = await gateway.ask("POST", "/v1/leads", data=endless(), headers=JSON)
    assert status == 413


async def test_other_formats_are_refused(gateway):
    status, _, _ = await gateway.ask("POST", "/v1/leads", data={"email": "a@b.example"})
    compressed, _, _ = await gateway.ask(
        "POST", "/v1/leads", data=LEAD, headers={**JSON, "Content-Encoding": "gzip"}
    )
    assert (status, compressed) == (415, 415)


WITH_KEY = [(operation.method, operation.path) for operation in operations() if operation.needs_key]


@pytest.mark.parametrize(("method", "path"), WITH_KEY)
async def test_without_a_known_key_every_endpoint_answers_401(gateway, method, path):
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp4"}):
        status, _, answered = await gateway.ask(method, path.replace("{id}", "x"), headers=headers)
        assert status == 401
        assert answered["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{}",
        b'{"name": "", "scopes": ["read"]}',
        b'{"name": "x", "scopes": ["rep"]}',
        b'{"name": "x", "scopes": ["all"]}',
    ],
)
async def test_bad_keys_are_problems(gateway, body):
    status, _, _ = await gateway.ask("POST", "/v1/api-keys", data=body, headers=JSON)
    assert status in {400, 422}


async def test_unknown_paths_and_methods_are_problems(gateway):
    assert (await gateway.ask("GET", "/v2"))[0] == 404
    assert (await gateway.ask("GET", "/v1/leads/"))[0] == 404
    status, _, headers = await gateway.ask("PUT", "/v1/leads")
    assert (status, {*headers["Allow"].split(", ")}) == (405, {"POST", "GET", "HEAD"})


async def test_a_lead_that_is_not_recorded_yet_is_not_known_yet(gateway):
    for path in (
        f"/v1/leads/{DANA}",
        f"/v1/leads/{DANA}/timeline",
        "/v1/leads/%00",
        "/v1/leads/" + "x" * 300,
    ):
        status, problem, headers = await gateway.ask("GET", path)
        assert (status, headers["Retry-After"]) == (404, "1")
        assert problem["type"].endswith("not-yet-known")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=-1",
        "cursor=x",
        "cursor=",
        "cursor=WzFd",
        "status=forgotten",
        "queue=%00",
    ],
)
async def test_bad_queries_are_problems(gateway, query):
    assert (await gateway.ask("GET", f"/v1/leads?{query}"))[0] == 422


async def test_a_page_may_read_every_answer_of_the_hook(gateway):
    asked = {"Origin": "https://www.shop.example", "Access-Control-Request-Method": "POST"}
    status, _, headers = await gateway.ask("OPTIONS", "/hooks/forms/website", headers=asked)
    assert (status, headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert "POST" in headers["Access-Control-Allow-Methods"]
    for path, more, expected in (
        ("website", {"data": b"{", "headers": JSON}, 400),
        ("website", {"data": {"email": "no"}}, 422),
        ("website", {"data": b"x", "headers": {"Content-Type": "image/png"}}, 415),
        ("website", {"data": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400),
        (
            "website",
            {"data": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=a; charset=idna"}},
            400,
        ),
        (
            "website",
            {"data": b"a=1&" * 300, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
            422,
        ),
        ("website?redirect=https://evil.example/", {"data": {"email": "a@b.example"}}, 422),
        ("elsewhere", {"data": {"email": "a@b.example"}}, 404),
    ):
        status, _, headers = await gateway.ask("POST", f"/hooks/forms/{path}", **more)
        assert (status, headers["Access-Control-Allow-Origin"]) == (expected, "*"), path


async def test_a_form_may_send_the_browser_on(gateway):
    path = "/hooks/forms/website?redirect=https://www.example.com/thanks"
    status, _, headers = await gateway.ask("POST", path, data={"email": "a@b.example"})
    assert (status, headers["Location"]) == (303, "https://www.example.com/thanks")


@pytest.mark.parametrize(
    ("new", "pointer"),
    [
        ({"url": "http://192.168.0.1/", "events": ["*"]}, "/url"),
        ({"url": "ftp://example.com/", "events": ["*"]}, "/url"),
        ({"url": "https://example.com/", "events": ["lead.bought"]}, "/events/0"),
        ({"url": "https://example.com/", "events": ["lead.routed", "lead.scored"]}, "/events/1"),
        ({"url": "https://example.com/", "events": []}, "/events"),
        ({"url": "https://example.com/", "events": ["*"], "filter": {"a": {}}}, "/filter/a"),
        ({"url": "https://example.com/", "events": ["*"], "secret": "mine"}, "/secret"),
        ({"events": ["*"]}, "/url"),
    ],
)
async def test_bad_subscriptions_are_problems(gateway, new, pointer):
    status, problem, _ = await gateway.ask("POST", "/v1/subscriptions", json=new)
    assert (status, problem["errors"][0]["pointer"]) == (422, pointer)


async def test_the_contracts_are_valid_and_name_every_call(gateway):
    _, document, _ = await gateway.ask("GET", "/openapi.json")
    OpenAPIV31SpecValidator(document).validate()
    assert {("POST", "/v1/api-keys"), ("DELETE", "/v1/api-keys/{id}"), ("GET", "/livez")} <= {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }
    _, events, _ = await gateway.ask("GET", "/asyncapi.json")
    assert events["asyncapi"] == "3.0.0"
    assert "baton.lead.routed.v1" in events["channels"]["leads.routed.v1"]["messages"]
