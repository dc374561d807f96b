"""The companies and people of the golden leads, and how vendors fail when asked about them. Pure."""

from __future__ import annotations

import re
from typing import Final, Literal

from services.provider_stubs import vocabulary
from services.provider_stubs.world import WorldCompany, WorldPerson, seeded_random
from shared.lead.normalise.domains import registrable_domain

COMPANIES: Final = (
    WorldCompany(
        domain="brightloom.example",
        name="Brightloom",
        employees=350,
        industry="software",
        country="US",
        revenue_usd=48_000_000,
        funding_total_usd=62_000_000,
        funded_days_ago=120,
        growth_pct=22,
        technologies=("salesforce", "segment", "snowflake"),
        hiring=("sales",),
    ),
    WorldCompany(
        domain="copperfen.example",
        name="Copperfen",
        employees=120,
        industry="fintech",
        country="GB",
        revenue_usd=14_000_000,
        funding_total_usd=20_000_000,
        funded_days_ago=500,
        growth_pct=12,
        technologies=("hubspot", "stripe"),
    ),
    WorldCompany(
        domain="ironharbor.example",
        name="Ironharbor",
        employees=8_000,
        industry="manufacturing",
        country="DE",
        revenue_usd=2_100_000_000,
        growth_pct=2,
        technologies=("salesforce", "sap"),
    ),
    WorldCompany(
        domain="stormfall.example",
        name="Stormfall",
        employees=60,
        industry="software",
        country="BR",
        revenue_usd=5_500_000,
        funding_total_usd=7_000_000,
        funded_days_ago=300,
        technologies=("hubspot",),
    ),
)
DOMAINS: Final = frozenset(company.domain for company in COMPANIES)

UNKNOWN_TO: Final = frozenset({("peopledatalabs", "ironharbor.example")})
"""Vendors without a match for a golden company; all others know it, without errors."""

_WORD: Final = re.compile("[a-z]+")
_NO_NAMES: Final = frozenset(
    ("demo", "info", "hello", "lead", "new", "office", "person", "sales", "someone", "test", "user")
)
KNOWS_EVERYBODY: Final = frozenset({"peopledatalabs", "apollo"})
"""Vendors that know whoever writes from a golden company, unless they do not know the company."""
TITLES: Final = ("VP Sales", "VP Marketing", "VP Finance", "Director of Operations", "Head of Product")
"""What people at golden companies do: each of them may decide to buy."""


def person_behind(address: str) -> WorldPerson:
    """Return the person behind an address at a golden company, the same one at every start.

    A golden lead may write from any address there, so everybody has a name, a title and a telephone number.
    The name is that in the address, as far as there is one.
    """
    draw = seeded_random("golden", address)
    first, last = draw.choice(vocabulary.FIRST_NAMES), draw.choice(vocabulary.LAST_NAMES)
    words = _WORD.findall(address.partition("@")[0])
    if words and _NO_NAMES.isdisjoint(words):
        first = words[0].title() if len(words[0]) > 1 else first
        last = words[1].title() if len(words) > 1 else last
    return WorldPerson(
        first_name=first,
        last_name=last,
        title=draw.choice(TITLES),
        email=address,
        phone=f"+1{draw.choice(vocabulary.AREA_CODES)}55501{draw.randrange(100):02}",
        linkedin_url=f"https://www.linkedin.com/in/{first}-{last}-{draw.randrange(16**6):06x}".lower(),
    )


Outage = Literal["error", "hang"]
_OUTAGE_AT: Final = "stormfall.example"
_HANGING: Final = frozenset({"clearbit", "zerobounce"})


def outage(vendor: str, subject: str) -> Outage | None:
    """Return how a vendor fails when asked about `subject`, a domain or an address; None when it does not."""
    if registrable_domain(subject.rpartition("@")[2]) != _OUTAGE_AT:
        return None
    return "hang" if vendor in _HANGING else "error"
