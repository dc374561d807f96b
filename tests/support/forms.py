"""Forms and leads in few words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.enricher.domain.form import Form, normalise_form
from services.enricher.domain.merge import merge
from services.enricher.domain.record import LeadRow
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, Person

AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ANA = "ana@brightloom.example"


def form(company: Company | None = None, *, email: str | None = ANA, **rest: Any) -> Form:
    """Return a form by Ana unless it says otherwise; names of `Person` go there."""
    person = {name: rest.pop(name) for name in list(rest) if name in Person.__struct_fields__}
    return normalise_form(
        LeadReceivedV1(person=Person(email=email, **person), company=company or Company(), **rest)
    )


def merged(*forms: Form) -> LeadRow:
    """Return the lead that these forms make, one after the other."""
    lead = LeadRow("lead")
    for next_form in forms:
        lead = merge(lead, next_form, AT)
    return lead
