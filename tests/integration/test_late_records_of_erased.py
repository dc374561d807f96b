"""What the ledger and the scorer read of an erased person after the erasure leaves nothing in their tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import text

from services.ledger.domain.rows import DeadLetterRow, EventRow, ViewRow
from services.ledger.handlers import LedgerHandler
from services.ledger.storage import LedgerStore
from services.scorer.handlers import ScorerHandler
from services.scorer.storage import ScorerStore
from shared.errors import DataError
from shared.lead.events.envelope import Event, decode
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Person
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.signal_received import SignalAccount, SignalReceivedV1
from shared.lead.events.subjects import account_name_id
from shared.lead.ids import lead_id_of
from shared.lead.mentions import hashes_of_person
from shared.messaging.manifest import DEAD_LETTERS, LEADS_RECEIVED, SIGNALS_RECEIVED
from shared.messaging.port import Ack, Outgoing, Record
from shared.storage.database import Database
from shared.storage.rows import Row
from shared.worker.dead_letters import DeadLetters
from shared.worker.decision import Outcome
from shared.worker.handler import Handler, Store
from shared.worker.outbox import Outbox
from shared.worker.unit_of_work import UnitOfWork
from tests.support.enriched_leads import AT, enriched_lead, event_of, lead_id
from tests.support.fixed_clock import FixedClock
from tests.support.scoring_policies import default_scoring

ANA = lead_id("ana")
EMAIL, PHONE, PROFILE = "ana@kestrel.example", "+4930901820", "https://www.linkedin.com/in/ana-7"
BEFORE, LATER = AT - timedelta(minutes=1), AT + timedelta(minutes=1)
PERSON = Person(email=EMAIL, first_name="Ana", last_name="Ruiz")


def keyed_hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


ERASURE = event_of(
    PersonErasedV1(
        [ANA],
        "hash",
        AT,
        ["kestrel.example", account_name_id("Kestrel GmbH"), "name:kestrel"],
        hashes_of_person([f"email:{EMAIL}", f"phone:{PHONE}", f"linkedin:{PROFILE}"], [PERSON], keyed_hash),
    ),
    "erasure",
    at=AT,
)


class Role:
    """A role's unit of work over the database."""

    def __init__(self, database: Database, handler: Handler, store: Store) -> None:
        clock = FixedClock(LATER)
        outbox = Outbox(handler.role, database, None, clock, partitions=1)  # type: ignore[arg-type]
        self.database = database
        self.work = UnitOfWork(handler, store, database, outbox, clock, keyed_hash=keyed_hash)

    async def read(self, *events: Event[Any]) -> list[Outcome]:
        result = await self.work.run(events)
        assert result.rejected == []
        return [outcome for _event, outcome in result.outcomes]

    async def stored(self, kind: type[Row], field: str, *values: str) -> Sequence[Row]:
        async with self.database.read() as tx:
            return await tx.load(kind, field, values)


@pytest.fixture
def ledger(database: Database) -> Role:
    return Role(database, LedgerHandler(), LedgerStore(keyed_hash))


@pytest.fixture
def scorer(database: Database) -> Role:
    return Role(database, ScorerHandler(default_scoring()), ScorerStore())


def enriched(id_: str, *, after_erasure: Any = None, title: str = "CFO") -> Event[Any]:
    """Return an event that the enricher emitted after the erasure."""
    event = event_of(enriched_lead(title=title), id_, at=LATER)
    return replace(event, after_erasure=after_erasure, raw=msgspec.json.encode(event.data))


async def test_an_event_of_a_role_that_had_not_read_the_erasure_is_not_recorded(ledger: Role):
    outcomes = await ledger.read(enriched("before"), ERASURE)
    assert outcomes == [Outcome.APPLIED, Outcome.APPLIED]
    assert await ledger.read(enriched("late")) == [Outcome.SUPERSEDED]
    assert await ledger.stored(EventRow, "subject", ANA) == []
    assert await ledger.stored(ViewRow, "lead_id", ANA) == []


async def test_the_new_contact_tells_of_an_erasure_that_was_not_read_yet(ledger: Role):
    await ledger.read(enriched("before", title="Old title"))
    assert await ledger.read(enriched("again", after_erasure=AT)) == [Outcome.APPLIED]
    assert [row.id for row in await ledger.stored(EventRow, "subject", ANA)] == ["again"]  # type: ignore[attr-defined]
    assert await ledger.read(ERASURE) == [Outcome.APPLIED]
    assert await ledger.read(enriched("stale")) == [Outcome.SUPERSEDED]
    recorded = await ledger.stored(EventRow, "id", "before", "again", "stale", "erasure")
    assert {row.id for row in recorded} == {"again", "erasure"}  # type: ignore[attr-defined]
    assert len(await ledger.stored(ViewRow, "lead_id", ANA)) == 1


class ListSink:
    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    async def send(self, out: Sequence[Outgoing]) -> Ack:
        self.sent += out
        return _acknowledged()

    async def close(self) -> None:
        return None


async def _acknowledged() -> None:
    return None


