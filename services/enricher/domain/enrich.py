"""What providers add to a lead: the best value of each field, and where it is from. Pure.

A value takes the place of another only when it is better: what a person said in a form stands before what
somebody else at the company entered, that before any provider; of providers, a value that is good enough by
the policy before one that is not, and then the surer one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from msgspec.structs import replace

from services.enricher.domain.providers import Answer, Gathered, acceptable, value_of, whom
from services.enricher.domain.record import LeadRow
from shared.lead.events.lead_enriched import Enrichment, EnrichmentStep
from shared.lead.events.parts import FieldSource
from shared.lead.normalise.titles import department, seniority
from shared.policy.models import Waterfall

Status = Literal["complete", "incomplete", "skipped"]

AGAIN_AFTER: Final = timedelta(seconds=15)
AGAIN_FOR: Final = timedelta(hours=6)
"""A lead that is incomplete for that long stays so until its next form."""

_RANKS: Final = {"form": 3, "human": 2, "crm": 2}
_ANY_TERMS: Final = Waterfall(order=("",))
_ONLY_MISSING: Final = frozenset({"company.domain", "company.name", "person.email"})
"""What names the lead or its company is never put in question by a provider."""


def known_origin(lead: LeadRow, name: str) -> tuple[bool, FieldSource | None]:
    """Return whether a field is known, and who gave it; nobody gave what follows from another field."""
    value = value_of(lead.person, lead.company, name)
    return bool(value) or value == 0, lead.provenance.get(name)


def enrich(lead: LeadRow, gathered: Gathered, at: datetime) -> LeadRow:
    """Return the lead with what the answers about it add, and how far the asking came."""
    used = answers_about(lead, gathered)
    lead = with_answers(lead, used, gathered.fields, at)
    steps = [_step(answer) for answer in used]
    status = _status(lead, gathered, used)
    return replace(lead, enrichment=Enrichment(status, sum([step.cost for step in steps]), steps))


def with_answers(
    lead: LeadRow, answers: Iterable[Answer], fields: Mapping[str, Waterfall], at: datetime
) -> LeadRow:
    """Return the lead with what answers about it add; `fields` are the terms under which they are taken."""
    for answer in answers:
        lead = _with_answer(lead, answer, fields, at)
    return lead


def look_again_at(lead: LeadRow, at: datetime) -> datetime | None:
    """Return when an incomplete lead is looked at again: soon for late answers, then ever more rarely."""
    if lead.enrichment.status != "incomplete" or lead.last_at is None:
        return None
    age = max(at - lead.last_at, timedelta(0))
    return None if age > AGAIN_FOR else at + max(age, AGAIN_AFTER)


def answers_about(lead: LeadRow, gathered: Gathered) -> list[Answer]:
    """Return the answers that are about this lead: its company may be another one by now."""
    if not gathered.answers:
        return []
    target = whom(lead.account, lead.lead_id, lead.person)
    return [answer for answer in gathered.answers if target.about(answer.subject) == answer.about]


def _status(lead: LeadRow, gathered: Gathered, used: Sequence[Answer]) -> Status:
    """Return `incomplete` while a question is open, `skipped` when none was asked and fields are missing."""
    if gathered.stop in ("budget", "deadline"):
        return "incomplete"
    if not used:
        known = (value_of(lead.person, lead.company, name) for name in gathered.fields)
        return "complete" if all(value or value == 0 for value in known) else "skipped"
    if gathered.stop in ("complete", "settled"):
        return "complete"
    return "complete" if all(answer.lasting for answer in used) else "incomplete"


def _step(answer: Answer) -> EnrichmentStep:
    outcome = "cached" if answer.lasting and not answer.bought else answer.outcome
    return EnrichmentStep(
        answer.provider, list(answer.asked), outcome, _cost(answer), answer.at, answer.detail
    )


def _cost(answer: Answer) -> int:
    return answer.cost if answer.bought else 0


def _with_answer(lead: LeadRow, answer: Answer, fields: Mapping[str, Waterfall], at: datetime) -> LeadRow:
    """Take over what is better than what is known; the price is shared out among it, so that it adds up."""
    better: dict[str, tuple[Any, float]] = {}
    for name, value, confidence in answer.found.values():
        origin = FieldSource(answer.provider, confidence, 0, answer.true_at)
        if (value or value == 0) and _is_better(lead, name, origin, fields.get(name, _ANY_TERMS), at):
            better[name] = (value, confidence)
    if not better:
        return lead
    share, rest = divmod(_cost(answer), len(better))
    origins = {
        name: FieldSource(answer.provider, confidence, share + (place < rest), answer.true_at)
        for place, (name, (_value, confidence)) in enumerate(better.items())
    }
    values = {name: value for name, (value, _confidence) in better.items()}
    return _with_values(lead, values, origins)


def _is_better(lead: LeadRow, name: str, origin: FieldSource, terms: Waterfall, at: datetime) -> bool:
    known, before = known_origin(lead, name)
    if not known:
        return True
    if before is None or name in _ONLY_MISSING:
        return False
    now, then = _quality(origin, terms, at), _quality(before, terms, at)
    return now > then or (now == then and origin.source == before.source and origin.at > before.at)


def _quality(origin: FieldSource, terms: Waterfall, at: datetime) -> tuple[int, bool, float]:
    return (_RANKS.get(origin.source, 1), acceptable(origin, terms, at), origin.confidence)


def _with_values(lead: LeadRow, values: dict[str, Any], origins: Mapping[str, FieldSource]) -> LeadRow:
    person = {name.removeprefix("person."): each for name, each in values.items() if name[:7] == "person."}
    company = {name.removeprefix("company."): each for name, each in values.items() if name[:8] == "company."}
    if "title" in person:
        person = _following(lead, person["title"]) | person
    return replace(
        lead,
        person=replace(lead.person, **person),
        company=replace(lead.company, **company),
        provenance={**lead.provenance, **origins},
    )


def _following(lead: LeadRow, title: str) -> dict[str, Any]:
    """Return what follows from a title, as far as nobody said it."""
    follows = {"seniority": seniority(title), "department": department(title)}
    return {name: value for name, value in follows.items() if f"person.{name}" not in lead.provenance}
