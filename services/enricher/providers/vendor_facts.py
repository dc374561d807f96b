"""What vendors say, in Baton's field names, units and words. Pure.

What has no normal form, or does not fit its field, is left out: one odd value costs no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from services.enricher.domain.providers import ProviderFacts, ProviderQuery
from shared.lead.events.parts import Company, EventPart, Person
from shared.lead.normalise.capitals import with_capitals
from shared.lead.normalise.countries import country_code
from shared.lead.normalise.domains import company_host, registrable_domain
from shared.lead.normalise.industries import normalise_industry
from shared.lead.normalise.linkedin import normalise_linkedin
from shared.lead.normalise.names import company_name, person_name
from shared.lead.normalise.phones import normalise_phone
from shared.lead.normalise.titles import department, seniority

TEXT_LENGTH_MAX: Final = 200
LIST_MAX: Final = 500
EMPLOYER_SHARE: Final = 0.9
"""Of facts about the employer in an answer about a person, as a share of the answer's own confidence."""

JOB_FIELDS: Final = frozenset({"person.title", "person.seniority", "person.department"})
"""What a person is at their employer."""
Withheld = str | bool | None
"""A text of a vendor. Some plans say true or false instead: whether a better plan would show one."""

_PHONE_RANKS: Final = ("mobile", "direct", "work", "", "other", "home")
_NO_ONES_PHONES: Final = ("hq", "fax", "main", "company", "office", "switchboard")


class ListedPhone(Struct, frozen=True):
    """A number of a person as a vendor lists it. `kind` is the vendor's word, such as `work_direct`."""

    number: Withheld
    kind: str = ""
    do_not_call: bool = False


def provider_facts(
    confidence: float,
    *,
    company: Mapping[str, Any] | None = None,
    person: Mapping[str, Any] | None = None,
    confidences: Mapping[str, float] | None = None,
    as_of: datetime | None = None,
) -> ProviderFacts:
    """Return the facts without those that are empty or do not fit their field.

    Each has the same `confidence`, except those that `confidences` names (`company.employees`).
    """
    known_company = _fitting(Company, company or {})
    known_person = _fitting(Person, person or {})
    names = [f"company.{name}" for name in known_company] + [f"person.{name}" for name in known_person]
    own = confidences or {}
    return ProviderFacts(
        person=Person(**known_person),
        company=Company(**known_company),
        confidence={name: round(min(max(own.get(name, confidence), 0.0), 1.0), 4) for name in names},
        as_of=as_of,
    )


def company_facts(
    *,
    name: str | None = None,
    domain: str | None = None,
    industry: str | None = None,
    country: str | None = None,
    parent: str | None = None,
    technologies: Iterable[str] = (),
    hiring: Iterable[str] = (),
    **numbers: int | datetime | None,
) -> dict[str, Any]:
    """Return facts about a company in Baton's field names and vocabulary; `numbers` are taken as they are."""
    return {
        "name": company_name(with_capitals(name)),
        "domain": company_host(domain),
        "industry": normalise_industry(clean_text(industry)),
        "country": country_code(country),
        "parent": clean_text(parent),
        "technologies": _tags(technologies),
        "hiring": _tags(hiring),
        **numbers,
    }


def _tags(words: Iterable[str]) -> list[str]:
    cleaned = (clean_text(word) for word in list(words)[:LIST_MAX])
    return list(dict.fromkeys(word.casefold() for word in cleaned if word))


def person_facts(
    *,
    first_name: Withheld = None,
    last_name: Withheld = None,
    title: Withheld = None,
    level: Withheld = None,
    role: Withheld = None,
    phones: Iterable[ListedPhone] = (),
    linkedin_url: Withheld = None,
    country: Withheld = None,
    email_status: str | None = None,
) -> dict[str, Any]:
    """Return facts about a person in Baton's field names and vocabulary.

    `level` and `role` of the vendor count only where the title says no seniority or department.
    """
    position = with_capitals(clean_text(shown(title)))
    return {
        "first_name": person_name(shown(first_name)),
        "last_name": person_name(shown(last_name)),
        "title": position,
        "seniority": seniority(position) or seniority(shown(level)),
        "department": department(position) or department(shown(role)),
        "phone": best_phone(phones, shown(country)),
        "linkedin_url": normalise_linkedin(shown(linkedin_url)),
        "country": country_code(shown(country)),
        "email_status": email_status,
    }


