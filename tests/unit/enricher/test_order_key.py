"""The key by which the enricher keeps the events of one person in order."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.enricher.bootstrap import order_key
from services.gateway.domain.arrival import SOURCE
from shared.lead.events.envelope import Event
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, Person
from shared.lead.ids import lead_id_of

AT = datetime(2026, 3, 1, tzinfo=UTC)
ANA = lead_id_of("email:ana@kestrel.example")


def received(
    person: Person, *, source: str, subject: str = "", company: Company | None = None
) -> Event[LeadReceivedV1]:
    data = LeadReceivedV1(person=person, company=company or Company())
    return Event(
        id="event-1",
        source=source,
        type="baton.lead.received.v1",
        subject=subject,
        time=AT,
        key="kestrel.example",
        data=data,
    )


def test_the_gateways_events_are_ordered_by_the_lead_id_that_it_has_worked_out():
    """The address is not parsed a second time: what stands in the body makes no difference."""
    event = received(Person(email="Ana+webinar@Kestrel.example"), source=SOURCE, subject=ANA)
    assert order_key(event) == ANA
    assert order_key(received(Person(), source=SOURCE, subject=ANA)) == ANA


@pytest.mark.parametrize("email", ["ana@kestrel.example", "Ana+webinar@Kestrel.example"])
def test_events_of_outside_producers_are_ordered_by_their_own_identifiers(email: str):
    """A subject that a producer chose says nothing about the person."""
    assert order_key(received(Person(email=email), source="/crm", subject="row 17")) == ANA


def test_an_event_that_names_nobody_is_ordered_by_itself():
    assert order_key(received(Person(), source="/crm")) == "event-1"
