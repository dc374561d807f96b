"""Ids and idempotency keys of callers: which bodies are one event, which are two, and which are refused."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import func, insert, select

from services.gateway.bootstrap import build
from services.gateway.domain.arrival import SOURCE, Arrival
from services.gateway.domain.idempotency import IN_FLIGHT, PUBLISHED, IdempotencyRecord
from services.gateway.domain.leads import ReceivedLead, receive_lead
from services.gateway.publish_once import publish_list, publish_received
from services.gateway.queries.idempotency import prune_records
from services.gateway.state import GatewayState
from services.gateway.tables import idempotency_records
from services.ledger.tables import events
from shared.errors import Reject, Retry
from shared.health import Health
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, Origin, Person
from shared.lead.ids import lead_id_of
from shared.messaging.embedded import EmbeddedStream
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.settings import GatewaySettings, load
from shared.storage.database import Database
from shared.worker.role import Resources
from tests.support.fixed_clock import FixedClock
from tests.support.routing_policies import StandingPolicy
from tests.unit.gateway.recording import RecordingSink

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
ADMIN: dict[str, str] = {}


def lead(email: str, **more: Any) -> dict[str, Any]:
    return {"person": {"email": email}, **more}


ANN, BOB = lead("ann@tidewater.example"), lead("bob@copperline.example")
OUTCOME = {"email": "ann@tidewater.example", "type": "lost", "at": "2026-03-01T09:00:00Z"}
NEWS = {
    "type": "news",
    "account": {"domain": "tidewater.example"},
    "occurred_at": "2026-03-01T09:00:00Z",
    "external_id": "7",
}
ACCOUNT = {"domain": "tidewater.example", "relation": "customer"}


def named(body: dict[str, Any], event_id: str) -> dict[str, Any]:
    return {"event_id": event_id, **body}


ONE_NAME_TWO_BODIES = {
    "event_id": ("POST", "/v1/leads", "", named(ANN, "42"), named(BOB, "42")),
    "event_id, same person": ("POST", "/v1/leads", "", named(ANN, "43"), named(ANN | {"message": "x"}, "43")),
    "a lead's key": ("POST", "/v1/leads", "form-submit", ANN, BOB),
    "external_id": ("POST", "/v1/signals", "", NEWS, NEWS | {"strength": 70}),
    "a signal's key": ("POST", "/v1/signals", "k", NEWS | {"external_id": None}, NEWS | {"external_id": None, "strength": 1}),
    "an outcome's key": ("POST", "/v1/outcomes", "k", OUTCOME, OUTCOME | {"type": "won"}),
    "an outcome's external_id": ("POST", "/v1/outcomes", "", OUTCOME | {"external_id": "8"}, OUTCOME | {"external_id": "8", "type": "won"}),
    "an account's key": ("PUT", "/v1/accounts/tidewater.example", "k", ACCOUNT, ACCOUNT | {"name": "Tide"}),
}  # fmt: skip


@pytest.mark.parametrize("case", ONE_NAME_TWO_BODIES)
async def test_a_name_that_was_given_to_another_body_is_refused(gateway, case: str):
    method, path, key, first, second = ONE_NAME_TWO_BODIES[case]
    headers = {"Idempotency-Key": key} if key else {}
    status, accepted, _ = await gateway.ask(method, path, json=first, headers=headers)
    assert status == 202
    status, problem, _ = await gateway.ask(method, path, json=second, headers=headers)
    assert (status, problem["type"]) == (422, "urn:baton:problem:idempotency-key-reused")
    status, again, _ = await gateway.ask(method, path, json=first, headers=headers)
    assert (status, again) == (202, accepted)


async def test_a_body_is_what_was_read_of_it(gateway):
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    same = [
        b'{"person": {"email": "ann@tidewater.example"}}',
        b'{ "person" : {"email": "ann@tidewater.example", "title": null}, "answers": {} }',
        b'[{"person": {"email": "ann@tidewater.example"}}]',
    ]
    answers = [(await gateway.ask("POST", "/v1/leads", data=body, headers=headers))[1] for body in same]
    ids = {answer.get("event_id") or answer["results"][0]["event_id"] for answer in answers}
    assert len(ids) == 1
    assert len(await gateway.records("leads.received.v1", 1)) == 1


SCOPES = {
    "another API key": ("/v1/leads", "intake", named(ANN, "1"), named(BOB, "1")),
    "another form": (
        "/v1/leads",
        "admin",
        named(ANN, "1") | {"source": {"form_id": "contact"}},
        named(BOB, "1") | {"source": {"form_id": "newsletter"}},
    ),
}


@pytest.mark.parametrize("case", SCOPES)
async def test_a_name_counts_within_its_scope(gateway, case: str):
    path, scope, first, second = SCOPES[case]
    other = await gateway.key_headers(scope)
    _, one, _ = await gateway.ask("POST", path, json=first, headers=other if scope == "admin" else {})
    status, two, _ = await gateway.ask("POST", path, json=second, headers=other)
    assert status == 202
    assert one["event_id"] != two["event_id"]
    assert {event.subject for event in await gateway.events("leads.received.v1", 2)} == {
        lead_id_of("email:ann@tidewater.example"),
        lead_id_of("email:bob@copperline.example"),
    }


FORMS = {
    "two sources": (("website", {"entry id": "17"}), ("blog", {"entry id": "17"})),
    "two forms": (
        ("website", {"entry id": "103", "form id": "contact"}),
        ("website", {"entry id": "103", "form id": "newsletter"}),
    ),
    "one form, edited": (
        ("website", {"entry id": "900"}),
        ("website", {"entry id": "900", "title": "CFO"}),
    ),
}


@pytest.mark.parametrize("case", FORMS)
async def test_every_form_is_an_event_of_its_own_unless_it_is_repeated_exactly(gateway, case: str):
    sources = "sources:\n"
    for name in ("website", "blog"):
        sources += f'  {name}: {{kind: form, public: true, origins: ["*"]}}\n'
    await gateway.apply_policy(sources=sources)
    answers = []
    for source, fields in (*FORMS[case], *FORMS[case]):
        form = {"email": "nora@tidewater.example", **fields}
        status, answer, _ = await gateway.ask("POST", f"/hooks/forms/{source}", data=form)
        assert status == 202
        answers.append(answer["event_id"])
    first, second, first_again, second_again = answers
    assert first == first_again != second == second_again


async def test_of_a_list_that_is_repeated_only_in_part_each_other_body_is_refused(gateway):
    headers = {"Idempotency-Key": "job-1"}
    cora = lead("cora@northgate.example")
    status, answer, _ = await gateway.ask(
        "POST", "/v1/leads", json=[ANN, lead("oops@"), cora], headers=headers
    )
    assert (status, "problem" in answer["results"][1]) == (202, True)
    for body in ([BOB], BOB):
        status, refused, _ = await gateway.ask("POST", "/v1/leads", json=body, headers=headers)
        problem = refused["results"][0]["problem"] if isinstance(body, list) else refused
        assert (status, problem["type"]) == (422, "urn:baton:problem:idempotency-key-reused")
    status, whole, _ = await gateway.ask("POST", "/v1/leads", json=[ANN, BOB, cora], headers=headers)
    assert status == 202
    assert [one["event_id"] for one in whole["results"]][::2] == [
        one["event_id"] for one in answer["results"] if "event_id" in one
    ]
    assert len(await gateway.events("leads.received.v1", 3)) == 3


async def test_of_one_name_twice_in_a_list_the_second_body_is_refused_and_a_repeat_is_one_event(gateway):
    body = [named(ANN, "1"), named(BOB, "1"), named(ANN, "1")]
    status, answer, _ = await gateway.ask("POST", "/v1/leads", json=body)
    first, refused, again = answer["results"]
    assert (status, refused["problem"]["status"]) == (202, 422)
    assert first["event_id"] == again["event_id"]


async def test_a_row_without_a_name_costs_no_record(gateway):
    await gateway.ask("POST", "/v1/leads", json=ANN)
    async with gateway.database.read() as tx:
        assert (await tx.execute(select(func.count()).select_from(idempotency_records))).scalar() == 0


async def test_an_erased_person_is_in_no_record(gateway):
    await gateway.ask("POST", "/v1/leads", json=[named(ANN, "1"), named(BOB, "2")])
    await gateway.ask("DELETE", "/v1/people?email=ann@tidewater.example")
    async with gateway.database.read() as tx:
        subjects = (await tx.execute(select(idempotency_records.c.subject))).scalars().all()
    assert subjects == [lead_id_of("email:bob@copperline.example")]


class Intake:
    """The publishing part of a gateway, with a sink that can be away or silent, and a clock that moves."""

    def __init__(self, gateway: GatewayState, sink: RecordingSink, clock: FixedClock) -> None:
        self.gateway = gateway
        self.sink = sink
        self.clock = clock

    def received(self, company: str | None = None, **arrival: Any) -> ReceivedLead:
        body = LeadReceivedV1("42", Person("ann@tidewater.example"), Company(company), Origin())
        return receive_lead(
            body,
            b"{}",
            Arrival(
                self.clock.now(), os.urandom, "", scope=("key", "/v1/leads"), has_api_key=True, **arrival
            ),
        )

    async def states(self) -> list[str]:
        async with self.gateway.database.read() as tx:
            return list((await tx.execute(select(idempotency_records.c.state))).scalars())


@pytest.fixture
async def intake(database: Database, tmp_path) -> Intake:
    clock, sink = FixedClock(AT), RecordingSink()
    resources = Resources(
        clock=clock,
        database=database,
        stream=EmbeddedStream(tmp_path, prefix="baton", partitions=1, retention_days=7, clock=clock),
        policy=StandingPolicy(database),
        health=Health(),
        metrics=Metrics(),
        tracing=Tracing(None),
        secret=b"secret",
        partitions=1,
    )
    settings = load(GatewaySettings, {"BATON_ADMIN_KEY": "a" * 40, "BATON_SECRET_KEY": "s" * 40})
    return Intake(build(resources, sink, settings), sink, clock)


async def test_what_was_interrupted_before_it_was_published_is_published_by_its_repetition(intake: Intake):
    intake.sink.away = True
    with pytest.raises(Retry):
        await publish_received(intake.gateway, intake.received())
    assert await intake.states() == [IN_FLIGHT]
    with pytest.raises(Reject) as refused:
        await publish_received(intake.gateway, intake.received("Other"))
    assert refused.value.status == 409

    intake.sink.away = False
    event = await publish_received(intake.gateway, intake.received())
    again = await publish_received(intake.gateway, intake.received())
    assert event.id == again.id
    assert (len(intake.sink.records), await intake.states()) == (1, [PUBLISHED])
    with pytest.raises(Reject) as refused:
        await publish_received(intake.gateway, intake.received("Other"))
    assert refused.value.status == 422


async def test_a_body_that_was_interrupted_long_ago_keeps_its_name(intake: Intake):
    intake.sink.away = True
    with pytest.raises(Retry):
        await publish_received(intake.gateway, intake.received())
    intake.clock.advance(timedelta(minutes=5))
    with pytest.raises(Reject) as refused:
        await publish_received(intake.gateway, intake.received("Other"))
    assert refused.value.status == 422


async def test_of_bodies_that_race_under_one_name_one_is_accepted(intake: Intake):
    bodies = [intake.received(f"Company {number % 5}") for number in range(40)]
    results = await asyncio.gather(
        *(publish_list(intake.gateway, [body]) for body in bodies), return_exceptions=False
    )
    accepted = {result.id for (result,) in results if not isinstance(result, Reject)}
    assert len(accepted) == 1
    assert {
        bytes(dict(record.headers)["ce_id"] or b"").decode() for record in intake.sink.records
    } == accepted
    assert {result.status for (result,) in results if isinstance(result, Reject)} <= {409, 422}


async def test_an_event_id_counts_as_long_as_the_ledger_has_its_event(intake: Intake):
    event = await publish_received(intake.gateway, intake.received())
    async with intake.gateway.database.begin() as tx:
        await tx.execute(
            insert(events),
            {
                "id": event.id, "source": SOURCE, "type": event.type, "subject": event.subject,
                "partition_key": event.key, "at": AT, "recorded_at": AT, "causation_id": "", "data": "{}",
            },
        )  # fmt: skip
    intake.clock.advance(timedelta(days=60))
    assert not await prune_records(intake.gateway.database, intake.clock.now() - timedelta(days=8))
    assert await intake.states() == []
    await publish_received(intake.gateway, intake.received())
    assert len(intake.sink.records) == 1


async def test_records_past_their_time_are_pruned(intake: Intake):
    body = intake.received()
    assert body.record is not None
    old = structs.replace(body.record, id="old", created_at=AT - timedelta(days=9))
    async with intake.gateway.database.begin() as tx:
        await tx.execute(insert(idempotency_records), [structs.asdict(row) for row in (body.record, old)])
    await prune_records(intake.gateway.database, AT - timedelta(days=8))
    async with intake.gateway.database.read() as tx:
        left = await tx.load(IdempotencyRecord, "id", ["old", body.record.id])
    assert [row.id for row in left] == [body.record.id]
