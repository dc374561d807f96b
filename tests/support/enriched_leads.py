"""Enriched leads, signals and account facts, for the tests of whoever reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from shared.lead.derived import with_derived
from shared.lead.events.envelope import Event
from shared.lead.events.lead_enriched import Enrichment, LeadEnrichedV1
from shared.lead.events.parts import Activity, Company, Consent, Origin, Person, Trigger
from shared.lead.events.registry import BY_MODEL
from shared.lead.events.signal_received import SignalAccount, SignalPerson, SignalReceivedV1
from shared.lead.ids import lead_id_of

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)

FITTING = Company(
    name="Kestrel",
    domain="kestrel.example",
    employees=420,
    industry="software",
    country="US",
    revenue_usd=62_000_000,
    technologies=["Salesforce"],
)
"""Fit 85 with nothing known of the person, 100 with a VP."""


def lead_id(name: str, domain: str = "kestrel.example") -> str:
    return lead_id_of(f"email:{name}@{domain}")


def did(type_: str, ago: timedelta = timedelta(), **more: Any) -> Activity:
    """Return an activity of that long before `AT`."""
    return Activity(type=type_, at=AT - ago, **more)


def enriched_lead(
    name: str = "ana",
    *,
    revision: int = 1,
    sequence: int = 1,
    account: str = "kestrel.example",
    company: Company = FITTING,
    title: str | None = "VP Finance",
    activities: Sequence[Activity] = (),
    trigger: Trigger | None = None,
    **more: Any,
) -> LeadEnrichedV1:
    """Return the lead of a person of the account, with its derived fields as the enricher gives them."""
    parts: dict[str, Any] = {
        "lead_id": lead_id(name, account),
        "person": Person(email=f"{name}@{account}", title=title, email_kind="work"),
        "provenance": {},
        "enrichment": Enrichment("complete", 0, []),
        "source": Origin(channel="website"),
        "message": None,
        "answers": {},
        "consent": Consent(),
        "occurred_at": AT,
    }
    lead = LeadEnrichedV1(
        **parts | more,
        revision=revision,
        sequence=sequence,
        account=account,
        company=company,
        activities=list(activities),
        trigger=trigger,
    )
    return with_derived(lead)


def signal(
    type_: str = "funding_round",
    domain: str | None = "kestrel.example",
    *,
    email: str | None = None,
    ago: timedelta = timedelta(hours=1),
    name: str | None = None,
    **more: Any,
) -> SignalReceivedV1:
    """Return a signal of that long before `AT`."""
    return SignalReceivedV1(
        type=type_,  # type: ignore[arg-type]
        occurred_at=AT - ago,
        account=SignalAccount(domain=domain, name=name),
        person=SignalPerson(email=email) if email else None,
        **more,
    )


def event_of(data: Struct, id_: str = "", *, at: datetime = AT, causation_id: str = "") -> Event[Any]:
    """Return `data` as an event of some other role; a lead's has an id of its own for each sequence."""
    subject = getattr(data, "lead_id", None) or BY_MODEL[type(data)].subject_of(data)
    return Event(
        id=id_ or f"{subject}-{getattr(data, 'sequence', '')}",
        source="/baton/test",
        type=BY_MODEL[type(data)].name,
        subject=subject,
        time=at,
        data=data,
        raw=msgspec.json.encode(data),
        causation_id=causation_id,
    )
