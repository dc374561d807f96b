"""A form as the enricher reads it: whose it is, and what it says in normal form. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import asdict, replace

from shared.errors import DataError
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Answers, Company, EventPart, Origin, Person
from shared.lead.identity import Identity, account_key, identify
from shared.lead.normalise.countries import country_code
from shared.lead.normalise.domains import normalise_domain
from shared.lead.normalise.emails import Email, normalise_email
from shared.lead.normalise.linkedin import normalise_linkedin
from shared.lead.normalise.names import company_name, person_name
from shared.lead.normalise.phones import normalise_phone
from shared.lead.normalise.titles import department, seniority

_WORD_LENGTH_MAX: Final = 200
_DERIVED: Final = frozenset({"email_kind", "seniority", "department"})
_KEYS_MAX: Final = 32_768


class Form(Struct, frozen=True):
    """`told` is the form in normal form; what says nothing is not in it.

    `given` names the fields that came with it (`person.email`), as against those that follow from them;
    `unread` those of the person that have no normal form: they stand as typed, which is better than nothing.
    """

    told: LeadReceivedV1
    identity: Identity
    given: tuple[str, ...]
    unread: frozenset[str]


def read_form(received: LeadReceivedV1) -> Form:
    """Return what a form says. Raises `DataError` when it names nobody."""
    email = normalise_email(received.person.email)
    identity = _identity(received, email)
    phone, linkedin_url = _phone(received, identity), normalise_linkedin(received.person.linkedin_url)
    person = _person(received.person, email, phone, linkedin_url)
    company = _company(received.company)
    told = replace(
        received,
        person=person,
        company=company,
        source=_origin(received.source),
        message=stripped(received.message),
        answers=_answers(received.answers),
    )
    given = (*_given("person", received.person, person), *_given("company", received.company, company))
    read = {"phone": phone, "linkedin_url": linkedin_url}
    return Form(told, identity, given, frozenset(name for name, normal in read.items() if normal is None))


def identity_of(received: LeadReceivedV1) -> Identity:
    """Return whose form this is. Raises `DataError` when it names nobody."""
    return _identity(received, normalise_email(received.person.email))


def _identity(received: LeadReceivedV1, email: Email | None) -> Identity:
    person, company = received.person, received.company
    identity = identify(email, person.phone, person.linkedin_url, company.domain, person.country)
    if identity is None:
        raise DataError("no e-mail, phone, LinkedIn URL or company domain that can be read", kind="identity")
    return identity


def stated(part: EventPart) -> dict[str, Any]:
    """Return the fields of a part that say something."""
    return {name: value for name, value in asdict(part).items() if value or value == 0}


def stripped(text: str | None) -> str | None:
    """Return the text without the space around it, or `None` when there is none."""
    return (text.strip() or None) if text else None


@lru_cache(maxsize=_KEYS_MAX)
def company_account(domain: str) -> str:
    """Return the account key of a company's domain; "" for a domain that cannot be a company's."""
    return account_key(domain, None, "")


def _phone(received: LeadReceivedV1, identity: Identity) -> str | None:
    """Return the number in E.164. It is slow to read, so what the identity has read already is taken."""
    if not received.person.phone:
        return None
    read = (name.removeprefix("phone:") for name in identity.identifiers if name.startswith("phone:"))
    country = country_code(received.person.country) or country_code(received.company.country)
    return next(read, None) or normalise_phone(received.person.phone, country)


def _person(told: Person, email: Email | None, phone: str | None, linkedin_url: str | None) -> Person:
    """Return what a form says about the person; an unreadable number or URL stands as it was typed."""
    return Person(
        email=_word(email.address) if email else None,
        email_kind=email.kind if email else None,
        email_status=told.email_status,
        first_name=person_name(told.first_name),
        last_name=person_name(told.last_name),
        title=stripped(told.title),
        phone=phone or stripped(told.phone),
        linkedin_url=linkedin_url or stripped(told.linkedin_url),
        country=country_code(told.country),
        seniority=told.seniority or seniority(told.title),
        department=department(told.department) or department(told.title),
    )


def _company(told: Company) -> Company:
    host = _word(normalise_domain(told.domain))
    return replace(
        told,
        name=company_name(told.name),
        domain=host if host and company_account(host) else None,
        industry=stripped(told.industry),
        country=country_code(told.country),
        parent=stripped(told.parent),
    )


def _origin(told: Origin) -> Origin:
    words = {name: stripped(value) for name, value in stated(told).items() if isinstance(value, str)}
    return replace(told, **words)


def _answers(told: Answers) -> Answers:
    return {name: answer for name, answer in told.items() if not _is_blank(answer)}


def _is_blank(answer: object) -> bool:
    return answer is None or answer == [] or (isinstance(answer, str) and not answer.strip())


def _given(part: str, received: EventPart, told: EventPart) -> list[str]:
    return [f"{part}.{name}" for name in stated(told) if name not in _DERIVED or getattr(received, name)]


def _word(text: str | None) -> str | None:
    """Return a normal form that still fits its field: an IDN is longer in ASCII than as it was typed."""
    return text if text is not None and len(text) <= _WORD_LENGTH_MAX else None
