"""What a form adds to a lead. Pure.

What the form says, brought to normal form, takes the place of what was known; what it does not say stays.
Merging the same form again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from services.enricher.domain.record import LeadRow
from shared.errors import DataError
from shared.events.lead_received import LeadReceivedV1
from shared.events.parts import Activity, Answer, Company, Consent, FieldSource, Origin, Part, Person
from shared.facts import company_name, country_code, department, person_name, seniority
from shared.identity import (
    Identity,
    account_key,
    identify,
    normalise_domain,
    normalise_email,
    normalise_linkedin,
    normalise_phone,
)

ACTIVITIES_MAX: Final = 200
ANSWERS_MAX: Final = 200
LIST_MAX: Final = 500
WORD_LENGTH_MAX: Final = 200
HISTORY_BYTES_MAX: Final = 128 * 1024
"""Of activities, and again of answers: a record that grows over the years must still fit in an event."""

_FORM: Final = "form"
_DERIVED: Final = frozenset({"email_kind", "seniority", "department"})
_sorted_json = msgspec.json.Encoder(order="sorted").encode

P = TypeVar("P", bound=Part)


def identity_of(received: LeadReceivedV1) -> Identity:
    """Return whose form this is. Raises `DataError` when it names nobody."""
    person, company = received.person, received.company
    identity = identify(person.email, person.phone, person.linkedin_url, company.domain, person.country)
    if identity is None:
        raise DataError("no e-mail, phone, LinkedIn URL or company domain that can be read", kind="identity")
    return identity


def account_of(lead: LeadRow) -> str:
    """Return the key of the account that the lead belongs to; its own id when there is none."""
    return account_key(lead.company.domain, lead.person.email, lead.lead_id)


def merge(lead: LeadRow, received: LeadReceivedV1, at: datetime) -> LeadRow:
    """Return the lead with what a form of `at` adds to it; `revision` and `sequence` stay as they are."""
    person = _person(lead.person, received)
    company = _company(lead, received, person)
    lead = _at_company(lead, company)
    return replace(
        lead,
        person=_overlaid(lead.person, person) if person.title is None else _retitled(lead.person, person),
        company=_with_lists(lead.company, _overlaid(lead.company, company)),
        provenance=_provenance(lead, received, person, company, at),
        source=_overlaid(lead.source, _origin(received.source)),
        message=_text(received.message) or lead.message,
        answers=_answers(lead.answers, received.answers),
        activities=_activities(lead.activities, received.activities),
        consent=_consent(lead.consent, received.consent),
        first_at=min(lead.first_at or at, at),
        last_at=max(lead.last_at or at, at),
    )


def stated(part: Part) -> dict[str, Any]:
    """Return the fields of a part that say something."""
    fields = ((name, getattr(part, name)) for name in part.__struct_fields__)
    return {name: value for name, value in fields if _says(value)}


def _says(value: object) -> bool:
    return (
        value is not None and value not in ("", [], {}) and not (isinstance(value, str) and value.isspace())
    )


def _text(text: str | None) -> str | None:
    return (text.strip() or None) if text else None


def _word(text: str | None) -> str | None:
    """Return a normal form that still fits its field: an IDN is longer in ASCII than as it was typed."""
    return text if text is not None and len(text) <= WORD_LENGTH_MAX else None


def _overlaid(known: P, told: P) -> P:
    return replace(known, **stated(told))


def _retitled(known: Person, told: Person) -> Person:
    """Let a new title hold, and with it what follows from it, be it nothing."""
    return replace(_overlaid(known, told), seniority=told.seniority, department=told.department)


def _person(known: Person, received: LeadReceivedV1) -> Person:
    """Return what a form says about the person. An unreadable phone is better than none."""
    told = received.person
    email = normalise_email(told.email)
    country = country_code(told.country)
    phone = normalise_phone(told.phone, country or country_code(received.company.country))
    return Person(
        email=_word(email.address) if email else None,
        email_kind=email.kind if email else known.email_kind or "none",
        email_status=told.email_status,
        first_name=person_name(told.first_name),
        last_name=person_name(told.last_name),
        title=_text(told.title),
        phone=phone or (None if known.phone else _text(told.phone)),
        linkedin_url=normalise_linkedin(told.linkedin_url)
        or (None if known.linkedin_url else _text(told.linkedin_url)),
        country=country,
        seniority=told.seniority or seniority(told.title),
        department=department(told.department) or department(told.title),
    )


def _company(lead: LeadRow, received: LeadReceivedV1, person: Person) -> Company:
    """Return what a form says about the company; without a word about it, an address at work names it."""
    told = received.company
    host = _word(normalise_domain(told.domain))
    domain = host if host and account_key(host, None, "") else None
    if domain is None and lead.company.domain is None:
        domain = account_key(None, person.email or lead.person.email, "") or None
    return replace(
        told,
        name=company_name(told.name),
        domain=domain,
        industry=_text(told.industry),
        country=country_code(told.country),
        parent=_text(told.parent),
    )


def _at_company(lead: LeadRow, told: Company) -> LeadRow:
    """Forget what others than the person said about the company when it turns out to be another one."""
    before, after = (account_key(part.domain, None, "") for part in (lead.company, told))
    if not before or not after or before == after:
        return lead
    foreign = {
        name
        for name, origin in lead.provenance.items()
        if name.startswith("company.") and origin.source != _FORM
    }
    nothing = Company()
    blank = {
        name.removeprefix("company."): getattr(nothing, name.removeprefix("company.")) for name in foreign
    }
    return replace(
        lead,
        company=replace(lead.company, **blank),
        provenance={name: origin for name, origin in lead.provenance.items() if name not in foreign},
    )


def _with_lists(known: Company, company: Company) -> Company:
    return replace(
        company,
        technologies=_joined(known.technologies, company.technologies),
        hiring=_joined(known.hiring, company.hiring),
    )


def _joined(known: Iterable[str], told: Iterable[str]) -> list[str]:
    return list(dict.fromkeys((*known, *told)))[-LIST_MAX:]


def _origin(told: Origin) -> Origin:
    return replace(told, channel=_text(told.channel), name=_text(told.name), campaign=_text(told.campaign))


def _provenance(
    lead: LeadRow, received: LeadReceivedV1, person: Person, company: Company, at: datetime
) -> dict[str, FieldSource]:
    """Say of each field that the form gives that it was the form; the first time it said so counts."""
    provenance = dict(lead.provenance)
    given = FieldSource(_FORM, 1.0, 0, at)
    for part, told, raw, known in (
        ("person", person, received.person, lead.person),
        ("company", company, received.company, lead.company),
    ):
        for field, value in stated(told).items():
            if field in _DERIVED and not _says(getattr(raw, field)):
                continue
            name = f"{part}.{field}"
            before = provenance.get(name)
            if before is None or before.source != _FORM or getattr(known, field) != value:
                provenance[name] = given
    return provenance


def _answers(known: Mapping[str, Answer], told: Mapping[str, Answer]) -> dict[str, Answer]:
    said = {name: answer for name, answer in told.items() if _says(answer)}
    earlier = {name: answer for name, answer in known.items() if name not in said}
    items = _newest(
        [((name, answer), _sorted_json([name, answer])) for name, answer in (earlier | said).items()]
    )
    return dict(items[-ANSWERS_MAX:])


def _activities(known: Iterable[Activity], told: Iterable[Activity]) -> list[Activity]:
    """Join activities, the same one counting once, in the order of time; the newest are kept."""
    distinct = {_sorted_json(activity): activity for activity in (*known, *told)}
    ordered = sorted(distinct.items(), key=lambda item: (item[1].at, item[0]))
    return _newest([(activity, text) for text, activity in ordered])[-ACTIVITIES_MAX:]


T = TypeVar("T")


def _newest(items: Iterable[tuple[T, bytes]]) -> list[T]:
    """Return as many of the last items as may be kept, by their size as JSON."""
    left, newest = HISTORY_BYTES_MAX, []
    for item, text in reversed(list(items)):
        left -= len(text) + 1
        if left < 0:
            break
        newest.append(item)
    return newest[::-1]


def _consent(known: Consent, told: Consent) -> Consent:
    """Return what the person allows by now; an opt-out stays until a person of ours takes it back."""
    marketing = known.marketing if told.marketing is None else told.marketing
    return Consent(
        marketing=marketing,
        opted_out=known.opted_out or told.opted_out,
        at=told.at or known.at,
        text=_text(told.text) or known.text,
    )
