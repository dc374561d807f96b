"""What a vendor knows of the world: not all of it, some of it old, a little of it wrong. Pure.

Everything follows from the world's seed, the vendor's name and the domain: a vendor says the same every time.
"""

from __future__ import annotations

from random import Random
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from services.provider_stubs import golden, vocabulary
from services.provider_stubs.world import Company, Person, World, draws


class Coverage(Struct, frozen=True):
    """How much of the world a vendor knows, in per cent, and how much of that is less than it seems."""

    vendor: str
    companies: int
    people: int
    stale: int = 7
    wrong: int = 3
    slow: int = 0
    vague: int = 0


class SeenCompany(Struct, frozen=True):
    """A company as a vendor has it, `days_old`, and how sure the vendor is, in per cent."""

    company: Company
    days_old: int
    confidence: int


class SeenPerson(Struct, frozen=True):
    """A person as a vendor has them, `days_old`, with the company they are of."""

    person: Person
    company: Company
    days_old: int
    confidence: int


_FRESH_DAYS_MAX: Final = 90


def see_company(world: World, coverage: Coverage, domain: str) -> SeenCompany | None:
    """Return what a vendor knows of the company of a domain; `None` when that is nothing."""
    company = world.find(domain)
    if company is None or (coverage.vendor, company.domain) in golden.UNKNOWN_TO:
        return None
    draw = draws(world.seed, coverage.vendor, company.domain)
    if company.domain in golden.DOMAINS:
        return SeenCompany(company, draw.randint(1, _FRESH_DAYS_MAX), 95)
    if draw.randrange(100) >= coverage.companies:
        return None
    fate = draw.randrange(100)
    if fate < coverage.stale:
        return _stale(draw, company)
    if fate < coverage.stale + coverage.wrong:
        return _wrong(draw, company)
    return SeenCompany(company, draw.randint(1, _FRESH_DAYS_MAX), draw.randint(80, 99))


def see_person(world: World, coverage: Coverage, email: str) -> SeenPerson | None:
    """Return what a vendor knows of who has an address; an old record has the title before this one."""
    found = world.person(email)
    if found is None:
        return None
    company, person = found
    draw = draws(world.seed, coverage.vendor, person.email)
    if draw.randrange(100) >= coverage.people:
        return None
    if draw.randrange(100) < coverage.stale:
        earlier = replace(person, title=draw.choice(vocabulary.TITLES))
        return SeenPerson(earlier, company, draw.randint(400, 1_100), draw.randint(60, 80))
    return SeenPerson(person, company, draw.randint(1, _FRESH_DAYS_MAX), draw.randint(80, 99))


def is_slow(world: World, coverage: Coverage, subject: str) -> bool:
    """Whether a vendor has to look first and has an answer only when asked again."""
    return _is_one_of(world, coverage, subject, "slow", coverage.slow)


def is_vague(world: World, coverage: Coverage, domain: str) -> bool:
    """Whether a vendor knows the size of a company only as a range."""
    return _is_one_of(world, coverage, domain, "vague", coverage.vague)


def _is_one_of(world: World, coverage: Coverage, subject: str, trap: str, pct: int) -> bool:
    if subject.rpartition("@")[2] in golden.DOMAINS:
        return False
    return draws(world.seed, coverage.vendor, subject, trap).randrange(100) < pct


def _stale(draw: Random, company: Company) -> SeenCompany:
    """Return the company as it was: with fewer people, before its latest round."""
    before = replace(
        company,
        employees=max(1, company.employees * draw.randint(40, 75) // 100),
        funded_days_ago=None,
    )
    return SeenCompany(before, draw.randint(400, 1_100), draw.randint(70, 85))


def _wrong(draw: Random, company: Company) -> SeenCompany:
    """Return the company mixed up with another one: in its size, industry or country."""
    other = draw.choice(("employees", "industry", "country"))
    if other == "employees":
        mixed = replace(company, employees=company.employees * draw.randint(3, 9))
    elif other == "industry":
        mixed = replace(company, industry=_another(draw, list(vocabulary.INDUSTRIES), company.industry))
    else:
        mixed = replace(company, country=_another(draw, list(vocabulary.COUNTRIES), company.country))
    return SeenCompany(mixed, draw.randint(1, 300), draw.randint(20, 55))


def _another(draw: Random, words: list[str], word: str) -> str:
    return draw.choice([each for each in words if each != word])
