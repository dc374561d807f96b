"""The contact details of a lead are parsed once at intake and once at the merge, and never again."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import msgspec

from services.enricher.domain.providers import LookupResult
from services.enricher.handlers import EnricherHandler
from services.gateway.domain.arrival import Arrival
from services.gateway.domain.leads import receive_lead
from services.router.handlers import RouterHandler
from services.router.policy import routing_policy_of
from services.scorer.handlers import ScorerHandler
from shared.lead.events.envelope import Event, decode, emitted, encode
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, Person
from shared.lead.normalise.countries import country_code
from shared.lead.normalise.emails import normalise_email
from shared.lead.normalise.linkedin import normalise_linkedin
from shared.lead.normalise.phones import normalise_phone
from shared.lead.normalise.spam import spam_score
from shared.lead.normalise.titles import department, seniority
from shared.messaging.port import Record
from shared.storage.rows import IdentityMap
from shared.worker.handler import Handler
from tests.support.scoring_policies import default_compiled, default_scoring

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PARSERS = {
    parser.__code__: parser.__name__
    for parser in (
        country_code,
        department,
        normalise_email,
        normalise_linkedin,
        normalise_phone,
        seniority,
        spam_score,
    )
}
FORM = LeadReceivedV1(
    event_id="form-1",
    person=Person(
        email="Ana.Reyes+demo@Kestrel.example",
        first_name="Ana",
        last_name="Reyes",
        title="VP Sales",
        phone="+1 415 555 0132",
        linkedin_url="linkedin.com/in/ana-reyes",
        country="United States",
    ),
    company=Company(name="Kestrel Inc.", employees=420, country="US"),
    message="We lose leads between the form and the rep.",
)


class NoProviders:
    """A look-up that finds nothing."""

    async def look_up(self, form: object, sent_at: datetime) -> LookupResult:
        del form
        return LookupResult()

    async def refresh(self, lead_id: str) -> LookupResult:
        del lead_id
        return LookupResult()


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the calls of each parser in this thread."""
    calls: Counter[str] = Counter()

    def on_event(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code in PARSERS:
            calls[PARSERS[frame.f_code]] += 1

    before = sys.getprofile()
    sys.setprofile(on_event)
    try:
        yield calls
    finally:
        sys.setprofile(before)


async def handled(handler: Handler, event: Event[Any]) -> Event[Any]:
    """Return the first event that a role emits for this one, as its reader gets it from the stream."""
    prepared = await handler.prepare(event)
    step = handler.decide(IdentityMap(), prepared, AT)
    out = encode(emitted(step.emits[0], by=handler.role, cause=prepared, ordinal=0, at=AT))
    return decode(Record(out.topic, 0, 0, out.key, out.value, list(out.headers), int(AT.timestamp() * 1000)))


async def test_an_email_address_is_parsed_once_at_intake_and_once_at_the_merge() -> None:
    arrival = Arrival(AT, bytes, traceparent="")
    with counted() as intake:
        received = receive_lead(FORM, msgspec.json.encode(FORM), arrival).event
    with counted() as merge:
        enriched = await handled(EnricherHandler(NoProviders()), received)
    with counted() as downstream:
        scored = await handled(ScorerHandler(default_scoring()), enriched)
        routed = await handled(RouterHandler(routing_policy_of(default_compiled())), scored)
    assert (intake["normalise_email"], merge["normalise_email"]) == (1, 1)
    assert (merge["normalise_phone"], merge["normalise_linkedin"]) == (1, 1)
    assert merge["spam_score"] == 1
    assert downstream == {}
    assert (routed.data.person.email, routed.data.person.seniority) == (
        "ana.reyes+demo@kestrel.example",
        "vp",
    )


async def test_the_derived_fields_travel_with_the_lead() -> None:
    received = receive_lead(FORM, msgspec.json.encode(FORM), Arrival(AT, bytes, traceparent="")).event
    enriched = await handled(EnricherHandler(NoProviders()), received)
    scored = await handled(ScorerHandler(default_scoring()), enriched)
    derived = scored.data.derived
    assert (derived.email_domain, derived.company_key, derived.spam_score) == (
        "kestrel.example",
        "kestrel",
        0,
    )
    assert derived.email_lead_id == enriched.subject
    assert enriched.data.derived == derived
