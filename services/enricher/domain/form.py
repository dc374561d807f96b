"""A form in normal form, and the identity of the lead that it is about. Pure.

This is the only place after intake where the texts of a form are parsed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import asdict, replace

from shared.errors import DataError
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, EventPart, Person
from shared.lead.identity import Identity, account_key, identify_contact
from shared.lead.normalise.answers import plain_answers
from shared.lead.normalise.countries import country_code
from shared.lead.normalise.domains import company_host, mail_company
from shared.lead.normalise.emails import Email, normalise_email
from shared.lead.normalise.industries import normalise_industry
from shared.lead.normalise.names import company_name, person_name
from shared.lead.normalise.titles import department, seniority

_WORD_LENGTH_MAX: Final = 200
_DERIVED: Final = frozenset({"email_kind", "seniority", "department"})
_CACHED_DOMAINS_MAX: Final = 32_768


class Form(Struct, frozen=True):
    """A form in normal form, without the fields that are empty.

    `given` are the dotted names of the fields that the form has itself (`person.email`), not those derived
    from others. `unparsed` are the fields of the person that have no normal form: they keep what was typed,
    because a seller may still make something of it.
    """

    normalised: LeadReceivedV1
    identity: Identity
    given: tuple[str, ...]
    unparsed: frozenset[str]


def normalise_form(received: LeadReceivedV1, also_shared: frozenset[str] = frozenset()) -> Form:
    """Return a form in normal form. Raises `DataError` when it identifies nobody.

    `also_shared` are hosts that the installation knows to be nobody's company.
    """
    email = normalise_email(received.person.email)
    if email and mail_company(email.domain, also_shared) != mail_company(email.domain):
        email = replace(email, kind="free")
    identity = _identify(received, email, also_shared)
    person = received.person
    phone = linkedin_url = None
    for identifier in identity.identifiers:  # parsing a phone number is slow, so it is not done twice
        kind, _, value = identifier.partition(":")
        if kind == "phone":
            phone = value
        elif kind == "linkedin":
            linkedin_url = value
    source_texts = {
        name: stripped(value) for name, value in stated(received.source).items() if isinstance(value, str)
    }
    normalised = replace(
        received,
        person=normalise_person(person, email, phone, linkedin_url),
        company=normalise_company(received.company, also_shared),
        source=replace(received.source, **source_texts),
        message=stripped(received.message),
        answers=plain_answers(
            {label: answer for label, answer in received.answers.items() if not is_blank(answer)}
        ),
    )
    given = [
        f"{part}.{name}"
        for part, typed, normal in (
            ("person", person, normalised.person),
            ("company", received.company, normalised.company),
        )
        for name in stated(normal)
        if name not in _DERIVED or getattr(typed, name)
    ]
    unparsed = [name for name, value in (("phone", phone), ("linkedin_url", linkedin_url)) if value is None]
    return Form(normalised, identity, tuple(given), frozenset(unparsed))


def identity_of(received: LeadReceivedV1) -> Identity:
    """Return the identity that a form gives. Raises `DataError` when it identifies nobody."""
    return _identify(received, normalise_email(received.person.email))


def stated(part: EventPart) -> dict[str, Any]:
    """Return the fields of a part that are not empty; zero and false are values."""
    return {name: value for name, value in asdict(part).items() if value or value == 0}


def stripped(text: str | None) -> str | None:
    """Return the text without surrounding white space, or `None` when nothing is left."""
    return (text.strip() or None) if text else None


@lru_cache(maxsize=_CACHED_DOMAINS_MAX)
def company_account(domain: str) -> str:
    """Return the account key of a company's domain; "" for a domain that cannot be a company's."""
    return account_key(domain, None, "")


def _identify(
    received: LeadReceivedV1, email: Email | None, also_shared: frozenset[str] = frozenset()
) -> Identity:
    identity = identify_contact(received.person, received.company, email, also_shared)
    if identity is None:
        raise DataError("no e-mail, phone, LinkedIn URL or company domain that can be read", kind="identity")
    return identity


def normalise_person(
    typed: Person, email: Email | None, phone: str | None, linkedin_url: str | None
) -> Person:
    """Return the person in normal form; without a parsed phone or URL, with what was typed."""
    return Person(
        email=_word(email.address) if email else None,
        email_kind=email.kind if email else None,
        email_status=typed.email_status,
        first_name=person_name(typed.first_name),
        last_name=person_name(typed.last_name),
        title=stripped(typed.title),
        phone=phone or stripped(typed.phone),
        linkedin_url=linkedin_url or stripped(typed.linkedin_url),
        country=country_code(typed.country),
        seniority=typed.seniority or seniority(typed.title),
        department=department(typed.department) or department(typed.title),
    )


def normalise_company(typed: Company, also_shared: frozenset[str] = frozenset()) -> Company:
    """Return the company in normal form; a domain that cannot be a company's is dropped."""
    return replace(
        typed,
        name=company_name(typed.name),
        domain=_word(company_host(typed.domain, also_shared)),
        industry=normalise_industry(typed.industry),
        country=country_code(typed.country),
        parent=stripped(typed.parent),
    )


def is_blank(answer: object) -> bool:
    """Return whether an answer says nothing; zero and false say something."""
    return answer is None or answer == [] or (isinstance(answer, str) and not answer.strip())


def _word(text: str | None) -> str | None:
    """Return the text if it fits its field: an IDN is longer in ASCII than as it was typed."""
    return text if text is not None and len(text) <= _WORD_LENGTH_MAX else None
