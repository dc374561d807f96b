"""The stub world: the true companies and people, of which every stub vendor knows a part. Pure.

A world is generated from its seed alone. Events are kept as their age in days, so that a policy's
`within: 365d` is true for the same companies on every day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import islice
from random import Random
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from services.provider_stubs import vocabulary
from shared.lead.normalise.domains import registrable_domain
from shared.lead.normalise.emails import normalise_email

SEED: Final = 20_240_601
COMPANIES: Final = 400
PEOPLE_MIN: Final = 2
PEOPLE_MAX: Final = 12

Mail = Literal["exact", "catch_all", "silent"]
T = TypeVar("T")


class WorldPerson(Struct, frozen=True):
    """Somebody who works at a company. `phone` is in E.164."""

    first_name: str
    last_name: str
    title: str
    email: str
    phone: str
    linkedin_url: str


class WorldCompany(Struct, frozen=True):
    """What is true of a company. Money is whole US dollars, `country` ISO 3166 alpha-2.

    `mail` is how its mail server answers whether an address exists: as it is, always yes, or never.
    """

    domain: str
    name: str
    employees: int
    industry: str
    country: str
    revenue_usd: int
    funding_total_usd: int = 0
    funded_days_ago: int | None = None
    growth_pct: int = 0
    technologies: tuple[str, ...] = ()
    hiring: tuple[str, ...] = ()
    parent: str | None = None
    mail: Mail = "exact"
    people: tuple[WorldPerson, ...] = ()


@dataclass(frozen=True)
class World:
    """Companies by domain."""

    seed: int
    companies: Mapping[str, WorldCompany]

    def find(self, domain: str) -> WorldCompany | None:
        """Return the company of a domain or of one of its subdomains."""
        return self.companies.get(registrable_domain(domain) or "")

    def domains(self, limit: int) -> Sequence[str]:
        """Return the first `limit` domains of the world, the fixed ones before the others."""
        return list(islice(self.companies, limit))

    def person(self, email: str) -> tuple[WorldCompany, WorldPerson] | None:
        """Return the owner of an address in any spelling, with their company."""
        address = normalise_email(email)
        return None if address is None else self._people.get(address.identity)

    def named(self, name: str) -> WorldCompany | None:
        """Return the company of a name, in any case."""
        return self._names.get(name.casefold())

    @cached_property
    def _names(self) -> Mapping[str, WorldCompany]:
        return {company.name.casefold(): company for company in self.companies.values()}

    @cached_property
    def profiles(self) -> Mapping[str, WorldPerson]:
        """The people of the world by their LinkedIn profile."""
        return {
            person.linkedin_url: person for company in self.companies.values() for person in company.people
        }

    @cached_property
    def _people(self) -> Mapping[str, tuple[WorldCompany, WorldPerson]]:
        return {
            person.email: (company, person)
            for company in self.companies.values()
            for person in company.people
        }


def seeded_random(*names: object) -> Random:
    """Return a generator whose numbers depend on these names only."""
    return Random("/".join(map(str, names)))


def day_of(today: date, days_ago: int | None) -> date | None:
    """Return the day so many days ago."""
    return None if days_ago is None else today - timedelta(days=days_ago)


def truth(company: WorldCompany, today: date) -> dict[str, Any]:
    """Return what is true of a company on this day, as JSON values."""
    facts: dict[str, Any] = msgspec.to_builtins(company)
    funded = day_of(today, facts.pop("funded_days_ago"))
    return {**facts, "last_funding_at": funded and f"{funded.isoformat()}T00:00:00Z"}


def generate(seed: int, fixed: Sequence[WorldCompany] = ()) -> World:
    """Return the world of a seed. The companies in `fixed` are in it as they are, but for their people."""
    companies = {company.domain: company for company in (*fixed, *_companies(seed))}
    peopled = (
        msgspec.structs.replace(company, people=tuple(_people(seed, number, company)))
        for number, company in enumerate(companies.values())
    )
    return World(seed, {company.domain: company for company in peopled})


def _companies(seed: int) -> Iterator[WorldCompany]:
    names = [beginning + ending for beginning in vocabulary.BEGINNINGS for ending in vocabulary.ENDINGS]
    chosen = seeded_random(seed, "names").sample(names, COMPANIES)
    for name in chosen:
        domain = _domain(name)
        draw = seeded_random(seed, domain)
        owner = draw.choice(chosen) if draw.random() < 0.06 else name
        yield _company(draw, domain, name, None if owner == name else _domain(owner))


def _domain(name: str) -> str:
    return f"{name.lower()}.example"


def _company(draw: Random, domain: str, name: str, parent: str | None) -> WorldCompany:
    industry = _weighted(draw, vocabulary.INDUSTRIES)
    employees = draw.randint(*_weighted(draw, vocabulary.SIZES))
    funded = draw.random() < (0.6 if industry in vocabulary.VENTURE_BACKED else 0.1)
    return WorldCompany(
        domain=domain,
        name=name,
        employees=employees,
        industry=industry,
        country=_weighted(draw, vocabulary.COUNTRIES),
        revenue_usd=employees * draw.randint(80, 250) * 1_000,
        funding_total_usd=draw.randint(1, 150) * 1_000_000 if funded else 0,
        funded_days_ago=draw.randint(10, 1_500) if funded else None,
        growth_pct=draw.randint(-20, 80),
        technologies=_some(draw, vocabulary.TECHNOLOGIES, 8),
        hiring=_some(draw, vocabulary.DEPARTMENTS, 3),
        parent=parent,
        mail=_weighted(draw, _MAIL),
    )


_MAIL: Final[Mapping[Mail, int]] = {"exact": 80, "catch_all": 14, "silent": 6}


def _people(seed: int, number: int, company: WorldCompany) -> Iterator[WorldPerson]:
    """Yield the people of a company; nobody in the world shares an address or a telephone number."""
    draw = seeded_random(seed, company.domain, "people")
    count = min(draw.randint(PEOPLE_MIN, PEOPLE_MAX), max(company.employees, PEOPLE_MIN))
    titles = draw.sample(vocabulary.TITLES, count)
    firsts = draw.sample(vocabulary.FIRST_NAMES, count)
    lasts = draw.sample(vocabulary.LAST_NAMES, count)
    pattern = draw.choice(_EMAIL_PATTERNS)
    for at, (first, last, title) in enumerate(zip(firsts, lasts, titles, strict=True)):
        line = number * PEOPLE_MAX + at
        area = vocabulary.AREA_CODES[line // 100 % len(vocabulary.AREA_CODES)]
        local = pattern.format(first=first, last=last, initial=first[0]).lower()
        yield WorldPerson(
            first_name=first,
            last_name=last,
            title=title,
            email=f"{local}@{company.domain}",
            phone=f"+1{area}55501{line % 100:02}",
            linkedin_url=f"https://www.linkedin.com/in/{first}-{last}-{number:x}".lower(),
        )


_EMAIL_PATTERNS: Final = ("{first}.{last}", "{first}.{last}", "{initial}{last}", "{first}", "{first}_{last}")


def _weighted(draw: Random, weights: Mapping[T, int]) -> T:
    return draw.choices(list(weights), list(weights.values()))[0]


def _some(draw: Random, words: Sequence[str], most: int) -> tuple[str, ...]:
    return tuple(sorted(draw.sample(words, draw.randint(0, most))))