async def dead_letter(value: bytes, *, key: bytes | None = None, **headers: str) -> Event[Any]:
    """Return the dead letter of a record that was appended before the erasure and set aside after it."""
    sent_ms = int(BEFORE.timestamp() * 1000)
    topic = SIGNALS_RECEIVED if headers.pop("topic", "") == "signals" else LEADS_RECEIVED
    if appended := headers.pop("appended_at", None):
        assert appended == "later"
        sent_ms = int(LATER.timestamp() * 1000)
    record = Record(topic.name, 0, 7, key, value, [(n, v.encode()) for n, v in headers.items()], sent_ms)
    sink = ListSink()
    await DeadLetters(topic.keeper, sink, FixedClock(LATER)).publish([(record, DataError("?", kind="json"))])
    [out] = sink.sent
    return decode(Record(DEAD_LETTERS.name, 0, 0, out.key, out.value, out.headers, 0))


LATER_FORM = {"ce_type": "baton.lead.received.v1", "ce_time": LATER.isoformat()}


@pytest.mark.parametrize(
    ("value", "more", "stays"),
    [
        pytest.param("{", {"ce_subject": ANA}, False, id="by its subject"),
        pytest.param(json.dumps({"lead_id": ANA.upper()}), {}, False, id="by a lead id"),
        pytest.param('{"person": {"email": "Ana+x@Kestrel.example"', {}, False, id="by e-mail, no JSON"),
        pytest.param('{"x": "ana\\u0040kestrel.example"}', {}, False, id="by an escaped e-mail"),
        pytest.param('{"note": "call +49 30 901820"}', {}, False, id="by phone"),
        pytest.param(
            '{"person": {"phone": "030 901820", "country": "DE"}, "message": 7}', {}, False, id="by her phone"
        ),
        pytest.param('{"p": "https:\\/\\/de.linkedin.com\\/in\\/Ana-7"}', {}, False, id="by LinkedIn"),
        pytest.param("{", {"key": EMAIL}, False, id="by its key"),
        pytest.param(EMAIL, {"topic": "signals", "appended_at": "later"}, False, id="a later signal"),
        pytest.param(EMAIL, {"appended_at": "later"}, True, id="a later contact of an outside producer"),
        pytest.param(EMAIL, LATER_FORM, True, id="a later contact"),
        pytest.param(EMAIL, {**LATER_FORM, "ce_time": BEFORE.isoformat()}, False, id="a form under way"),
        pytest.param('{"person": {"email": "ben@kestrel.example"', {}, True, id="somebody else"),
        pytest.param("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), {}, True, id="nobody"),
    ],
)
async def test_a_dead_letter_that_arrives_after_the_erasure(
    ledger: Role, value: str, more: dict[str, str], stays: bool
):
    key = more.get("key", "").encode() or None
    letter = await dead_letter(value.encode(), key=key, **{n: v for n, v in more.items() if n != "key"})
    await ledger.read(ERASURE)
    assert await ledger.read(letter) == [Outcome.APPLIED if stays else Outcome.SUPERSEDED]
    assert bool(await ledger.stored(DeadLetterRow, "id", letter.data.id)) is stays


async def test_a_dead_letter_in_the_same_unit_as_the_erasure(ledger: Role):
    assert await ledger.read(ERASURE, await dead_letter(EMAIL.encode())) == [
        Outcome.APPLIED,
        Outcome.SUPERSEDED,
    ]


def outside_signal(offset: int) -> Event[Any]:
    """Return the signal of an outside producer without a key that gives the account by its name only."""
    details: dict[str, Any] = {"headline": "Ana Ruiz joins", "executive": {"mail": EMAIL}}
    signal = SignalReceivedV1("news", AT, SignalAccount(name="KESTREL"), details=details)
    value = msgspec.json.encode(signal)
    return decode(
        Record(SIGNALS_RECEIVED.name, 0, offset, None, value, [], int(LATER.timestamp() * 1000) + offset)
    )


@pytest.mark.parametrize("first", ["signal", "erasure"])
async def test_a_signal_that_names_the_account_only_by_name(
    first: str, ledger: Role, scorer: Role, database: Database
):
    for role in (ledger, scorer):
        for event in (ERASURE, outside_signal(1)) if first == "erasure" else (outside_signal(1), ERASURE):
            await role.read(event)
    async with database.read() as tx:
        for table, column in (("events", "data"), ("accounts", "signals")):
            held = " ".join(map(str, (await tx.execute(text(f"select {column} from {table}"))).scalars()))
            assert "joins" in held
            assert "Ruiz" not in held
            assert EMAIL not in held


async def test_a_plain_form_of_before_the_erasure_is_not_recorded(ledger: Role):
    form = LeadReceivedV1(person=Person(email=EMAIL, first_name="Ana"))
    value = msgspec.json.encode(form)

    def record(offset: int, at: Any) -> Event[Any]:
        return decode(Record(LEADS_RECEIVED.name, 0, offset, None, value, [], int(at.timestamp() * 1000)))

    await ledger.read(ERASURE)
    assert await ledger.read(record(1, BEFORE)) == [Outcome.SUPERSEDED]
    assert await ledger.read(record(2, LATER)) == [Outcome.APPLIED]
    assert len(await ledger.stored(EventRow, "subject", lead_id_of(f"email:{EMAIL}"))) == 1
