"""Schemathesis: every operation of `/openapi.json` answers as documented, whatever it is sent.

Requests are generated from the document, those that fit its schemas and those that do not. Each answer has a status,
media type, headers and a body that are documented for it, none is a 5xx, and what does not fit is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from schemathesis import Case, CheckFunction, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from tests.conftest import SEED
from tests.support.api import Api, eventually
from tests.support.operations import ENDLESS
from tests.support.receiver import Receiver
from tests.support.topology import Topology

Send = Callable[[Case[Any]], None]

_REQUESTS_MAX = 6
"""Requests to an operation in one mode, before those for a path with an id that exists."""

# A document cannot say that a lead needs one of four contacts, that a cursor has to be one that was given, or that a
# URL leads to a permitted host: what fits the schema may still be a 422.
NOT_CHECKED: list[CheckFunction] = [positive_data_acceptance]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """The only address that a generated subscription may name."""
    endpoint = Receiver()
    yield endpoint
    endpoint.close()


@pytest.fixture(scope="module")
def existing(api: Api, receiver: Receiver) -> dict[str, str]:
    """An id that exists for each kind of resource, by the beginning of its path."""
    subscribed = api.subscribe(receiver.url, "lead.*")
    receiver.secret, subscription = subscribed["secret"], subscribed["id"]
    sent = api.post_lead(
        {"person": {"email": "ana@kestrel.example", "title": "CFO"}, "company": {"employees": 900}}
    )
    api.settled(sent)

    def delivery() -> Any:
        return api.http.get(f"/v1/subscriptions/{subscription}/deliveries").json()["data"]

    return {
        "/v1/leads/": sent["lead_id"],
        "/v1/subscriptions/": subscription,
        "/v1/deliveries/": eventually(delivery, what="a delivery")[0]["id"],
        "/v1/queues/": api.http.get("/v1/queues").json()["data"][0]["name"],
        "/v1/reps/": api.http.get("/v1/reps").json()["data"][0]["id"],
        "/v1/policies/": "active",
        "/v1/accounts/": "kestrel.example",
        "/v1/sources/": "website",
        "/hooks/forms/": "website",
        "/hooks/signals/": "notices",
    }


@pytest.fixture(scope="module")
def document(baton: Topology) -> OpenApiSchema:
    config = schemathesis.Config(seed=int(SEED))
    config.projects.default.generation.with_security_parameters = False  # the requests below have a key
    return schemathesis.openapi.from_url(f"{baton.url}/openapi.json", config=config)


@pytest.fixture(scope="module")
def send(baton: Topology, receiver: Receiver) -> Send:
    """Send a request with the administrator's key and check its answer.

    Each operation is asked from another address: the checks send wrong keys too, and Baton slows an address down
    that sends hundreds of them in a minute.
    """
    key = {"Authorization": f"Bearer {baton.secrets.admin_key}"}
    addresses: dict[str, str] = {}

    def send_and_check(case: Case[Any]) -> None:
        if isinstance(case.body, dict) and str(case.body.get("url", "")).lower().startswith("http"):
            case.body["url"] = receiver.url  # a generated URL that is usable is some stranger's
        address = addresses.setdefault(case.operation.label, f"198.51.100.{len(addresses)}")
        case.call_and_validate(headers={**key, "X-Forwarded-For": address}, excluded_checks=NOT_CHECKED)

    return send_and_check


@pytest.mark.parametrize("mode", [*GenerationMode], ids=lambda mode: mode.value)
def test_every_operation_answers_as_documented(
    document: OpenApiSchema,
    existing: dict[str, str],
    send: Send,
    mode: GenerationMode,
    subtests: pytest.Subtests,
):
    asked = 0
    for found in document.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.path in ENDLESS:
            continue
        if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
            continue  # any text is an id that may exist

        @seed(int(SEED))
        @settings(
            max_examples=_REQUESTS_MAX,
            phases=[Phase.generate],
            suppress_health_check=[*HealthCheck],
            verbosity=Verbosity.quiet,
        )
        @given(operation.as_strategy(generation_mode=mode))
        def answers_as_documented(case: Case[Any]) -> None:
            nonlocal asked
            asked += 1
            send(case)
            if mode is GenerationMode.POSITIVE and name_an_existing(case, existing):
                send(case)

        with subtests.test(f"{operation.label} BATON_TEST_SEED={SEED}"):
            answers_as_documented()
    assert asked > 100


def name_an_existing(case: Case[Any], existing: dict[str, str]) -> bool:
    """Put an id that exists into the path; tell whether there is one. What exists is not deleted."""
    path = case.operation.path
    prefix = next((prefix for prefix in existing if path.startswith(prefix)), None)
    if prefix is None or case.method == "DELETE":
        return False
    name = path.removeprefix(prefix).partition("}")[0].removeprefix("{")
    case.path_parameters = {**case.path_parameters, name: existing[prefix]}
    return True
