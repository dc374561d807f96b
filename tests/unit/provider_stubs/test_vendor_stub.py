"""What the stubs answer for a vendor: as in its examples, and from the world by its `stub.yaml`."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.provider_stubs import golden
from services.provider_stubs.asked_values import StubRequest
from services.provider_stubs.example_answers import with_full_name
from services.provider_stubs.folders import read_answers
from services.provider_stubs.vendor_stub import Prepared, VendorStub
from services.provider_stubs.world import SEED, World, generate
from shared.integrations.catalog import built_in_integrations, read_example
from shared.integrations.examples import ProviderExample
from shared.integrations.vendor_requests import ask_request, batch_request

TODAY = date(2026, 3, 1)
GOLDEN = "brightloom.example"
KEYS = dict.fromkeys(("x-api-key", "authorization", "api_key", "x-access-token", "api-key"), "any")
PROVIDERS = built_in_integrations().providers


def stub_of(world: World, vendor: str) -> VendorStub:
    folder = PROVIDERS[vendor]
    return VendorStub(folder.preset, *read_answers(folder.directory), world)


def prepared(stub: VendorStub, path: str, query: dict[str, str], body: Any = None) -> Prepared:
    question = stub.read(StubRequest(path, query, KEYS, body))
    assert question is not None
    return stub.prepare(question, TODAY, has_key=True)


def body_of(answer: Any) -> Any:
    return msgspec.json.decode(answer.body)


COMPANIES = {
    "peopledatalabs": ("/v5/company/enrich", "website", 404, 10),
    "apollo": ("/api/v1/organizations/enrich", "domain", 200, 8),
    "clearbit": ("/v2/companies/find", "domain", 404, 12),
}
PEOPLE = {
    "peopledatalabs": ("/v5/person/enrich", 404, 10),
    "apollo": ("/api/v1/people/match", 200, 8),
    "clearbit": ("/v2/combined/find", 404, 12),
}


@pytest.mark.parametrize("vendor", COMPANIES)
def test_a_company_is_billed_when_it_is_found(world, vendor):
    path, name, no_match, price = COMPANIES[vendor]
    stub = stub_of(world, vendor)
    [known] = prepared(stub, path, {name: GOLDEN}).answers
    assert (known.status, known.billed, known.matched) == (200, price, True)
    assert prepared(stub, path, {name: f"shop.{GOLDEN}"}).answers == (known,)
    [unknown] = prepared(stub, path, {name: "nowhere.example"}).answers
    assert (unknown.status, unknown.billed, unknown.matched) == (no_match, 0, False)


@pytest.mark.parametrize("vendor", PEOPLE)
def test_whoever_writes_from_a_golden_company_is_somebody(world, vendor):
    path, no_match, price = PEOPLE[vendor]
    stub = stub_of(world, vendor)
    [answer] = prepared(stub, path, {"email": f"Maria.Weber+tag@{GOLDEN}"}).answers
    assert (answer.billed, answer.matched) == (price, True)
    person = golden.person_behind(f"maria.weber@{GOLDEN}")
    if vendor != "clearbit":
        assert person.phone in answer.body.decode()
        assert person.last_name.lower() in answer.body.decode().lower()
    [nobody] = prepared(stub, path, {"email": "a@nowhere.example"}).answers
    assert (nobody.status, nobody.billed) == (no_match, 0)


def test_the_same_question_has_the_same_answer(world):
    for vendor, (path, name, _, _) in COMPANIES.items():
        one, other = (prepared(stub_of(world, vendor), path, {name: GOLDEN}) for _ in range(2))
        assert one == other


def test_what_is_slow_is_answered_at_the_second_call(world):
    stub = stub_of(world, "clearbit")
    slow = [
        answers
        for domain in world.companies
        if len(answers := prepared(stub, "/v2/companies/find", {"domain": domain}).answers) == 2
    ]
    assert 2 <= len(slow) <= 30
    assert {(first.status, first.billed, then.status) for first, then in slow} == {(202, 0, 200)}


@pytest.mark.parametrize("vendor", sorted(PROVIDERS))
@pytest.mark.parametrize("status", [400, 401, 402, 404, 422, 429, 500, 503])
def test_every_vendor_says_every_error(world, vendor, status):
    answer = stub_of(world, vendor).error(status)
    assert (answer.billed, answer.matched) == (0, False)
    assert body_of(answer) is not None


@pytest.mark.parametrize("vendor", sorted(PROVIDERS))
def test_without_a_key_no_vendor_answers(world, vendor):
    stub = stub_of(world, vendor)
    assert not stub.has_key(StubRequest("/", {}, {}))


@pytest.mark.parametrize(
    ("vendor", "path", "email", "said"),
    [
        ("hunter", "/v2/email-verifier", f"anybody@{GOLDEN}", "valid"),
        ("hunter", "/v2/email-verifier", "x81k2@mailinator.com", "disposable"),
        ("hunter", "/v2/email-verifier", "ana@nowhere.example", "unknown"),
        ("zerobounce", "/v2/validate", f"anybody@{GOLDEN}", "valid"),
        ("zerobounce", "/v2/validate", "ana@nowhere.example", "unknown"),
    ],
)
def test_a_verification_is_billed_whatever_it_says(world, vendor, path, email, said):
    [answer] = prepared(stub_of(world, vendor), path, {"email": email}).answers
    body = body_of(answer)
    assert (body.get("data") or body)["status"] == said
    assert (answer.billed, answer.matched) == (1, said != "unknown")


EXAMPLES = [(vendor, path.name) for vendor in sorted(PROVIDERS) for path in PROVIDERS[vendor].example_files()]


@pytest.mark.parametrize(("vendor", "name"), EXAMPLES)
def test_a_request_of_an_example_is_answered_as_in_the_example(world, vendor, name):
    folder = PROVIDERS[vendor]
    example, _ = read_example("providers", folder.directory / "examples" / name)
    assert isinstance(example, ProviderExample)
    questions = [
        with_full_name({str(name): str(value) for name, value in one.items()})
        for one in example.questions or (example.question or {},)
    ]
    if folder.preset.ask[example.ask].batch is None:
        request = ask_request(folder.preset, example.ask, questions[0], "any")
    else:
        request = batch_request(folder.preset, example.ask, questions, "any")
    assert request is not None
    body = msgspec.json.decode(request.content) if request.content else None
    sent = StubRequest(request.path, request.params, request.headers, body)
    stub = stub_of(world, vendor)
    assert stub.has_key(sent)
    question = stub.read(sent)
    assert question is not None
    first, *others = example.answers or (example.answer,)
    answered = stub.prepare(question, TODAY, has_key=True)
    later = [*answered.answers[1:], *(answered.job.answers if answered.job else ())]
    shown = [(one.status, msgspec.json.encode(one.json_)) for one in (first, *others) if one is not None]
    assert [(one.status, one.body) for one in (answered.answers[0], *later)] == shown


def test_a_batch_of_strangers_is_answered_in_another_order_and_joined_by_reference(world):
    stub = stub_of(world, "lusha")
    emails = [*(person.email for person in world.companies[GOLDEN].people[:3]), "a@nowhere.example"]
    contacts = [{"clientReferenceId": f"r{at}", "email": email} for at, email in enumerate(emails)]
    [answer] = prepared(stub, "/v3/contacts/search-and-enrich", {}, {"contacts": contacts}).answers
    results = body_of(answer)["results"]
    assert [one["clientReferenceId"] for one in results] == ["r3", "r2", "r1", "r0"]
    assert results[0]["error"]["code"] == "NOT_FOUND"
    for at, email in enumerate(emails[:3]):
        [mine] = [one for one in results if one["clientReferenceId"] == f"r{at}"]
        assert "error" in mine or mine["emails"][0]["email"] == email


def test_a_look_up_that_still_runs_is_polled(world):
    stub = stub_of(world, "rocketreach")
    slow = [
        answered
        for company in world.companies.values()
        for person in company.people[:1]
        if (answered := prepared(stub, "/api/v2/person/lookup", {"email": person.email})).job
    ]
    assert len(slow) > 20
    for answered in slow:
        first, job = body_of(answered.answers[0]), answered.job
        assert job is not None
        assert (first["status"], job.id) == ("searching", str(first["id"]))
        assert [(one["id"], one["status"]) for one in body_of(job.answers[-1])] == [(first["id"], "complete")]
        asked = StubRequest("/api/v2/person/checkStatus", {"ids": job.id}, KEYS, None)
        assert stub.read_poll(asked) == job.id


WORLD_VENDORS = sorted(
    vendor for vendor in PROVIDERS if (stub := read_answers(PROVIDERS[vendor].directory)[1]) and stub.answers
)


@pytest.mark.parametrize("vendor", WORLD_VENDORS)
def test_every_vendor_of_the_world_knows_somebody(world, vendor):
    folder, stub = PROVIDERS[vendor], stub_of(world, vendor)
    known = 0
    for company in list(world.companies.values())[4:24]:
        person = company.people[0]
        asked = {
            "domain": company.domain,
            "email": person.email,
            "first_name": person.first_name,
            "last_name": person.last_name,
            "full_name": f"{person.first_name} {person.last_name}",
            "company_name": company.name,
            "reference": "r1",
        }
        for subject in folder.preset.ask:
            request = ask_request(folder.preset, subject, asked, "any")
            if request is None:
                continue
            body = msgspec.json.decode(request.content) if request.content else None
            question = stub.read(StubRequest(request.path, request.params, request.headers, body))
            assert question is not None
            answered = stub.prepare(question, TODAY, has_key=True)
            last = (answered.job or answered).answers[-1]
            assert last.status < 500
            known += last.matched
    assert known > 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
STUBS = {
    vendor: VendorStub(folder.preset, *read_answers(folder.directory), generate(SEED, golden.COMPANIES))
    for vendor, folder in PROVIDERS.items()
}


@settings(max_examples=150)
@given(st.sampled_from(sorted(PROVIDERS)), st.data())
def test_whatever_is_asked_has_an_answer(vendor, data):
    stub, preset = STUBS[vendor], PROVIDERS[vendor].preset
    ask = data.draw(st.sampled_from([*preset.ask.values()]))
    values = {name: data.draw(st.text(min_size=1, max_size=30)) for name in ask.path.names}
    path = ask.path.render(values, partial(quote, safe="")) or "/"
    query = {name: data.draw(st.text(max_size=60)) for name in ask.query}
    question = stub.read(StubRequest(path, query, KEYS, data.draw(JSON)))
    assert question is not None
    answered = stub.prepare(question, TODAY, has_key=True)
    assert answered.answers
    assert all(body_of(answer) is not None or answer.body == b"null" for answer in answered.answers)
