"""The registry of event types: every event module registers one type, and what follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import Struct

from shared.lead.events import registry
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.parts import Company, Person
from shared.lead.events.registry import BY_MODEL, BY_NAME, DEFAULT_TYPE, EVENT_TYPES
from shared.lead.events.signal_received import SignalAccount, SignalPerson, SignalReceivedV1
from shared.lead.ids import lead_id_of
from tests.unit.ledger.conftest import AT

FOLDER = Path(registry.__file__).parent


def test_one_module_registers_one_type_and_is_named_for_it() -> None:
    modules = [file.stem for file in FOLDER.glob("*.py") if "\n@event(" in file.read_text()]
    assert sorted(modules) == sorted(event_type.short.replace(".", "_") for event_type in EVENT_TYPES)


def test_names_and_models_are_registered_once() -> None:
    assert len(BY_NAME) == len(BY_MODEL) == len(EVENT_TYPES)


def test_records_without_headers_have_a_type_on_the_topics_that_outside_producers_write() -> None:
    outside = {event_type.topic.name for event_type in EVENT_TYPES if "outside" in event_type.topic.writers}
    assert DEFAULT_TYPE.keys() == outside


ANA = lead_id_of("email:ana@kestrel.example")


@pytest.mark.parametrize(
    ("data", "subject"),
    [
        (LeadReceivedV1(person=Person(email="Ana@Kestrel.example")), ANA),
        (
            LeadReceivedV1(person=Person(phone="0151 23456789", country="Germany")),
            lead_id_of("phone:+4915123456789"),
        ),
        (LeadReceivedV1(company=Company(name="Kestrel")), ""),
        (OutcomeReceivedV1(type="won", at=AT, lead_id="lead-1", email="ana@kestrel.example"), "lead-1"),
        (OutcomeReceivedV1(type="won", at=AT, email="ana@kestrel.example"), ANA),
        (OutcomeReceivedV1(type="won", at=AT), ""),
        (ActionReceivedV1(lead_id="lead-1", type="accept"), "lead-1"),
        (
            SignalReceivedV1(type="news", occurred_at=AT, account=SignalAccount("www.kestrel.example")),
            "kestrel.example",
        ),
        (
            SignalReceivedV1(type="news", occurred_at=AT, account=SignalAccount(name="The KESTREL, GmbH")),
            lead_id_of("account-name:kestrel"),
        ),
        (SignalReceivedV1(type="news", occurred_at=AT, account=SignalAccount(name="---")), ""),
        (
            SignalReceivedV1(
                type="job_change",
                occurred_at=AT,
                account=SignalAccount("kestrel.example"),
                person=SignalPerson("ana@kestrel.example"),
            ),
            "kestrel.example",
        ),
        (
            SignalReceivedV1(type="job_change", occurred_at=AT, person=SignalPerson("ana@kestrel.example")),
            ANA,
        ),
        (
            SignalReceivedV1(
                type="activity",
                occurred_at=AT,
                account=SignalAccount("kestrel.example"),
                person=SignalPerson("ana@kestrel.example"),
            ),
            ANA,
        ),
        (AccountReceivedV1(domain="https://kestrel.example/about"), "kestrel.example"),
        (AccountReceivedV1(domain="no domain"), ""),
    ],
)
def test_the_subject_of_an_event_follows_from_its_data(data: Struct, subject: str) -> None:
    assert BY_MODEL[type(data)].subject_of(data) == subject
