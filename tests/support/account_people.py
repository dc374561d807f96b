"""Answers of providers about the people of an account, for the tests of contact discovery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.enricher.domain.discovery import ContactQuestion, DiscoveryTerms
from services.enricher.domain.providers import LookupOutcome, ProviderAnswer, ProviderFacts
from shared.lead.buying_roles import BUYING_ROLES
from shared.lead.events.parts import Person
from tests.support.forms import AT

ACCOUNT = "targetworks.example"
INES = Person(
    first_name="Ines",
    last_name="Moreau",
    title="VP Finance",
    email=f"ines.moreau@{ACCOUNT}",
    email_status="verified",
    linkedin_url="https://www.linkedin.com/in/ines-moreau",
    phone="+33612345678",
)
TOM = Person(first_name="Tom", last_name="Berg", title="CTO")
TERMS = DiscoveryTerms(
    roles=BUYING_ROLES, per_account_cents=40, fresh=timedelta(days=90), prices={"apollo": 8, "hunter": 1}
)


def answer_of(
    question: ContactQuestion,
    *people: Person,
    outcome: LookupOutcome | None = None,
    cost: int | None = None,
    at: datetime = AT,
) -> ProviderAnswer:
    """Return the answer of a provider that names these people; without any it has no match."""
    return answered(question.provider, question.roles, people, outcome=outcome, cost=cost, at=at)


def answered(
    provider: str,
    roles: Sequence[str],
    people: Sequence[Person],
    *,
    outcome: LookupOutcome | None = None,
    cost: int | None = None,
    at: datetime = AT,
) -> ProviderAnswer:
    """Return the answer of a provider that was asked for these roles."""
    return ProviderAnswer(
        provider=provider,
        subject="contacts",
        about=ACCOUNT,
        outcome=outcome or ("match" if people else "no_match"),
        at=at,
        cost=cost if cost is not None else 8 if people else 0,
        requested=tuple(roles),
        contacts=tuple(ProviderFacts(person=one, confidence={"person.title": 0.8}) for one in people),
    )
