"""Merges a form into a lead record. Pure.

What the form states replaces what was stored, and what it does not state stays. Merging the same form again
changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from services.enricher.domain.form import Form, company_account, stated
from services.enricher.domain.record import LeadRow
from shared.lead.bounds import WORDS_BYTES_MAX, newest_within
from shared.lead.derived import derive_fields, derived_of
from shared.lead.events.parts import (
    Activity,
    Answers,
    Company,
    Consent,
    DerivedFields,
    FieldSource,
    Origin,
    Person,
    Provenance,
)
from shared.lead.normalise.domains import domain_traits
from shared.lead.sameness import activity_identity

ACTIVITIES_MAX: Final = 200
ANSWERS_MAX: Final = 200
LIST_MAX: Final = 500

_FORM: Final = "form"
_sorted_json = msgspec.json.Encoder(order="sorted").encode

T = TypeVar("T")


def account_of(lead: LeadRow) -> str:
    """Return the key of the account that the lead belongs to; its own id when it has none."""
    domain = lead.company.domain
    by_company = company_account(domain) if domain else ""
    return by_company or _email_company(derived_of(lead)) or lead.lead_id


def merge(lead: LeadRow, form: Form, at: datetime) -> LeadRow:
    """Return the lead with a form that was sent at `at`; `revision` and `sequence` are not counted up."""
    received = form.normalised
    person = merge_person(lead.person, form)
    lead = without_former_company(lead, received.company)
    company, given = merge_company(lead.company, received.company), form.given
    message = received.message or lead.message
    derived = derive_fields(person, company, message)
    if company.domain is None and (domain := _email_company(derived)):
        company, given = replace(company, domain=domain), (*given, "company.domain")
    return replace(
        lead,
        person=person,
        company=company,
        provenance=merge_provenance(lead, given, person, company, at),
        source=merge_source(lead.source, received.source),
        message=message,
        answers=merge_answers(lead.answers, received.answers),
        activities=merge_activities(lead.activities, received.activities),
        consent=merge_consent(lead.consent, received.consent),
        first_at=min(lead.first_at or at, at),
        last_at=max(lead.last_at or at, at),
        derived=derived,
    )


def merge_person(stored: Person, form: Form) -> Person:
    """Return the person of both. A new title brings its own seniority and department, even if it has none.

    A phone number or URL that could not be parsed does not replace one that could.
    """
    changes = stated(form.normalised.person)
    for name in form.unparsed:
        if getattr(stored, name):
            changes.pop(name, None)
    if "title" in changes:
        changes = {"seniority": None, "department": None} | changes
    person = replace(stored, **changes)
    return person if person.email_kind else replace(person, email_kind="none")


def merge_company(stored: Company, received: Company) -> Company:
    """Return the company of both; technologies and hiring are collected, the newest are kept."""
    return replace(
        replace(stored, **stated(received)),
        technologies=newest_words((*stored.technologies, *received.technologies)),
        hiring=newest_words((*stored.hiring, *received.hiring)),
    )


def merge_source(stored: Origin, received: Origin) -> Origin:
    """Return the source of the newer form, with what it does not say from the older one."""
    merged = replace(stored, **stated(received))
    utm = newest_within([(item, _sorted_json(item)) for item in merged.utm.items()], WORDS_BYTES_MAX)
    return replace(merged, utm=dict(utm))


def _email_company(derived: DerivedFields) -> str | None:
    """Return the domain of the company that the lead's e-mail address is at, `None` for a mail service."""
    return domain_traits(derived.email_domain).company if derived.email_domain else None


def without_former_company(lead: LeadRow, received: Company) -> LeadRow:
    """Return the lead as known at the company of a form.

    When that is another company than before, what providers and others said of the old one is removed.
    """
    if received.domain is None or lead.company.domain is None:
        return lead
    if company_account(received.domain) == company_account(lead.company.domain):
        return lead
    outdated = {
        name
        for name, origin in lead.provenance.items()
        if name.startswith("company.") and origin.source != _FORM
    }
    empty = Company()
    fields = (name.removeprefix("company.") for name in outdated)
    return replace(
        lead,
        company=replace(lead.company, **{name: getattr(empty, name) for name in fields}),
        provenance={name: origin for name, origin in lead.provenance.items() if name not in outdated},
    )


def merge_provenance(
    lead: LeadRow, given: Iterable[str], person: Person, company: Company, at: datetime
) -> Provenance:
    """Return the provenance with the form as source of the given fields.

    A value that a form gave before and that is unchanged keeps its first time.
    """
    provenance = dict(lead.provenance)
    parts = {"person": (lead.person, person), "company": (lead.company, company)}
    origin = FieldSource(_FORM, 1.0, 0, at)
    for name in given:
        before = provenance.get(name)
        if before is not None and before.source == _FORM:
            part, _, field = name.partition(".")
            stored, merged = parts[part]
            if getattr(stored, field) == getattr(merged, field):
                continue
        provenance[name] = origin
    return provenance


def merge_answers(stored: Answers, received: Answers) -> Answers:
    """Return the answers of both; those of the newer form come last, and the last are kept."""
    if not received:
        return stored
    earlier = {name: answer for name, answer in stored.items() if name not in received}
    items = (earlier | received).items()
    return dict(newest_within([(item, _sorted_json(item)) for item in items])[-ANSWERS_MAX:])


def merge_activities(stored: list[Activity], received: list[Activity]) -> list[Activity]:
    """Return distinct activities in the order of time; the newest are kept."""
    if not received:
        return stored
    ordered = [(activity, _sorted_json(activity)) for activity in (*stored, *received)]
    ordered.sort(key=lambda item: (item[0].at, item[1]))
    distinct: dict[tuple[datetime, str, str, bytes], tuple[Activity, bytes]] = {}
    for activity, text in ordered:
        distinct.setdefault(activity_identity(activity), (activity, text))
    return newest_within(list(distinct.values()))[-ACTIVITIES_MAX:]


def newest_words(words: Iterable[str]) -> list[str]:
    """Return distinct words, the last ones of those that fit into the bounds of a record."""
    return newest_within([(word, _sorted_json(word)) for word in dict.fromkeys(words)], WORDS_BYTES_MAX)[
        -LIST_MAX:
    ]


def merge_consent(stored: Consent, received: Consent) -> Consent:
    """Return what the person allows; a form that does not mention an opt-out does not undo it."""
    return Consent(
        marketing=stored.marketing if received.marketing is None else received.marketing,
        opted_out=stored.opted_out or received.opted_out,
        at=received.at or stored.at,
        text=received.text or stored.text,
    )
