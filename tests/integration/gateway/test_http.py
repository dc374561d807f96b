"""What clients of any HTTP API rely on, where the framework alone would answer otherwise."""

from __future__ import annotations

import re
from io import BytesIO

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"Content-Type": "application/json"}
KEYS = "/v1/api-keys"


@pytest.fixture
def gateway(shared_gateway):
    """One for all tests: nothing here is stored."""
    return shared_gateway


@pytest.mark.parametrize("path", [KEYS, "/v1/leads", "/v1/signals"])
async def test_the_key_is_judged_before_the_body(gateway, path):
    for headers in (JSON, {"Content-Type": "image/png"}, {**JSON, "Content-Encoding": "gzip"}):
        unknown = {"Authorization": "Bearer unknown", **headers}
        assert (await gateway.ask("POST", path, data=b"{", headers=unknown))[0] == 401


@pytest.mark.parametrize("path", [KEYS, "/v1/leads", "/hooks/forms/website"])
async def test_a_body_over_the_limit_is_a_problem(gateway, path):
    status, problem, headers = await gateway.ask("POST", path, data=BytesIO(b" " * 1_100_000), headers=JSON)
    assert (status, problem["type"]) == (413, "urn:baton:problem:body-too-large")
    assert headers["Connection"] == "close"


@pytest.mark.parametrize("path", [KEYS, "/v1/leads", "/hooks/forms/website"])
async def test_a_compressed_body_is_refused(gateway, path):
    headers = {**JSON, "Content-Encoding": "gzip"}
    status, problem, _ = await gateway.ask("POST", path, data=b"{}", headers=headers)
    assert (status, problem["type"]) == (415, "urn:baton:problem:unsupported-encoding")


async def test_a_body_of_another_format_is_refused(gateway):
    status, problem, _ = await gateway.ask("POST", KEYS, data={"name": "x"})
    assert (status, problem["type"]) == (415, "urn:baton:problem:unsupported-media-type")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "text/json", "application/x+json"]
)
async def test_every_media_type_of_json_is_taken(gateway, content_type):
    headers = {"Content-Type": content_type}
    assert (await gateway.ask("POST", KEYS, data=b'{"name": "", "scopes": []}', headers=headers))[0] == 422


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"name": NaN}', 400),
        (b'{"name": "\\ud800"}', 400),
        (b'{"name": "\xff"}', 400),
        (b"[" * 100_000, 400),
        (b'{"name": "\\u0000", "scopes": ["read"]}', 422),
        (b'{"name": 12, "scopes": ["read"]}', 422),
        (b"", 422),
        (b"[]", 422),
    ],
)
async def test_a_body_is_strict_json_of_the_declared_types(gateway, body, status):
    assert (await gateway.ask("POST", KEYS, data=body, headers=JSON))[0] == status


async def test_all_faults_of_a_body_come_at_once(gateway):
    body = {"name": "", "scopes": ["read", "everything"], "rep": 7, "nmae": "x"}
    status, problem, _ = await gateway.ask("POST", KEYS, json=body)
    assert status == 422
    assert {error["pointer"] for error in problem["errors"]} == {"/name", "/scopes/1", "/rep", "/nmae"}
    assert {"pointer": "/nmae", "detail": "This field is unknown"} in problem["errors"]


async def test_allow_names_every_method_of_a_path(gateway):
    for path, methods in (
        (KEYS, {"POST", "GET", "HEAD"}),
        ("/v1/leads", {"POST", "GET", "HEAD"}),
        ("/v1/accounts/kestrel.example", {"PUT", "GET", "HEAD"}),
        ("/hooks/forms/website", {"POST", "OPTIONS", "GET", "HEAD"}),
    ):
        status, _, headers = await gateway.ask("PATCH", path)
        assert (status, set(headers["Allow"].split(", "))) == (405, methods)


async def test_head_is_get_without_a_body(gateway):
    status, body, headers = await gateway.ask("HEAD", KEYS)
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 0
    async with gateway.http.head("/hooks/forms/website") as response:
        assert response.status == 200


async def test_a_path_is_not_redirected_to_one_with_a_slash(gateway):
    assert (await gateway.ask("GET", f"{KEYS}/"))[0] == 404


async def test_metrics_name_the_route_and_never_the_path(gateway):
    await gateway.ask("POST", "/hooks/forms/website/a-secret-token", json={"email": "no"})
    await gateway.ask("GET", "/there/is/a-secret-token")
    _, text, _ = await gateway.ask("GET", "/metrics")
    assert b"a-secret-token" not in text
    assert b'route="/hooks/forms/{source}/{token}",status="422"' in text
    assert b'route="unknown",status="404"' in text


async def test_a_request_that_fails_is_a_problem_and_its_path_is_not_logged(gateway, monkeypatch, capfd):
    monkeypatch.setattr("services.gateway.intake.hooks.publish_lead", None)
    path = "/hooks/forms/website/a-secret-token"
    status, problem, headers = await gateway.ask("POST", path, json={"email": "a@b.example"})
    assert (status, problem["type"]) == (500, "urn:baton:problem:internal-error")
    assert headers["Access-Control-Allow-Origin"] == "*"
    logged = "".join(capfd.readouterr())
    assert "a request failed" in logged
    assert path not in logged


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_the_documentation_pages_load_from_this_server_alone(gateway, page):
    _, html, _ = await gateway.ask("GET", page, headers={"Authorization": ""})
    loaded = re.findall(r'(?:src|href)="([^"]+)"', html.decode())
    assert loaded
    for url in loaded:
        assert re.match("/[^/]", url)
        assert (await gateway.ask("GET", url))[0] == 200


async def test_the_contract_documents_keys_bounds_and_errors(gateway):
    _, document, _ = await gateway.ask("GET", "/openapi.json")
    assert document["openapi"].startswith("3.1")
    create = document["paths"][KEYS]["post"]
    assert create["security"] == [{"key": ["admin"]}]
    assert set(create["responses"]) >= {"201", "400", "401", "403", "413", "415", "422", "500", "503"}
    assert "HTTPValidationError" not in document["components"]["schemas"]
    leads = document["paths"]["/v1/leads"]["post"]
    assert leads["security"] == [{"key": ["intake"]}]
    assert set(leads["responses"]) >= {"202", "400", "401", "403", "413", "415", "422", "503"}
    assert "LeadReceivedV1" in str(leads["requestBody"])
    limit = next(p for p in document["paths"]["/v1/leads"]["get"]["parameters"] if p["name"] == "limit")
    assert (limit["schema"]["minimum"], limit["schema"]["maximum"]) == (1, 200)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["tags"], (method, path)
            assert operation["summary"], (method, path)
