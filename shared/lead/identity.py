"""Which lead and which account a set of contact details belongs to.

Both are pure functions: the same person spelled in two ways gets the same lead id, on every machine and in
every replay.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from shared.lead.events.parts import Company, Person
from shared.lead.ids import lead_id_of
from shared.lead.normalise.domains import company_domain, mail_company
from shared.lead.normalise.emails import Email, normalise_email
from shared.lead.normalise.linkedin import normalise_linkedin
from shared.lead.normalise.phones import normalise_phone

IdentityKind = Literal["email", "phone", "linkedin", "domain"]


class Identity(Struct, frozen=True):
    """A lead id with the identifiers that it can be found by.

    `identifiers` are texts such as `phone:+4930123456`; the first one determines the id, and `kind` is its
    kind.
    """

    lead_id: str
    kind: IdentityKind
    identifiers: tuple[str, ...]


def identify(
    email: str | Email | None = None,
    phone: str | None = None,
    linkedin_url: str | None = None,
    domain: str | None = None,
    *countries: str | None,
) -> Identity | None:
    """Return the identity given by contact details, `None` when none of them can be read.

    The first readable one in the order of the parameters determines the lead id. An address that was parsed
    before is passed as `Email`. `countries` (names or codes, the likeliest first) are for phone numbers in
    national form. A domain is used only when there is nothing else, and only a company's: it then stands for
    the account lead of the company.
    """
    found: dict[IdentityKind, str] = {}
    address = email if isinstance(email, Email) else normalise_email(email)
    if address is not None:
        found["email"] = address.identity
    if phone and (number := normalise_phone(phone, *countries)):
        found["phone"] = number
    if linkedin_url and (profile := normalise_linkedin(linkedin_url)):
        found["linkedin"] = profile
    if not found:
        company = company_domain(domain)
        if company is None:
            return None
        found["domain"] = company
    identifiers = tuple([f"{kind}:{value}" for kind, value in found.items()])
    return Identity(lead_id_of(identifiers[0]), next(iter(found)), identifiers)


def identify_contact(
    person: Person, company: Company, email: Email | None = None, also_shared: frozenset[str] = frozenset()
) -> Identity | None:
    """Return the identity that a form gives, `None` when it identifies nobody.

    The gateway and the enricher both call this, so that they agree. A number in national form is read in the
    person's country, else in the company's. `email` is the person's address where it is parsed already,
    `also_shared` are hosts that the installation knows to be nobody's company.
    """
    identity = identify(
        email or person.email,
        person.phone,
        person.linkedin_url,
        company.domain,
        person.country,
        company.country,
    )
    if identity and identity.kind == "domain" and company_domain(company.domain, also_shared) is None:
        return None
    return identity


def account_key(
    website: str | None, email: str | Email | None, lead_id: str, also_shared: frozenset[str] = frozenset()
) -> str:
    """Return the key of the account that a lead belongs to.

    It is the registrable domain of the company's website, else that of the e-mail address, else the lead id.
    A host that gives pages or mailboxes to anybody is no company's: one of Baton's list, or of `also_shared`.
    """
    key = company_domain(website, also_shared) if website else None
    if key is None:
        address = email if isinstance(email, Email) else normalise_email(email)
        key = None if address is None else mail_company(address.domain, also_shared)
    return key or lead_id
