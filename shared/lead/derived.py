"""The fields of a lead record that follow from others: derived once, at the merge, and carried by its events.

Records and events that were written before `derived` existed lack it. `with_derived` is the one place that
makes up for that, so whoever reads a lead finds it the same, old or new.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar, cast

from msgspec.structs import replace

from shared.lead.events.parts import Company, DerivedFields, Origin, Person
from shared.lead.ids import lead_id_of
from shared.lead.normalise.emails import stored_email
from shared.lead.normalise.names import company_key
from shared.lead.normalise.spam import spam_score
from shared.lead.normalise.titles import department, seniority


class LeadRecord(Protocol):
    """A merged lead: the enricher's row, or an event that carries it. Its contact details are normalised."""

    @property
    def person(self) -> Person: ...
    @property
    def company(self) -> Company: ...
    @property
    def message(self) -> str | None: ...
    @property
    def source(self) -> Origin: ...
    @property
    def derived(self) -> DerivedFields | None: ...


R = TypeVar("R", bound=LeadRecord)


def derive_fields(
    person: Person, company: Company, message: str | None, source: Origin, *, email_is_found: bool = False
) -> DerivedFields:
    """Return what follows from a person, a company and a message in normal form, and from their source.

    An address that a provider found (`email_is_found`) is the lead's, but gives no lead id.

    Only a machine fills in a field that people do not see, so such a form is spam.
    """
    email = stored_email(person.email)
    return DerivedFields(
        email_domain=email.domain if email else None,
        email_lead_id=lead_id_of(f"email:{email.identity}") if email and not email_is_found else None,
        company_key=company_key(company.name),
        spam_score=100 if source.honeypot else spam_score(message, person.first_name, person.last_name).score,
    )


def derived_of(lead: LeadRecord) -> DerivedFields:
    """Return the derived fields of a lead, also of an old one that does not carry them."""
    return lead.derived or derive_fields(lead.person, lead.company, lead.message, lead.source)


def with_derived(lead: R) -> R:
    """Return the lead with its derived fields, its seniority and its department.

    The merge gives all of them, so a lead that carries `derived` is returned as it is.
    """
    if lead.derived is not None:
        return lead
    person = lead.person
    if person.title:
        person = replace(
            person,
            seniority=person.seniority or seniority(person.title),
            department=person.department or department(person.title),
        )
    return cast("R", replace(cast("Any", lead), person=person, derived=derived_of(lead)))
