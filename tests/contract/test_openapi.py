"""The OpenAPI document: valid, complete, and each operation with its key, its bounds and its errors."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from openapi_spec_validator import OpenAPIV31SpecValidator

from services.gateway.dependencies import audit_trail
from services.gateway.domain.access import SCOPES
from services.gateway.domain.trust import RESERVED_FIELDS
from tests.support.gateway import RunningGateway, running_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

Operations = dict[tuple[str, str], dict[str, Any]]

PUBLIC = {
    ("POST", "/hooks/forms/{source}"),
    ("POST", "/hooks/forms/{source}/{token}"),
    ("GET", "/hooks/forms/{source}"),
    ("GET", "/hooks/forms/{source}/{token}"),
    ("OPTIONS", "/hooks/forms/{source}"),
    ("OPTIONS", "/hooks/forms/{source}/{token}"),
    ("GET", "/hooks/signals/{source}"),
    ("GET", "/hooks/signals/{source}/{token}"),
    ("POST", "/hooks/signals/{source}"),
    ("POST", "/hooks/signals/{source}/{token}"),
    ("POST", "/hooks/providers/{provider}/{token}"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/openapi.json"),
    ("GET", "/asyncapi.json"),
}
SCOPE_OF = {
    ("GET", "/metrics"): "read",
    ("POST", "/v1/leads"): "intake",
    ("POST", "/v1/signals"): "intake",
    ("GET", "/v1/leads"): "read",
    ("GET", "/v1/leads/{id}"): "read",
    ("GET", "/v1/leads/{id}/timeline"): "read",
    ("GET", "/v1/leads/{id}/explain"): "read",
    **{
        ("POST", f"/v1/leads/{{id}}/{verb}"): "rep"
        for verb in ("accept", "reject", "reassign", "snooze", "handoff")
    },
    ("POST", "/v1/outcomes"): "rep",
    ("PUT", "/v1/accounts/{domain}"): "manager",
    ("GET", "/v1/accounts"): "read",
    ("GET", "/v1/accounts/{domain}"): "read",
    ("GET", "/v1/accounts/{domain}/people"): "read",
    ("POST", "/v1/accounts"): "manager",
    ("POST", "/v1/accounts/match"): "read",
    ("POST", "/v1/leads/{id}/account"): "manager",
    ("DELETE", "/v1/leads/{id}/account"): "manager",
    ("GET", "/v1/inbox"): "read",
    ("GET", "/v1/events/stream"): "read",
    ("GET", "/v1/leads.csv"): "read",
    ("GET", "/v1/leads/{id}/curve"): "read",
    ("GET", "/v1/search"): "read",
    ("GET", "/v1/queues"): "read",
    ("GET", "/v1/queues/{q}"): "read",
    ("GET", "/v1/queues/{q}/leads"): "read",
    ("GET", "/v1/reps"): "read",
    ("GET", "/v1/reps/{id}"): "read",
    ("PATCH", "/v1/reps/{id}"): "rep",
    ("POST", "/v1/subscriptions"): "admin",
    ("GET", "/v1/subscriptions"): "admin",
    ("GET", "/v1/subscriptions/{id}"): "admin",
    ("PATCH", "/v1/subscriptions/{id}"): "admin",
    ("DELETE", "/v1/subscriptions/{id}"): "admin",
    ("POST", "/v1/subscriptions/{id}/rotate-secret"): "admin",
    ("POST", "/v1/subscriptions/{id}/test"): "admin",
    ("GET", "/v1/subscriptions/{id}/deliveries"): "admin",
    ("POST", "/v1/subscriptions/{id}/replay"): "admin",
    ("GET", "/v1/deliveries/{id}"): "admin",
    ("POST", "/v1/deliveries/{id}/retry"): "admin",
    ("GET", "/v1/policies"): "manager",
    ("POST", "/v1/policies"): "admin",
    ("POST", "/v1/policies/validate"): "manager",
    ("GET", "/v1/policies/draft"): "manager",
    ("PUT", "/v1/policies/draft"): "manager",
    ("DELETE", "/v1/policies/draft"): "manager",
    ("GET", "/v1/policies/compare"): "manager",
    ("GET", "/v1/policies/words"): "manager",
    ("POST", "/v1/policies/try"): "manager",
    ("GET", "/v1/policies/{id}"): "manager",
    ("POST", "/v1/policies/{id}/backtest"): "manager",
    ("GET", "/v1/backtests"): "manager",
    ("GET", "/v1/backtests/{id}"): "manager",
    ("GET", "/v1/backtests/{id}/moves"): "manager",
    ("DELETE", "/v1/backtests/{id}"): "manager",
    ("GET", "/v1/dead-letters"): "admin",
    ("GET", "/v1/dead-letters/groups"): "admin",
    ("GET", "/v1/dead-letters/{id}"): "admin",
    ("POST", "/v1/dead-letters/replay"): "admin",
    ("POST", "/v1/dead-letters/set-aside"): "admin",
    ("POST", "/v1/dead-letters/{id}/set-aside"): "admin",
    ("DELETE", "/v1/dead-letters/{id}/set-aside"): "admin",
    ("GET", "/v1/deliveries"): "admin",
    ("GET", "/v1/deliveries/count"): "admin",
    ("GET", "/v1/deliveries/endpoints"): "admin",
    ("POST", "/v1/deliveries/retry"): "admin",
    ("GET", "/v1/deliveries/retries/{id}"): "admin",
    ("POST", "/v1/dead-letters/{id}/replay"): "admin",
    ("GET", "/v1/providers"): "manager",
    ("GET", "/v1/reports/roles"): "manager",
    ("GET", "/v1/reports/summary"): "read",
    ("GET", "/v1/reports/attention"): "read",
    ("GET", "/v1/reports/capacity"): "manager",
    ("GET", "/v1/reports/fairness"): "manager",
    ("GET", "/v1/reports/flow"): "manager",
    ("GET", "/v1/reports/providers"): "manager",
    ("GET", "/v1/reports/scores"): "manager",
    ("GET", "/v1/reports/sources"): "manager",
    ("GET", "/v1/sources"): "manager",
    ("GET", "/v1/integrations"): "manager",
    ("GET", "/v1/integrations/{kind}/{vendor}"): "manager",
    ("POST", "/v1/sources/{source}/preview"): "manager",
    ("GET", "/v1/sources/{source}/rejected"): "manager",
    ("POST", "/v1/sources/{source}/replay"): "manager",
    ("DELETE", "/v1/people"): "admin",
    ("GET", "/v1/people/export"): "admin",
    ("POST", "/v1/api-keys"): "admin",
    ("GET", "/v1/api-keys"): "admin",
    ("DELETE", "/v1/api-keys/{id}"): "admin",
    ("GET", "/v1/audit"): "admin",
    ("GET", "/v1/status"): "read",
    ("POST", "/v1/sign-in-links"): "read",
    ("GET", "/v1/audit/export"): "admin",
}
ANY_KEY = {("GET", "/v1/me")}
NOT_AUDITED = {
    **dict.fromkeys(
        [(method, path) for method, path in PUBLIC if path.startswith("/hooks") and method == "POST"],
        "intake: the event, or the rejected submission, is the record",
    ),
    ("POST", "/v1/leads"): "intake: the event is the record",
    ("POST", "/v1/signals"): "intake: the event is the record",
    ("POST", "/v1/outcomes"): "intake at the pace of a CRM: the event is the record, and names who acted",
    ("POST", "/leads/{lead_id}/outcome"): "as by the API: the event is the record, and names who acted",
    ("POST", "/v1/accounts/match"): "changes nothing",
    ("POST", "/v1/policies/validate"): "changes nothing",
    ("POST", "/v1/policies/try"): "changes nothing",
    ("POST", "/policy/try"): "changes nothing",
    ("POST", "/v1/sources/{source}/preview"): "changes nothing",
    ("POST", "/sources/{source}/test"): "changes nothing",
    **dict.fromkeys(
        [
            ("PUT", "/v1/policies/draft"),
            ("DELETE", "/v1/policies/draft"),
            ("POST", "/policy/draft"),
            ("POST", "/policy/discard"),
            ("POST", "/policy/rebase"),
        ],
        "a draft is in force for nobody, and its key's own",
    ),
    ("POST", "/sign-in"): "records session.started itself: nobody is known before",
    ("POST", "/sign-in/link/{token}"): "records session.started itself: nobody is known before",
}
"""The unsafe operations that write no entry of the audit trail, and why."""
AUDITED_READS = {("GET", "/v1/people/export"), ("GET", "/v1/audit/export")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningGateway]:
    async with running_gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def document(gateway: RunningGateway) -> dict[str, Any]:
    """Return the document as a client gets it, without a key."""
    async with gateway.http.get("/openapi.json", headers={"Authorization": ""}) as response:
        assert response.status == 200
        found: dict[str, Any] = json.loads(await response.read())
    return found


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> Operations:
    return {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from references(item)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)


async def test_it_is_valid_openapi_3_1(document: dict[str, Any]):
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


async def test_every_reference_leads_to_a_schema(document: dict[str, Any]):
    schemas = document["components"]["schemas"]
    missing = {ref for ref in references(document) if ref.rpartition("/")[2] not in schemas}
    assert missing == set()


async def test_it_has_exactly_the_operations_of_the_api(operations: Operations):
    assert operations.keys() == SCOPE_OF.keys() | PUBLIC | ANY_KEY


async def test_each_operation_names_the_scope_that_its_key_needs(operations: Operations):
    for name, operation in operations.items():
        if name in PUBLIC:
            assert not operation.get("security"), name
        elif name in ANY_KEY:
            assert operation["security"] == [{"key": []}], name
        else:
            scopes = [scope for entry in operation["security"] for scope in entry.get("key", [])]
            assert scopes == [SCOPE_OF[name]], name
            assert SCOPE_OF[name] in SCOPES


async def test_each_change_is_audited_or_says_why_not(gateway: RunningGateway):
    """Also those of the console, which are not in the document."""
    audited: dict[tuple[str, str], bool] = {}
    for context in iter_route_contexts(gateway.app.routes):
        route = context.original_route
        if isinstance(route, APIRoute):
            path = context.path_format or route.path_format
            audited |= {
                (method, path): _depends_on(route.dependant, audit_trail) for method in route.methods or ()
            }
    changes = {name for name in audited if name[0] not in ("GET", "HEAD", "OPTIONS")}
    assert changes | AUDITED_READS <= audited.keys()
    assert {name for name in audited if audited[name]} == (changes | AUDITED_READS) - NOT_AUDITED.keys()
    assert NOT_AUDITED.keys() <= changes


def _depends_on(dependant: Dependant, call: Callable[..., Any]) -> bool:
    return any(one.call is call or _depends_on(one, call) for one in dependant.dependencies)


async def test_each_operation_has_its_errors_as_problem_documents(operations: Operations):
    for name, operation in operations.items():
        method, path = name
        responses = operation["responses"]
        expected: set[str] = set()
        if name not in PUBLIC:
            expected |= {"401", "403", "500", "503"}
        if "requestBody" in operation:
            expected |= {"400", "413", "415", "422"}
        if any(parameter["in"] == "query" for parameter in operation.get("parameters", [])):
            expected |= {"422"}
        if path.endswith("{id}") and path != "/v1/leads/{id}/accept":
            expected |= {"404"}
        assert expected <= responses.keys(), (name, expected - responses.keys())
        for status, response in responses.items():
            if status >= "400" and name[1].startswith(("/v1", "/hooks")):
                assert list(response["content"]) == ["application/problem+json"], (method, path, status)


async def test_each_operation_has_a_summary_a_tag_and_an_id_of_its_own(operations: Operations):
    for name, operation in operations.items():
        assert operation["summary"], name
        assert operation["tags"], name
    ids = [operation["operationId"] for operation in operations.values()]
    assert len({*ids}) == len(ids)


async def test_bounds_and_enums_are_documented(document: dict[str, Any], operations: Operations):
    parameters = {one["name"]: one for one in operations["GET", "/v1/leads"]["parameters"]}
    assert (parameters["limit"]["schema"]["minimum"], parameters["limit"]["schema"]["maximum"]) == (1, 200)
    assert "routed" in parameters["status"]["schema"]["enum"]
    assert {"email", "account", "queue", "owner", "cursor"} <= parameters.keys()
    schemas = document["components"]["schemas"]
    assert schemas["NewSubscription"]["properties"]["url"]["maxLength"] == 2_048
    assert "lead.routed" in schemas["NewSubscription"]["properties"]["events"]["items"]["enum"]
    assert schemas["AccountBody"]["properties"]["relation"]["enum"][0] == "target"
    assert schemas["AccountBody"]["additionalProperties"] is False
    keyed = {one["name"] for one in operations["POST", "/v1/outcomes"]["parameters"]}
    assert {name.lower() for name in keyed} == {"idempotency-key"}


async def test_lists_and_fields_that_intake_refuses_are_documented(
    document: dict[str, Any], operations: Operations
):
    schemas = document["components"]["schemas"]
    for path in ("/v1/leads", "/v1/signals"):
        body = operations["POST", path]["requestBody"]["content"]["application/json"]["schema"]
        bounds = [(one["minItems"], one["maxItems"]) for one in body["anyOf"] if one.get("type") == "array"]
        assert bounds == [(1, 1_000)], path
    for type_, names in RESERVED_FIELDS.items():
        for name, schema in schemas[type_]["properties"].items():
            assert schema.get("readOnly", False) == (name in names), (type_, name)


async def test_answers_that_are_recorded_events_are_documented_as_those_events(document: dict[str, Any]):
    view = document["components"]["schemas"]["LeadView"]
    assert "#/components/schemas/Brief" in references(view["properties"]["brief"])
    assert "markdown" in document["components"]["schemas"]["Brief"]["properties"]


async def test_documentation_pages_need_no_key_and_no_other_server(gateway: RunningGateway):
    for path in ("/docs", "/redoc"):
        async with gateway.http.get(path, headers={"Authorization": ""}) as response:
            page = await response.text()
        assert response.status == 200
        assert "/openapi.json" in page
        assert "cdn." not in page
