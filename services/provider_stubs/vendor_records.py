"""A vendor's records of the world: incomplete, some out of date, a few wrong. Pure.

A record depends on the world's seed, the vendor's name and the domain or address only, so a vendor gives the
same answer every time.
"""

from __future__ import annotations

from random import Random
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from services.provider_stubs import golden, vocabulary
from services.provider_stubs.world import World, WorldCompany, WorldPerson, seeded_random
from shared.lead.normalise.emails import normalise_email


class Coverage(Struct, frozen=True):
    """How much of the world a vendor covers, in per cent, and the share of its records with a flaw.

    `stale` is out of date, `wrong` is mixed up with another company, `slow` is looked up in the background,
    `vague` has a range instead of a head count, `withheld` a person without contact data, `locked` one whose
    address is not shown.
    """

    vendor: str
    companies: int
    people: int
    stale: int = 7
    wrong: int = 3
    slow: int = 0
    vague: int = 0
    withheld: int = 0
    locked: int = 0


class CompanyRecord(Struct, frozen=True):
    """A vendor's record of a company, its age in days and its confidence in per cent."""

    company: WorldCompany
    days_old: int
    confidence: int


class PersonRecord(Struct, frozen=True):
    """A vendor's record of a person and their company, its age in days and its confidence in per cent."""

    person: WorldPerson
    company: WorldCompany
    days_old: int
    confidence: int


_FRESH_DAYS_MAX: Final = 90


def company_record(world: World, coverage: Coverage, domain: str) -> CompanyRecord | None:
    """Return a vendor's record of the company of a domain; None when it has none."""
    company = world.find(domain)
    if company is None or (coverage.vendor, company.domain) in golden.UNKNOWN_TO:
        return None
    draw = seeded_random(world.seed, coverage.vendor, company.domain)
    if company.domain in golden.DOMAINS:
        return CompanyRecord(company, draw.randint(1, _FRESH_DAYS_MAX), 95)
    if draw.randrange(100) >= coverage.companies:
        return None
    fate = draw.randrange(100)
    if fate < coverage.stale:
        return stale_record(draw, company)
    if fate < coverage.stale + coverage.wrong:
        return wrong_record(draw, company)
    return CompanyRecord(company, draw.randint(1, _FRESH_DAYS_MAX), draw.randint(80, 99))


def person_record(world: World, coverage: Coverage, email: str) -> PersonRecord | None:
    """Return a vendor's record of the owner of an address; a stale one has an earlier title.

    Some vendors know everybody at a golden company.
    """
    found = world.person(email)
    if found is None:
        address = normalise_email(email)
        company = world.find(address.domain) if address else None
        if address is None or company is None or company.domain not in golden.DOMAINS:
            return None
        if (
            coverage.vendor not in golden.KNOWS_EVERYBODY
            or (coverage.vendor, company.domain) in golden.UNKNOWN_TO
        ):
            return None
        return PersonRecord(golden.person_behind(address.identity), company, 30, 95)
    company, person = found
    draw = seeded_random(world.seed, coverage.vendor, person.email)
    if draw.randrange(100) >= coverage.people:
        return None
    if draw.randrange(100) < coverage.stale:
        earlier = replace(person, title=draw.choice(vocabulary.TITLES))
        return PersonRecord(earlier, company, draw.randint(400, 1_100), draw.randint(60, 80))
    return PersonRecord(person, company, draw.randint(1, _FRESH_DAYS_MAX), draw.randint(80, 99))


def is_slow(world: World, coverage: Coverage, subject: str) -> bool:
    """Return whether a vendor looks this subject up in the background, and answers the second call."""
    return _has_flaw(world, coverage, subject, "slow", coverage.slow)


def is_vague(world: World, coverage: Coverage, domain: str) -> bool:
    """Return whether a vendor knows the head count of a company as a range only."""
    return _has_flaw(world, coverage, domain, "vague", coverage.vague)


def withholds_contact(world: World, coverage: Coverage, email: str) -> bool:
    """Return whether a vendor says of this person's contact data only that it has some."""
    return _has_flaw(world, coverage, email, "withheld", coverage.withheld)


def hides_address(world: World, coverage: Coverage, email: str) -> bool:
    """Return whether a vendor does not show the address of this person."""
    return seeded_random(world.seed, coverage.vendor, email, "locked").randrange(100) < coverage.locked


def _has_flaw(world: World, coverage: Coverage, subject: str, flaw: str, pct: int) -> bool:
    if subject.rpartition("@")[2] in golden.DOMAINS:
        return False
    return seeded_random(world.seed, coverage.vendor, subject, flaw).randrange(100) < pct


def stale_record(draw: Random, company: WorldCompany) -> CompanyRecord:
    """Return the company as it was before: with fewer people and without its latest funding round."""
    before = replace(
        company,
        employees=max(1, company.employees * draw.randint(40, 75) // 100),
        funded_days_ago=None,
    )
    return CompanyRecord(before, draw.randint(400, 1_100), draw.randint(70, 85))


def wrong_record(draw: Random, company: WorldCompany) -> CompanyRecord:
    """Return the company with the head count, industry or country of another one."""
    other = draw.choice(("employees", "industry", "country"))
    if other == "employees":
        mixed = replace(company, employees=company.employees * draw.randint(3, 9))
    elif other == "industry":
        mixed = replace(company, industry=_another(draw, list(vocabulary.INDUSTRIES), company.industry))
    else:
        mixed = replace(company, country=_another(draw, list(vocabulary.COUNTRIES), company.country))
    return CompanyRecord(mixed, draw.randint(1, 300), draw.randint(20, 55))


def _another(draw: Random, words: list[str], word: str) -> str:
    return draw.choice([other for other in words if other != word])
