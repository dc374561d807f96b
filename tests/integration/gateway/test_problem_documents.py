"""Every kind of problem that a request alone can cause, with its exact document."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pytest

from tests.support.gateway import RunningGateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"Content-Type": "application/json"}
CSV = {"Content-Type": "text/csv"}
UNKNOWN_LEAD = "/v1/leads/00000000-0000-5000-8000-000000000000"
LEAD = {"person": {"email": "ana@kestrel.example"}}


@dataclass(frozen=True)
class Case:
    """A request and the members of its problem; `detail` defaults to what a problem without one says."""

    request: str
    kind: str
    status: int
    title: str
    detail: str | None = None
    errors: list[dict[str, str]] = field(default_factory=list)
    sent: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        """The whole document."""
        detail = self.detail
        if detail is None and self.errors:
            first = self.errors[0]
            detail = f"{first['pointer']}: {first['detail']}" if first["pointer"] else first["detail"]
        document = {
            "type": f"urn:baton:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": detail or self.title,
        }
        return {**document, "errors": self.errors} if self.errors else document

    def __str__(self) -> str:
        return f"{self.request} {self.kind}"


NO_COMPANY = "This is not the domain of a company"
SHARED_HOST = "This host gives pages or mailboxes to anybody, so it is nobody's company"


def invalid_body(request: str, sent: Any, *errors: tuple[str, str]) -> Case:
    """Return the case of a body with these faults (pointer, detail)."""
    return Case(
        request,
        "invalid-body",
        422,
        "The body is not valid",
        errors=[{"pointer": pointer, "detail": detail} for pointer, detail in errors],
        sent={"json": sent},
    )


PATHS = [
    Case("GET /v2", "unknown-route", 404, "The path is unknown", "See /openapi.json"),
    Case("GET /v1/leads/", "unknown-route", 404, "The path is unknown", "See /openapi.json"),
    Case(
        "PUT /v1/api-keys",
        "method-not-allowed",
        405,
        "The method is not allowed",
        "POST, GET, HEAD",
        headers={"Allow": "POST, GET, HEAD"},
    ),
    Case(
        "DELETE /hooks/forms/website",
        "method-not-allowed",
        405,
        "The method is not allowed",
        "POST, OPTIONS, GET, HEAD",
        headers={"Allow": "POST, OPTIONS, GET, HEAD"},
    ),
]

NOT_FOUND = [
    *[
        Case(
            f"GET {UNKNOWN_LEAD}{part}",
            "not-yet-known",
            404,
            "Nothing is known of this lead yet",
            headers={"Retry-After": "1"},
        )
        for part in ("", "/timeline", "/explain")
    ],
    *[
        Case(
            f"POST {UNKNOWN_LEAD}/{verb}",
            "not-yet-known",
            404,
            "Nothing is known of this lead yet",
            headers={"Retry-After": "1"},
        )
        for verb in ("accept", "reject", "reassign", "snooze", "handoff")
    ],
    Case(
        "GET /v1/accounts/kestrel.example",
        "not-yet-known",
        404,
        "Nothing is known of this account yet",
        headers={"Retry-After": "1"},
    ),
    invalid_body("GET /v1/accounts/none", None, ("/domain", NO_COMPANY)),
    invalid_body("GET /v1/accounts/gmail.com", None, ("/domain", SHARED_HOST)),
    Case(
        "GET /v1/queues/none/leads",
        "unknown-queue",
        404,
        "There is no such queue",
        "No queue has the name 'none'; GET /v1/queues lists those that exist",
    ),
    Case(
        "GET /v1/reps/none",
        "unknown-rep",
        404,
        "There is no such rep",
        "No rep has the id 'none'; GET /v1/reps lists those that exist",
    ),
    Case(
        "GET /v1/policies/none",
        "unknown-policy",
        404,
        "There is no such version of the policy",
        "No version is named or begins with 'none'; GET /v1/policies lists them",
    ),
    Case(
        "DELETE /v1/api-keys/none",
        "unknown-key",
        404,
        "There is no such key",
        "No key has the id 'none'; GET /v1/api-keys lists those that exist",
    ),
    Case(
        "GET /v1/subscriptions/none",
        "unknown-subscription",
        404,
        "There is no such subscription",
        "No subscription has the id 'none'; GET /v1/subscriptions lists those that exist",
    ),
    Case(
        "DELETE /v1/subscriptions/none",
        "unknown-subscription",
        404,
        "There is no such subscription",
        "No subscription has the id 'none'; GET /v1/subscriptions lists those that exist",
    ),
    Case(
        "GET /v1/deliveries/none",
        "unknown-delivery",
        404,
        "There is no such delivery",
        "No delivery has the id 'none'; GET /v1/subscriptions/{id}/deliveries lists those that exist",
    ),
    Case(
        "POST /v1/deliveries/none/retry",
        "unknown-delivery",
        404,
        "There is no such delivery",
        "No delivery has the id 'none'; GET /v1/subscriptions/{id}/deliveries lists those that exist",
    ),
    Case(
        "POST /v1/dead-letters/none/replay",
        "unknown-dead-letter",
        404,
        "There is no such dead letter",
        "No dead letter has the id 'none'; GET /v1/dead-letters lists those that exist",
    ),
    Case(
        "POST /hooks/forms/none",
        "unknown-source",
        404,
        "There is no such source of forms",
        "No source of forms has the name 'none'; GET /v1/sources lists those that exist",
    ),
    Case(
        "POST /hooks/forms/none/token",
        "unknown-source",
        404,
        "There is no such source of forms",
        "No source of forms has the name 'none'; GET /v1/sources lists those that exist",
    ),
    Case(
        "POST /v1/sources/none/preview",
        "unknown-source",
        404,
        "There is no such source",
        "No source has the name 'none'; GET /v1/sources lists those that exist",
    ),
    Case(
        "POST /hooks/signals/website",
        "unknown-source",
        404,
        "There is no such source of signals",
        "No source of signals has the name 'website'; GET /v1/sources lists those that exist",
    ),
]

QUERIES = [
    Case(
        "GET /v1/leads?limit=0",
        "invalid-limit",
        422,
        "The limit is not valid",
        "Input should be greater than or equal to 1",
    ),
    Case(
        "GET /v1/subscriptions?limit=201",
        "invalid-limit",
        422,
        "The limit is not valid",
        "Input should be less than or equal to 200",
    ),
    Case(
        "GET /v1/dead-letters?limit=many",
        "invalid-limit",
        422,
        "The limit is not valid",
        "Input should be a valid integer, unable to parse string as an integer",
    ),
    *[
        Case(
            f"GET {path}?cursor=x",
            "invalid-cursor",
            422,
            "The cursor is not one that was given",
            "Take `cursor` from `next` of the page before, or leave it out to begin again",
        )
        for path in (
            "/v1/leads",
            "/v1/subscriptions",
            "/v1/dead-letters",
            "/v1/policies",
            "/v1/queues/sdr/leads",
        )
    ],
    Case("GET /v1/leads?queue=%00", "invalid-filter", 422, "A filter holds a control character"),
    Case("GET /v1/queues/sdr/leads?owner=%00", "invalid-filter", 422, "A filter holds a control character"),
    Case("DELETE /v1/people?email=no", "invalid-email", 422, "The parameter email is not an e-mail address"),
    Case(
        "GET /v1/people/export?email=no", "invalid-email", 422, "The parameter email is not an e-mail address"
    ),
    Case("DELETE /v1/people", "invalid-email", 422, "One of email, phone and linkedin_url is needed"),
    *[
        Case(
            request,
            "invalid-idempotency-key",
            422,
            "The Idempotency-Key is not valid",
            "Between 1 and 200 characters are allowed",
            sent={"json": body, "headers": {"Idempotency-Key": "x" * 201}},
        )
        for request, body in (
            ("POST /v1/leads", LEAD),
            ("POST /v1/signals", {}),
            ("POST /hooks/forms/website", LEAD),
            ("PUT /v1/accounts/kestrel.example", {}),
        )
    ],
]

REQUIRED, UNKNOWN = "This field is required", "This field is unknown"
BODIES = [
    *[
        Case(
            f"POST {path}",
            "malformed-json",
            400,
            "The body is not JSON",
            "Input data was truncated",
            sent={"data": b"{", "headers": JSON},
        )
        for path in ("/v1/leads", "/v1/signals", "/v1/api-keys", "/hooks/forms/website")
    ],
    *[
        Case(
            f"POST {path}",
            "unsupported-encoding",
            415,
            "The content encoding is not supported",
            "Send the body without Content-Encoding",
            sent={"data": b"{}", "headers": {**JSON, "Content-Encoding": "gzip"}},
        )
        for path in ("/v1/leads", "/v1/signals", "/v1/accounts", "/v1/api-keys", "/hooks/forms/website")
    ],
    *[
        Case(
            f"POST {path}",
            "unsupported-media-type",
            415,
            "The media type is not supported",
            f"Send {formats}",
            sent={"data": b"x", "headers": {"Content-Type": "image/png"}},
        )
        for path, formats in (
            ("/v1/leads", "application/json"),
            ("/v1/signals", "application/json"),
            ("/v1/api-keys", "application/json"),
            ("/v1/accounts", "application/json, text/csv"),
            (
                "/hooks/forms/website",
                "application/json, application/x-www-form-urlencoded, multipart/form-data",
            ),
        )
    ],
    *[
        Case(
            f"POST {path}",
            "body-too-large",
            413,
            "The body is too large",
            "1048576 bytes are allowed",
            sent={"data": b" " * 1_100_000, "headers": JSON},
            headers={"Connection": "close"},
        )
        for path in ("/v1/leads", "/v1/signals", "/v1/accounts", "/v1/api-keys", "/hooks/forms/website")
    ],
    Case(
        "POST /v1/leads",
        "unusable-text",
        422,
        "A text holds \\u0000, which cannot be stored",
        sent={"data": b'{"message": "\\u0000"}', "headers": JSON},
    ),
    Case("POST /v1/leads", "empty-list", 422, "The list is empty", sent={"json": []}),
    Case(
        "POST /v1/leads",
        "list-too-long",
        422,
        "The list has 1001 items, 1000 are allowed",
        sent={"json": [1] * 1_001},
    ),
    Case("POST /v1/accounts", "not-a-list", 422, "The body is not a list", sent={"json": {}}),
    Case(
        "POST /v1/accounts",
        "empty-list",
        422,
        "There is no row under the header",
        sent={"data": b"domain\n", "headers": CSV},
    ),
    Case(
        "POST /v1/accounts",
        "invalid-body",
        422,
        "The body is not valid",
        errors=[
            {
                "pointer": "",
                "detail": "The column 'relatoin' is unknown; did you mean 'relation'?",
            },
            {"pointer": "", "detail": "A column domain is needed; the columns are relatoin"},
        ],
        sent={"data": b"relatoin\nx", "headers": CSV},
    ),
    Case(
        "POST /hooks/forms/website",
        "too-many-fields",
        422,
        "The form has too many fields",
        "200 fields are allowed",
        sent={"data": {f"q{number}": "x" for number in range(201)}},
    ),
    Case(
        "POST /hooks/forms/website",
        "too-many-fields",
        422,
        "The form has too many fields",
        "200 are allowed",
        sent={"json": {f"q{number}": "x" for number in range(201)}},
    ),
    Case(
        "POST /hooks/forms/website?redirect=https://evil.example/",
        "redirect-refused",
        422,
        "The source does not allow this redirect",
        sent={"json": {"email": "ana@kestrel.example"}},
    ),
    invalid_body(
        "POST /v1/leads", {"person": {"email": "no"}}, ("/person/email", "This is not an e-mail address")
    ),
    invalid_body(
        "POST /v1/leads",
        {},
        ("", "One of person.email, person.phone, person.linkedin_url and company.domain is needed"),
    ),
    invalid_body(
        "POST /v1/leads",
        {"person": {"phone": "12", "linkedin_url": "x"}, "company": {"domain": "x"}},
        ("/person/phone", "This is not a phone number; national ones need a country"),
        ("/person/linkedin_url", "This is not the URL of a personal LinkedIn profile"),
        ("/company/domain", NO_COMPANY),
    ),
    invalid_body("POST /v1/leads", 7, ("", "Expected `object`, got `int`")),
    invalid_body("POST /v1/signals", {}, ("/type", REQUIRED)),
    invalid_body(
        "POST /hooks/forms/website", {"email": "no"}, ("/person/email", "This is not an e-mail address")
    ),
    invalid_body(
        "POST /v1/api-keys",
        {"name": "", "scopes": ["all"], "nmae": "x"},
        ("/name", "String should have at least 1 character"),
        ("/scopes/0", "Input should be 'intake', 'read', 'rep', 'manager' or 'admin'"),
        ("/nmae", UNKNOWN),
    ),
    invalid_body("POST /v1/api-keys", {}, ("/name", REQUIRED), ("/scopes", REQUIRED)),
    invalid_body(
        "PUT /v1/accounts/kestrel.example",
        {"domain": "other.example"},
        ("/domain", "This is another account than the path's"),
    ),
    invalid_body("PUT /v1/accounts/gmail.com", {}, ("/domain", SHARED_HOST)),
    invalid_body(
        "PUT /v1/accounts/kestrel.example",
        {"relation": "friend", "owner": 7, "aliases": "x"},
        ("/relation", "Input should be 'target', 'customer', 'competitor', 'partner' or 'none'"),
        ("/owner", "Input should be a valid string"),
        ("/aliases", "Input should be a valid list"),
    ),
    invalid_body(
        "POST /v1/subscriptions",
        {"events": [], "secret": "mine"},
        ("/url", REQUIRED),
        ("/events", "List should have at least 1 item after validation, not 0"),
        ("/secret", UNKNOWN),
    ),
]


@pytest.mark.parametrize("case", [*PATHS, *NOT_FOUND, *QUERIES, *BODIES], ids=str)
async def test_the_problem_is_exactly_this_document(shared_gateway: RunningGateway, case: Case):
    method, _, path = case.request.partition(" ")
    sent = dict(case.sent)
    if isinstance(sent.get("data"), bytes):
        sent["data"] = BytesIO(sent["data"])  # aiohttp warns of a large body in one piece
    status, document, headers = await shared_gateway.ask(method, path, **sent)
    assert (status, document) == (case.status, case.document)
    assert headers["Content-Type"] == "application/problem+json"
    for name, value in case.headers.items():
        assert headers[name] == value
