"""Scored leads and events about them, for the tests of whoever reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from shared.lead.derived import with_derived
from shared.lead.events.account_enriched import FoundContact
from shared.lead.events.envelope import Event
from shared.lead.events.lead_enriched import Enrichment
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Company, Consent, Origin, Person, Trigger
from shared.lead.events.registry import BY_MODEL
from shared.lead.events.scoring import AccountView, Score, ScoreLine, Signals
from shared.lead.ids import lead_id_of

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def lead_id(name: str) -> str:
    return lead_id_of(f"email:{name}@kestrel.example")


def scored_lead(
    name: str = "ana",
    *,
    revision: int = 1,
    sequence: int = 1,
    account: str | None = None,
    grade: str = "B3",
    person: Person | None = None,
    employees: int | None = 200,
    view: AccountView | None = None,
    strong: bool = False,
    opted_out: bool = False,
    answers: dict[str, Any] | None = None,
    trigger: str = "lead",
    message: str | None = "We lose two days a week to hand-made reports.",
    merged: Sequence[str] = (),
    news: Trigger | None = None,
    found: Sequence[FoundContact] = (),
) -> LeadScoredV1:
    """Return a lead that the built-in rules send to the SDRs, unless told otherwise.

    The last `news` are that the person asked for a demo.
    """
    lines = [ScoreLine("fit", "size", "company.employees", 60, "200 employees")]
    lead = LeadScoredV1(
        lead_id=lead_id(name),
        revision=revision,
        sequence=sequence,
        account=account or f"{name}.example",
        person=person or Person(email=f"{name}@kestrel.example", first_name="Ana", title="VP Sales"),
        company=Company(name="Kestrel", employees=employees),
        provenance={},
        enrichment=Enrichment("complete", 0, []),
        source=Origin(channel="website"),
        message=message,
        answers=answers or {},
        activities=[],
        consent=Consent(opted_out=opted_out),
        occurred_at=AT,
        trigger=Trigger(trigger, "cause-1", "demo_request"),  # type: ignore[arg-type]
        score=Score(60, 60, 40, grade, "mql", None, lines),
        signals=Signals(strong=strong),
        account_view=view or AccountView(market="core", market_validated=True),
        policy_version="scored-by",
        news=news or Trigger("lead", "cause-1", "demo_request"),
        merged=[lead_id(one) for one in merged],
        stakeholders_found=[*found],
    )
    return with_derived(lead)


def event_of(
    data: Struct, *, id_: str, subject: str = "", source: str = "/test", at: datetime = AT
) -> Event[Any]:
    """Return the event that carries `data`."""
    subject = subject or getattr(data, "lead_id", "") or ""
    return Event(
        id=id_,
        source=source,
        type=BY_MODEL[type(data)].name,
        subject=subject,
        time=at,
        data=data,
        raw=msgspec.json.encode(data),
        key=getattr(data, "account", ""),
    )


def scored_event(data: LeadScoredV1, *, after: timedelta = timedelta()) -> Event[Any]:
    return event_of(data, id_=f"{data.lead_id}-{data.sequence}", source="/baton/scorer", at=AT + after)
