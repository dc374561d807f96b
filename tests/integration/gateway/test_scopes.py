"""Every endpoint with every scope: 401 without a key, 403 with a key that does not allow it, else an answer."""

from __future__ import annotations

import pytest
import pytest_asyncio

from services.gateway.domain.access import SCOPES, Scope, included
from tests.support.gateway import RunningGateway
from tests.support.operations import ENDLESS, Operation, operations

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITH_KEY = [operation for operation in operations() if operation.needs_key]
WITHOUT_KEY = [operation for operation in operations() if not operation.needs_key]
FORBIDDEN = {
    "type": "urn:baton:problem:forbidden",
    "title": "This key does not allow that",
    "status": 403,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def keys(shared_gateway: RunningGateway) -> dict[Scope, dict[str, str]]:
    """The headers that send a key with one scope; the one of `rep` names a rep."""
    return {
        scope: await shared_gateway.key_headers(scope, rep="sdr-1" if scope == "rep" else None)
        for scope in SCOPES
    }


def path_of(operation: Operation) -> str:
    """Return the path with its parameters filled in: things that do not exist, also where there is no end."""
    parts = [part if part[:1] != "{" else "none.example" for part in operation.path.split("/")]
    return "/".join(parts) + ("?types=none.example" if operation.path in ENDLESS else "")


@pytest.mark.parametrize("operation", WITH_KEY, ids=str)
async def test_without_a_key_that_is_known_it_is_401(shared_gateway, operation: Operation):
    for sent, detail in (
        ("", "Send it as Authorization: Bearer KEY"),
        ("Basic eDp4", "Send it as Authorization: Bearer KEY"),
        ("Bearer unknown", "This key is unknown or revoked"),
        ("Bearer " + "x" * 600, "This key is unknown or revoked"),
    ):
        status, problem, headers = await shared_gateway.ask(
            operation.method, path_of(operation), headers={"Authorization": sent}
        )
        assert status == 401
        assert problem == {
            "type": "urn:baton:problem:unauthorized",
            "title": "An API key is needed",
            "status": 401,
            "detail": detail,
        }
        assert headers["WWW-Authenticate"] == 'Bearer realm="baton"'


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("operation", WITH_KEY, ids=str)
async def test_a_key_may_do_what_its_scopes_include_and_nothing_else(
    shared_gateway, keys, operation: Operation, scope: Scope
):
    needed = operation.scopes or frozenset()
    allowed = needed <= included([scope])
    status, answer, _ = await shared_gateway.ask(operation.method, path_of(operation), headers=keys[scope])
    if allowed:
        assert status not in (401, 403)
    else:
        assert answer == {**FORBIDDEN, "detail": f"It needs the scope {min(needed)}"}


@pytest.mark.parametrize("operation", WITHOUT_KEY, ids=str)
async def test_hooks_need_no_key_and_do_not_look_at_one(shared_gateway, operation: Operation):
    for sent in ("", "Bearer unknown"):
        status, *_ = await shared_gateway.ask(
            operation.method, path_of(operation), headers={"Authorization": sent}
        )
        assert status in (204, 404)


async def test_the_console_sends_whoever_is_not_signed_in_to_the_sign_in_page(shared_gateway):
    assert (await shared_gateway.ask("GET", "/", headers={"Authorization": ""}))[0] == 303


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/asyncapi.json", "/livez", "/readyz"])
async def test_contracts_and_pages_of_the_operator_need_no_key(shared_gateway, path: str):
    assert (await shared_gateway.ask("GET", path, headers={"Authorization": ""}))[0] in (200, 503)


async def test_the_word_bearer_is_read_in_any_case(shared_gateway):
    _, new, _ = await shared_gateway.ask("POST", "/v1/api-keys", json={"name": "x", "scopes": ["admin"]})
    for word in ("Bearer", "bearer", "BEARER"):
        headers = {"Authorization": f"{word}  {new['key']}"}
        assert (await shared_gateway.ask("GET", "/v1/api-keys", headers=headers))[0] == 200


async def test_a_revoked_key_is_as_an_unknown_one(shared_gateway):
    _, new, _ = await shared_gateway.ask("POST", "/v1/api-keys", json={"name": "x", "scopes": ["read"]})
    headers = {"Authorization": f"Bearer {new['key']}"}
    assert (await shared_gateway.ask("GET", "/v1/leads", headers=headers))[0] == 200
    assert (await shared_gateway.ask("DELETE", f"/v1/api-keys/{new['id']}"))[0] == 204
    assert (await shared_gateway.ask("GET", "/v1/leads", headers=headers))[0] == 401


async def test_a_key_of_several_scopes_may_do_what_any_of_them_allows(shared_gateway):
    headers = await shared_gateway.key_headers("intake", "read")
    lead = {"person": {"email": "ana@kestrel.example"}}
    assert (await shared_gateway.ask("POST", "/v1/leads", json=lead, headers=headers))[0] == 202
    assert (await shared_gateway.ask("GET", "/v1/leads", headers=headers))[0] == 200
    assert (await shared_gateway.ask("GET", "/v1/api-keys", headers=headers))[0] == 403


@pytest.mark.parametrize(
    ("scopes", "rep"),
    [
        (["intake"], None),
        (["read"], None),
        (["rep"], "sdr-1"),
        (["manager"], None),
        (["manager"], "sdr-1"),
        (["admin"], None),
        (["read", "intake"], None),
    ],
)
async def test_every_key_may_ask_who_it_is(shared_gateway, scopes: list[Scope], rep: str | None):
    headers = await shared_gateway.key_headers(*scopes, rep=rep)
    status, me, _ = await shared_gateway.ask("GET", "/v1/me", headers=headers)
    assert (status, me) == (200, {"name": "test", "scopes": scopes, "rep": rep})


async def test_the_key_of_the_settings_is_admin(shared_gateway):
    status, me, _ = await shared_gateway.ask("GET", "/v1/me")
    assert (status, me) == (200, {"name": "admin", "scopes": ["admin"], "rep": None})