def is_employer(query: ProviderQuery, domain: str | None) -> bool:
    """Return whether a domain may be that of the company that a query's person writes from.

    It may be where either of the two is not known. `acme.co.uk` and `acme.com` are one company.
    """
    if query.target.domain is None or domain is None:
        return True
    own, other = (registrable_domain(name) or name for name in (query.target.domain, domain))
    return own == other or own.partition(".")[0] == other.partition(".")[0]


def best_phone(phones: Iterable[ListedPhone], country: str | None) -> str | None:
    """Return the number on which the person is reached best: mobile, then direct, then any other of theirs.

    A number that must not be called is none, and neither is a fax or the company's switchboard.
    """
    ranked: list[tuple[int, int, str]] = []
    for index, phone in enumerate(phones):
        kind = phone.kind.casefold()
        if phone.do_not_call or any(word in kind for word in _NO_ONES_PHONES):
            continue
        rank = next((rank for rank, word in enumerate(_PHONE_RANKS) if word and word in kind), None)
        if number := shown(phone.number):
            ranked.append((_PHONE_RANKS.index("") if rank is None else rank, index, number))
    return next(
        (number for _, _, typed in sorted(ranked) if (number := normalise_phone(typed, country))), None
    )


def shown(text: Withheld) -> str | None:
    """Return a text that the vendor shows; None for true or false in its place."""
    return text if isinstance(text, str) else None


def clean_text(text: str | None) -> str | None:
    """Return the text trimmed and cut to what a field may hold; None when it is blank."""
    return (text or "").strip()[:TEXT_LENGTH_MAX] or None


_AMOUNT: Final = (
    r"(?:us)?[$€£]?\s*([0-9][0-9,]{0,14}(?:\.[0-9]{1,6})?)\s*(k|mm?|bn?|thousand|million|billion)?"
)
_RANGE = re.compile(
    rf"\s*(?:>|over)?\s*{_AMOUNT}\s*(?:(?:-|\u2013|to)\s*{_AMOUNT}|(\+))?\s*(?:employees|people)?\s*",
    re.IGNORECASE,
)
_MULTIPLIERS: Final = {"": 1, "k": 1_000, "t": 1_000, "m": 1_000_000, "b": 1_000_000_000}
_RANGE_LENGTH_MAX: Final = 100


def range_midpoint(text: str | None) -> int | None:
    """Return the midpoint of a range such as `201-500` or `$1M-$10M`, and the lower bound of `10001+`.

    A single number is itself. None for any other text.
    """
    found = _RANGE.fullmatch(text) if text and len(text) <= _RANGE_LENGTH_MAX else None
    if found is None:
        return None
    numbers = [float(found[group].replace(",", "")) for group in (1, 3) if found[group]]
    units = [(found[group] or "")[:1].lower() for group in (2, 4)]
    if len(numbers) == 2 and not units[0] and numbers[0] < numbers[1]:
        units[0] = units[1]  # 5-10 million
    amounts = [round(number * _MULTIPLIERS[unit]) for number, unit in zip(numbers, units, strict=False)]
    return sum(amounts) // len(amounts)


def _fitting(part: type[EventPart], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are known and fit their field.

    msgspec checks bounds when it decodes a value, not when it constructs one. Facts are stored, so they must
    be decodable for ever.
    """
    fitting: dict[str, Any] = {}
    for name, value in values.items():
        if value or value == 0:
            try:
                fitting[name] = getattr(msgspec.convert({name: msgspec.to_builtins(value)}, part), name)
            except msgspec.ValidationError:
                continue
    return fitting
