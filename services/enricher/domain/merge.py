"""What a form adds to a lead. Pure.

What the form says takes the place of what was known; what it does not say stays. Merging the same form
again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from services.enricher.domain.form import Form, company_account, stated
from services.enricher.domain.record import LeadRow
from shared.lead.derived import derive_fields, derived_of
from shared.lead.events.parts import (
    Activity,
    Answers,
    Company,
    Consent,
    DerivedFields,
    EventPart,
    FieldSource,
    Person,
    Provenance,
)
from shared.lead.normalise.domains import company_domain_of

ACTIVITIES_MAX: Final = 200
ANSWERS_MAX: Final = 200
LIST_MAX: Final = 500
HISTORY_BYTES_MAX: Final = 128 * 1024
"""Of activities, and again of answers: a record that grows over the years must still fit in an event."""

_FORM: Final = "form"
_sorted_json = msgspec.json.Encoder(order="sorted").encode

P = TypeVar("P", bound=EventPart)
T = TypeVar("T")


def account_of(lead: LeadRow) -> str:
    """Return the key of the account that the lead belongs to; its own id when there is none."""
    domain = lead.company.domain
    by_company = company_account(domain) if domain else ""
    return by_company or _email_company(derived_of(lead)) or lead.lead_id


def merge(lead: LeadRow, form: Form, at: datetime) -> LeadRow:
    """Return the lead with what a form of `at` adds to it; `revision` and `sequence` stay as they are."""
    told = form.told
    person = _person(lead.person, form)
    lead = _at_company(lead, told.company)
    company, given = _company(lead.company, told.company), form.given
    message = told.message or lead.message
    derived = derive_fields(person, company, message)
    if company.domain is None and (domain := _email_company(derived)):
        company, given = replace(company, domain=domain), (*given, "company.domain")
    return replace(
        lead,
        person=person,
        company=company,
        provenance=_provenance(lead, given, person, company, at),
        source=_overlaid(lead.source, told.source),
        message=message,
        answers=_answers(lead.answers, told.answers),
        activities=_activities(lead.activities, told.activities),
        consent=_consent(lead.consent, told.consent),
        first_at=min(lead.first_at or at, at),
        last_at=max(lead.last_at or at, at),
        derived=derived,
    )


def _overlaid(known: P, told: P) -> P:
    return replace(known, **stated(told))


def _person(known: Person, form: Form) -> Person:
    """Return what is known of the person; with a new title holds what follows from it, be it nothing."""
    told = stated(form.told.person)
    for name in form.unread:
        if getattr(known, name):
            told.pop(name, None)
    if "title" in told:
        told = {"seniority": None, "department": None} | told
    person = replace(known, **told)
    return person if person.email_kind else replace(person, email_kind="none")


def _company(known: Company, told: Company) -> Company:
    return replace(
        _overlaid(known, told),
        technologies=_joined(known.technologies, told.technologies),
        hiring=_joined(known.hiring, told.hiring),
    )


def _joined(known: Iterable[str], told: Iterable[str]) -> list[str]:
    return list(dict.fromkeys((*known, *told)))[-LIST_MAX:]


def _email_company(derived: DerivedFields) -> str | None:
    """Return the domain of the company that the lead's e-mail address is at, `None` for a mail service."""
    return company_domain_of(derived.email_domain) if derived.email_domain else None


def _at_company(lead: LeadRow, told: Company) -> LeadRow:
    """Forget what others than the person said about the company when it turns out to be another one."""
    if told.domain is None or lead.company.domain is None:
        return lead
    if company_account(told.domain) == company_account(lead.company.domain):
        return lead
    foreign = [
        name.removeprefix("company.")
        for name, origin in lead.provenance.items()
        if name.startswith("company.") and origin.source != _FORM
    ]
    nothing = Company()
    return replace(
        lead,
        company=replace(lead.company, **{name: getattr(nothing, name) for name in foreign}),
        provenance={
            name: origin
            for name, origin in lead.provenance.items()
            if name.removeprefix("company.") not in foreign
        },
    )


def _provenance(
    lead: LeadRow, given: Iterable[str], person: Person, company: Company, at: datetime
) -> Provenance:
    """Say of each field that the form gives that it was the form; the first time that it said so counts."""
    provenance = dict(lead.provenance)
    parts = {"person": (lead.person, person), "company": (lead.company, company)}
    origin = FieldSource(_FORM, 1.0, 0, at)
    for name in given:
        before = provenance.get(name)
        if before is not None and before.source == _FORM:
            part, _, field = name.partition(".")
            known, merged = parts[part]
            if getattr(known, field) == getattr(merged, field):
                continue
        provenance[name] = origin
    return provenance


def _answers(known: Answers, told: Answers) -> Answers:
    if not told:
        return known
    earlier = {name: answer for name, answer in known.items() if name not in told}
    items = (earlier | told).items()
    return dict(_newest([(item, _sorted_json(item)) for item in items])[-ANSWERS_MAX:])


def _activities(known: list[Activity], told: list[Activity]) -> list[Activity]:
    """Join activities, the same one counting once, in the order of time; the newest are kept."""
    if not told:
        return known
    distinct = {_sorted_json(activity): activity for activity in (*known, *told)}
    ordered = sorted(distinct.items(), key=lambda item: (item[1].at, item[0]))
    return _newest([(activity, text) for text, activity in ordered])[-ACTIVITIES_MAX:]


def _newest(items: Sequence[tuple[T, bytes]]) -> list[T]:
    """Return as many of the last items as may be kept, by their size as JSON."""
    left = HISTORY_BYTES_MAX
    newest: list[T] = []
    for item, text in reversed(items):
        left -= len(text)
        if left < 0:
            break
        newest.append(item)
    return newest[::-1]


def _consent(known: Consent, told: Consent) -> Consent:
    """Return what the person allows by now; a form that is silent about an opt-out does not undo it."""
    return Consent(
        marketing=known.marketing if told.marketing is None else told.marketing,
        opted_out=known.opted_out or told.opted_out,
        at=told.at or known.at,
        text=told.text or known.text,
    )
