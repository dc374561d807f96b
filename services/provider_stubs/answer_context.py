"""What the answers of a vendor can tell: its records of the stub world, by the names in `stub.yaml`.

Pure. The names here are documented in `docs/reference/provider-stubs.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, Literal

from msgspec import Struct

from services.provider_stubs import vendor_records, vocabulary
from services.provider_stubs.mailbox import probe
from services.provider_stubs.vendor_records import CompanyRecord, Coverage, PersonRecord
from services.provider_stubs.world import World, WorldCompany, WorldPerson, day_of, seeded_random
from shared.lead.ids import derive_id
from shared.lead.normalise.domains import company_host, normalise_domain
from shared.lead.normalise.emails import normalise_email
from shared.lead.normalise.linkedin import normalise_linkedin
from shared.lead.normalise.titles import department, seniority

Finds = Literal["company", "person", "either", "mailbox", "people"]
PEOPLE_MAX: Final = 10


class Found(Struct, frozen=True):
    """What a vendor knows about a question. `is_match` is false for nothing; `is_slow` for a second call."""

    context: Mapping[str, Any]
    is_match: bool
    is_slow: bool = False


def find(
    world: World, coverage: Coverage, finds: Finds, asked: Mapping[str, str], today: date
) -> Found | None:
    """Return what a vendor knows about what is asked; None when that names no domain, address or person."""
    if finds == "mailbox":
        return find_mailbox(world, coverage, asked, today)
    if finds in ("company", "people"):
        domain = normalise_domain(asked.get("domain")) or company_host(asked.get("domain"))
        company = None if domain is None else vendor_records.company_record(world, coverage, domain)
        if domain is None:
            return None
        if finds == "people":
            return find_people(world, coverage, domain, asked, today)
        if company is None:
            return Found({"asked": asked}, is_match=False)
        context = {
            "company": company_values(world, coverage, company, today),
            **record_values(company, today),
        }
        slow = vendor_records.is_slow(world, coverage, company.company.domain)
        return Found({"asked": asked, **context}, is_match=True, is_slow=slow)
    return find_person(world, coverage, asked, today, with_company=finds == "either")


def find_person(
    world: World, coverage: Coverage, asked: Mapping[str, str], today: date, *, with_company: bool
) -> Found | None:
    """Return a person by address, profile, or name and company; `with_company`: their company is enough."""
    address = normalise_email(asked.get("email"))
    named = None if address else named_person(world, asked)
    if address is None and named is None and not can_name_person(asked):
        return None
    email = address.address if address else named.email if named else None
    person = vendor_records.person_record(world, coverage, email) if email else None
    domain = address.domain if address else None
    company: CompanyRecord | None = None
    if with_company and domain is not None:
        company = vendor_records.company_record(world, coverage, domain)
    elif person is not None:
        company = CompanyRecord(person.company, person.days_old, person.confidence)
    context: dict[str, Any] = {"asked": asked, "company": None, "person": None}
    if company is not None:
        context |= {"company": company_values(world, coverage, company, today)}
        context |= record_values(company, today)
    if person is not None:
        context |= {"person": person_values(world, coverage, person, today), **record_values(person, today)}
    is_match = person is not None or company is not None
    subject = address.identity if address else email or ""
    slow = is_match and vendor_records.is_slow(world, coverage, subject)
    return Found(context, is_match=is_match, is_slow=slow)


def can_name_person(asked: Mapping[str, str]) -> bool:
    """Return whether a question names a person by profile, or by name."""
    has_name = bool(asked.get("full_name") or (asked.get("first_name") and asked.get("last_name")))
    where = bool(asked.get("domain") or asked.get("company_name"))
    return bool(asked.get("linkedin_url")) or (has_name and where)


def named_person(world: World, asked: Mapping[str, str]) -> WorldPerson | None:
    """Return the person of the world with a profile, or with a name at a company; None when there is none."""
    profile = normalise_linkedin(asked.get("linkedin_url"))
    if profile is not None and (found := world.profiles.get(profile)) is not None:
        return found
    company = world.find(normalise_domain(asked.get("domain")) or "") or world.named(
        asked.get("company_name", "")
    )
    full = asked.get("full_name") or f"{asked.get('first_name', '')} {asked.get('last_name', '')}"
    name = " ".join(full.casefold().split())
    people = company.people if company else ()
    return next(
        (one for one in people if f"{one.first_name} {one.last_name}".casefold() == name),
        None,
    )


def find_mailbox(world: World, coverage: Coverage, asked: Mapping[str, str], today: date) -> Found | None:
    """Return what a mail server says of an address, and its owner if the mailbox exists."""
    address = normalise_email(asked.get("email"))
    if address is None:
        return None
    verdict = probe(world, address)
    owner = world.person(address.address)
    person = None
    if owner is not None and verdict == "exists":
        record = PersonRecord(owner[1], owner[0], 0, 100)
        person = person_values(world, coverage, record, today)
    values = {"address": address.address, "domain": address.domain, "kind": address.kind}
    context = {"asked": {**asked, **values}, "mailbox": verdict, "person": person, "today": today.isoformat()}
    slow = owner is not None and vendor_records.is_slow(world, coverage, address.identity)
    return Found(context, is_match=True, is_slow=slow)


def find_people(
    world: World, coverage: Coverage, domain: str, asked: Mapping[str, str], today: date
) -> Found:
    """Return the people of a company whom a vendor knows, at most `PEOPLE_MAX`."""
    company = world.find(domain)
    records = (
        vendor_records.person_record(world, coverage, person.email)
        for person in (company.people if company else ())
    )
    known = [person_values(world, coverage, one, today) for one in records if one is not None]
    values = None
    if company is not None:
        values = company_values(world, coverage, CompanyRecord(company, 1, 90), today)
    context = {"asked": asked, "company": values, "people": known[:PEOPLE_MAX]}
    return Found(context, is_match=bool(known))


def record_values(record: CompanyRecord | PersonRecord, today: date) -> dict[str, Any]:
    """Return `record`: how sure the vendor is (per cent, and from 1 to 10) and how old what it knows is."""
    return {
        "record": {
            "confidence": record.confidence,
            "likelihood": max(1, min(10, round(record.confidence / 10))),
            "as_of": str(day_of(today, record.days_old)),
            "days_old": record.days_old,
        },
        "today": today.isoformat(),
    }


def company_values(world: World, coverage: Coverage, record: CompanyRecord, today: date) -> dict[str, Any]:
    """Return a vendor's record of a company."""
    company = record.company
    funded = day_of(today, company.funded_days_ago)
    as_of = str(day_of(today, record.days_old))
    return {
        "domain": company.domain,
        "name": company.name,
        "slug": company.name.lower(),
        "employees": company.employees,
        "industry": company.industry,
        "country": company.country,
        "country_name": vocabulary.COUNTRY_NAMES[company.country],
        "revenue_usd": company.revenue_usd,
        "revenue_printed": printed(company.revenue_usd),
        "funding_total_usd": company.funding_total_usd or None,
        "funding_printed": printed(company.funding_total_usd) if company.funding_total_usd else None,
        "last_funding_on": funded and funded.isoformat(),
        "growth_pct": company.growth_pct,
        "growth": company.growth_pct / 100,
        "technologies": list(company.technologies),
        "stack": [{"name": name, "seen_on": as_of} for name in company.technologies],
        "hiring": list(company.hiring),
        "parent": company.parent,
        "switchboard": switchboard(company),
        "mail": company.mail,
        "as_of": as_of,
        "vague": vendor_records.is_vague(world, coverage, company.domain),
        **_ids(coverage.vendor, "company", company.domain),
    }


