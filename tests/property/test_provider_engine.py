"""Whatever a vendor answers: reading it never raises, is bounded, and gives the same for the same input."""

from __future__ import annotations

import copy
import json
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.enricher.domain.providers import LookupTarget, ProviderQuery, Subject
from services.enricher.providers.integration import Integration, ParsedReply
from services.enricher.providers.prices import reply_cost
from shared.integrations.catalog import built_in_integrations, read_example
from shared.integrations.examples import ProviderExample
from shared.integrations.vendor_replies import ANSWERED, RETRY_AFTER_S_MAX, HttpReply
from shared.lead.events.parts import Company, Person
from shared.policy.models import Provider
from tests.support.forms import AT
from tests.support.integrations import INTEGRATIONS

ASKS = [(name, subject) for name, one in sorted(INTEGRATIONS.items()) for subject in one.gives]
ANA = LookupTarget(
    "brightloom.example", "ana@brightloom.example", "Ana", "Lopez", lead_id="lead", company_name="Brightloom"
)
NOBODY = LookupTarget("brightloom.example", None, "Ana", "Lopez", lead_id="lead")
TERMS = Provider(integration="any")
BODIES: dict[str, list[Any]] = {
    vendor: [
        answer.json_
        for path in folder.example_files()
        if isinstance(example := read_example("providers", path)[0], ProviderExample)
        for answer in (*example.answers, *((example.answer,) if example.answer else ()))
        if answer.json_ is not None
    ]
    for vendor, folder in built_in_integrations().providers.items()
}

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["2026-01-01", "51-200", "$1M", "ana@brightloom.example", "+12015550143", "x" * 5_000])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
statuses = st.sampled_from(
    [200, 200, 200, 201, 202, 204, 222, 301, 400, 401, 402, 403, 404, 422, 429, 500, 503]
)
headers = st.dictionaries(
    st.sampled_from(["retry-after", "x-ratelimit-remaining", "x-ratelimit-reset", "x-minute-requests-left"]),
    st.sampled_from(
        ["0", "7", "-1", "nan", "1e300", "soon", "Sun, 06 Nov 2094 08:49:37 GMT", "99999999999999"]
    ),
)


def places_of(body: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values in a body."""
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    return [path, *(place for key, member in inner for place in places_of(member, (*path, key)))]


@st.composite
def changed_bodies(draw: st.DrawFn, vendor: str) -> Any:
    """Return a body of an example in which some values are others."""
    body = json.loads(json.dumps(draw(st.sampled_from(BODIES[vendor]))))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(places_of(body)))
        value = draw(values)
        if not path:
            body = value
            continue
        holder = body
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value
    return body


def check(parsed: ParsedReply, integration: Integration, subject: Subject) -> None:
    told = [parsed.facts, *parsed.contacts]
    for facts in told:
        msgspec.convert(msgspec.to_builtins(facts.person), Person)
        msgspec.convert(msgspec.to_builtins(facts.company), Company)
        assert all(0 < sure <= 1 for sure in facts.confidence.values())
    assert parsed.verdict in ANSWERED or not any(facts.confidence for facts in told)
    assert len(parsed.detail) <= 200
    assert parsed.window_ends_in_s is None or 0 <= parsed.window_ends_in_s <= RETRY_AFTER_S_MAX
    assert 0 <= reply_cost(integration.price(subject), parsed, TERMS) <= 1_000_000


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), ask=st.sampled_from(ASKS), status=statuses, sent=headers)
def test_no_reply_of_a_vendor_raises_or_reads_differently_twice(data, ask, status, sent):
    vendor, subject = ask
    integration = INTEGRATIONS[vendor]
    target = data.draw(st.sampled_from([ANA, NOBODY]))
    query = ProviderQuery(vendor, subject, "lead", target)
    body = data.draw(changed_bodies(vendor) if BODIES[vendor] else values)
    before = copy.deepcopy(body)
    reply = HttpReply(status, json.dumps(body).encode(), sent)
    for parse in (integration.parse, integration.parse_job):
        parsed = parse(query, reply, AT)
        assert parse(query, reply, AT) == parsed
        check(parsed, integration, subject)
    assert body == before


@settings(max_examples=100)
@given(ask=st.sampled_from(ASKS), status=statuses, body=st.binary(max_size=200))
def test_neither_does_a_body_that_is_no_json(ask, status, body):
    vendor, subject = ask
    integration = INTEGRATIONS[vendor]
    query = ProviderQuery(vendor, subject, "lead", ANA)
    check(integration.parse(query, HttpReply(status, body), AT), integration, subject)


def test_a_deep_body_and_a_long_list_are_read_within_bounds():
    deep = '{"data":[' * 400 + "1" + "]}" * 400
    wide = json.dumps(
        {"results": [{"emails": [{"email": "x"}] * 50}] * 500, "data": [{}] * 20_000, "people": [1] * 20_000}
    )
    for vendor, subject in ASKS:
        integration, query = INTEGRATIONS[vendor], ProviderQuery(vendor, subject, "lead", ANA)
        for body in (deep, wide):
            check(integration.parse_job(query, HttpReply(200, body.encode()), AT), integration, subject)


texts = st.text(max_size=30) | st.sampled_from(["a\r\nb: c", "../..", "{key}", "?&=#", "\ud800", "%00"])


@settings(max_examples=150)
@given(ask=st.sampled_from(ASKS), asked=st.lists(st.none() | texts, min_size=7, max_size=7))
def test_a_request_tells_what_was_asked_and_nothing_else_whatever_that_is(ask, asked):
    vendor, subject = ask
    domain, email, first, last, phone, profile, company = (
        None if text is None else text.encode(errors="ignore").decode() for text in asked
    )
    target = LookupTarget(domain, email, first, last, phone, profile, company, lead_id="lead")
    query = ProviderQuery(vendor, subject, "lead", target)
    integration = INTEGRATIONS[vendor]
    request = integration.request(query, "SECRET")
    assert request == integration.request(query, "SECRET")
    assert (request is not None) == integration.can_ask(query)
    if request is not None:
        assert request.path.startswith("/")
        assert ".." not in request.path
        assert len(request.content or b"") < 10_000
