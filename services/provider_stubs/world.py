"""The companies of the stub world: the truth that every stub provider shows a part of. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from shared.identity import registrable_domain


class Company(Struct, frozen=True):
    """What is true of a company. Money is whole US dollars, `country` ISO 3166 alpha-2."""

    domain: str
    name: str
    employees: int
    industry: str
    country: str
    revenue_usd: int
    funding_total_usd: int = 0
    technologies: tuple[str, ...] = ()
    parent: str | None = None


_COMPANIES: Final = (
    Company(
        domain="brightloom.example",
        name="Brightloom",
        employees=350,
        industry="software",
        country="US",
        revenue_usd=48_000_000,
        funding_total_usd=62_000_000,
        technologies=("salesforce", "snowflake", "segment"),
    ),
    Company(
        domain="copperfen.example",
        name="Copperfen",
        employees=120,
        industry="fintech",
        country="GB",
        revenue_usd=14_000_000,
        funding_total_usd=20_000_000,
        technologies=("hubspot", "stripe"),
    ),
    Company(
        domain="ironharbor.example",
        name="Ironharbor",
        employees=8_000,
        industry="manufacturing",
        country="DE",
        revenue_usd=2_100_000_000,
        technologies=("sap", "salesforce"),
    ),
    Company(
        domain="stormfall.example",
        name="Stormfall",
        employees=60,
        industry="software",
        country="BR",
        revenue_usd=5_500_000,
        funding_total_usd=7_000_000,
        technologies=("hubspot",),
    ),
)
COMPANIES: Final[Mapping[str, Company]] = MappingProxyType({each.domain: each for each in _COMPANIES})


def find(domain: str) -> Company | None:
    """Return the company of a domain, or of what it is a subdomain of."""
    return COMPANIES.get(registrable_domain(domain) or "")


def domains(limit: int) -> Sequence[str]:
    """Return the first `limit` domains of the world, in order."""
    return sorted(COMPANIES)[:limit]