def person_values(world: World, coverage: Coverage, record: PersonRecord, today: date) -> dict[str, Any]:
    """Return a vendor's record of a person, with an earlier employment."""
    person, company = record.person, record.company
    draw = seeded_random("employments", person.email)
    earlier = draw.choice(vocabulary.BEGINNINGS) + draw.choice(vocabulary.ENDINGS)
    return {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "full_name": f"{person.first_name} {person.last_name}",
        "title": person.title,
        "seniority": seniority(person.title),
        "department": department(person.title),
        "email": person.email,
        "phone": person.phone,
        "linkedin_url": person.linkedin_url,
        "company_name": company.name,
        "domain": company.domain,
        "country": company.country,
        "country_name": vocabulary.COUNTRY_NAMES[company.country],
        "previous_employer": earlier,
        "previous_title": draw.choice(vocabulary.TITLES),
        "as_of": str(day_of(today, record.days_old)),
        "confidence": record.confidence,
        "withheld": vendor_records.withholds_contact(world, coverage, person.email),
        "locked": vendor_records.hides_address(world, coverage, person.email),
        **_ids(coverage.vendor, "person", person.email),
    }


def _ids(vendor: str, kind: str, of: str) -> dict[str, Any]:
    """Return a vendor's id of a company or person in three shapes: a UUID, 24 hex digits, a number."""
    id_ = derive_id(vendor, of, kind, 0)
    digits = id_.replace("-", "")
    return {"id": id_, "hex_id": digits[:24], "number": int(digits[:10], 16) % 10**9}


def switchboard(company: WorldCompany) -> str:
    """Return the number of a company's switchboard, in E.164."""
    draw = seeded_random("switchboard", company.domain)
    return f"+1{draw.choice(vocabulary.AREA_CODES)}5550{draw.randrange(200, 1000)}"


def printed(usd: int) -> str:
    """Return an amount of money in short: `48M`, `2.1B`."""
    for unit, size in (("B", 10**9), ("M", 10**6), ("K", 10**3)):
        if usd >= size:
            return f"{usd / size:.1f}".removesuffix(".0") + unit
    return str(usd)
