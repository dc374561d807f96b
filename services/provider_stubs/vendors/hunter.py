"""Addresses in the shape of Hunter: `/v2/email-verifier?email=`, `/v2/email-finder?domain=&first_name=…`.

What an integration has to expect: an envelope of `data`, `meta` and `errors`, 202 for the first call about
some addresses, mail servers that accept every address, and 200 without an address where none was found.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from services.provider_stubs import vendor_records
from services.provider_stubs.mailbox import MailboxStatus, probe
from services.provider_stubs.vendor_records import Coverage, PersonRecord
from services.provider_stubs.vendors.vendor import (
    DomainParameters,
    EmailParameters,
    Vendor,
    VendorEndpoint,
    VendorReply,
)
from services.provider_stubs.world import World, WorldPerson, day_of
from shared.lead.normalise.domains import normalise_domain
from shared.lead.normalise.emails import Email, normalise_email

COVERAGE: Final = Coverage("hunter", companies=0, people=60, stale=0, slow=4)
PRICE_CENTS: Final = 1

_PHONE_CONFIDENCE_MIN: Final = 90
"""Of a person whom Hunter is less sure of it shows no telephone number."""
_ERRORS: Final = {
    400: ("wrong_params", "A parameter is missing or not valid."),
    401: ("authentication_failed", "No user found for the API key supplied"),
    403: ("too_many_requests", "You have reached the rate limit."),
    429: ("usage_exceeded", "You have reached your usage limit."),
}
_STATUSES: Final[dict[MailboxStatus, tuple[str, str, int]]] = {
    "exists": ("valid", "deliverable", 97),
    "absent": ("invalid", "undeliverable", 5),
    "accept_all": ("accept_all", "risky", 62),
    "no_answer": ("unknown", "risky", 30),
    "free": ("webmail", "risky", 70),
    "disposable": ("disposable", "risky", 10),
}
"""By what the mail server answers: Hunter's status, its deprecated `result`, its score from 0 to 100."""


class FinderParameters(DomainParameters):
    """A person by name at the company of a domain."""

    first_name: str = ""
    last_name: str = ""
    full_name: str = ""

    @property
    def first_and_last_name(self) -> tuple[str, str] | None:
        """The name, taken from `full_name` when it is not given in parts; None when a part is missing."""
        first, last = self.first_name, self.last_name
        if not (first and last):
            first, _, last = self.full_name.rpartition(" ")
        return (first, last) if first and last else None


def error(status: int) -> VendorReply:
    """Return Hunter's answer with an error status."""
    id_, details = _ERRORS.get(status, ("internal_error", "Something went wrong on our side."))
    return VendorReply(status, {"errors": [{"id": id_, "code": status, "details": details}]})


def verify(world: World, parameters: EmailParameters, _today: date) -> VendorReply:
    """Answer for `?email=`; every result is billed, a verification that still runs is not."""
    address = normalise_email(parameters.email)
    if address is None:
        return error(400)
    meta = {"params": {"email": parameters.email}}
    verdict = probe(world, address)
    found = world.person(address.address) is not None
    slow = found and vendor_records.is_slow(world, COVERAGE, address.identity)
    first = VendorReply(202, {"data": None, "meta": meta}) if slow else None
    body = {"data": verification_body(address, verdict), "meta": meta}
    return VendorReply(200, body, PRICE_CENTS, matched=verdict != "no_answer", first=first)


def find(world: World, parameters: FinderParameters, today: date) -> VendorReply:
    """Answer for `?domain=` with `first_name` and `last_name`, or `full_name`; only a find is billed."""
    domain = normalise_domain(parameters.domain)
    name = parameters.first_and_last_name
    if domain is None or name is None:
        return error(400)
    seen = _find(world, domain, name)
    first, last = name
    nobody: dict[str, Any] = {
        "first_name": first,
        "last_name": last,
        "email": None,
        "score": None,
        "sources": [],
    }
    data = found_body(seen, today) if seen else {**nobody, "domain": domain}
    params = {"first_name": first, "last_name": last, "full_name": None, "domain": domain, "company": None}
    return VendorReply(
        200, {"data": data, "meta": {"params": params}}, PRICE_CENTS if seen else 0, matched=seen is not None
    )


def _find(world: World, domain: str, name: tuple[str, str]) -> PersonRecord | None:
    company = world.find(domain)
    people = company.people if company else ()
    person = next((person for person in people if has_name(person, name)), None)
    return vendor_records.person_record(world, COVERAGE, person.email) if person else None


def has_name(person: WorldPerson, name: tuple[str, str]) -> bool:
    """Return whether a person has this first and last name, in any case."""
    return (person.first_name.casefold(), person.last_name.casefold()) == (
        name[0].casefold(),
        name[1].casefold(),
    )


def verification_body(address: Email, verdict: MailboxStatus) -> dict[str, Any]:
    """Return the `data` of a verification."""
    status, result, score = _STATUSES[verdict]
    answered = verdict != "no_answer"
    return {
        "status": status,
        "result": result,
        "_deprecation_notice": "Using result is deprecated, use status instead",
        "score": score,
        "email": address.address,
        "regexp": True,
        "gibberish": False,
        "disposable": verdict == "disposable",
        "webmail": verdict == "free",
        "mx_records": answered,
        "smtp_server": answered,
        "smtp_check": verdict in ("exists", "accept_all"),
        "accept_all": verdict == "accept_all",
        "block": not answered,
        "sources": [],
    }


def found_body(seen: PersonRecord, today: date) -> dict[str, Any]:
    """Return the `data` of a person that was found."""
    person, company = seen.person, seen.company
    return {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "score": seen.confidence,
        "domain": company.domain,
        "accept_all": company.mail == "catch_all",
        "position": person.title,
        "twitter": None,
        "linkedin_url": person.linkedin_url,
        "phone_number": person.phone if seen.confidence > _PHONE_CONFIDENCE_MIN else None,
        "company": company.name,
        "sources": [],
        "verification": {"date": str(day_of(today, seen.days_old)), "status": "valid"},
    }


HUNTER: Final = Vendor(
    name=COVERAGE.vendor,
    endpoints=(
        VendorEndpoint("/v2/email-verifier", EmailParameters, verify),
        VendorEndpoint("/v2/email-finder", FinderParameters, find),
    ),
    error=error,
    key_headers=("x-api-key", "authorization"),
    takes_key_parameter=True,
    limit_status=403,
)
