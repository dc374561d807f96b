"""What providers add to a lead, and what is worth asking them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from msgspec.structs import replace

from services.enricher.domain.form import stated
from services.enricher.domain.providers import Answer
from services.enricher.domain.record import LeadRow
from shared.events.lead_enriched import Enrichment, Step
from shared.events.parts import FieldSource

Status = Literal["complete", "incomplete", "skipped"]

WANTED: Final = ("employees", "industry", "country")
"""The fields of a company that are asked for when nobody has said them."""


def missing(lead: LeadRow) -> list[str]:
    """Return the names of the fields that are worth asking for."""
    known = stated(lead.company)
    return [f"company.{field}" for field in WANTED if field not in known]


def enrich(lead: LeadRow, answers: Sequence[Answer]) -> LeadRow:
    """Return the lead with what the answers about its account add, and how far the asking came."""
    wanted = missing(lead)
    used = [answer for answer in answers if wanted and answer.about == lead.account]
    steps = [_step(answer, wanted) for answer in used]
    for answer in used:
        lead = _filled(lead, answer)
    return replace(
        lead, enrichment=Enrichment(_status(wanted, used), sum(step.cost for step in steps), steps)
    )


def _status(wanted: Sequence[str], answers: Sequence[Answer]) -> Status:
    """Return `incomplete` while a question is open, `skipped` when none could be asked."""
    if wanted and not answers:
        return "skipped"
    return "complete" if all(answer.lasting for answer in answers) else "incomplete"


def _step(answer: Answer, wanted: list[str]) -> Step:
    outcome = "cached" if answer.lasting and not answer.bought else answer.outcome
    return Step(answer.provider, wanted, outcome, _cost(answer), answer.at, answer.detail)


def _cost(answer: Answer) -> int:
    return answer.cost if answer.bought else 0


def _filled(lead: LeadRow, answer: Answer) -> LeadRow:
    """Fill what nobody has said; the price is shared out among the fields, so that it adds up."""
    known = stated(lead.company)
    new = {field: value for field, value in stated(answer.company).items() if field not in known}
    if not new:
        return lead
    share, rest = divmod(_cost(answer), len(new))
    origins = {
        f"company.{field}": FieldSource(
            answer.provider, answer.confidence, share + (1 if place < rest else 0), answer.at
        )
        for place, field in enumerate(new)
    }
    return replace(lead, company=replace(lead.company, **new), provenance={**lead.provenance, **origins})
