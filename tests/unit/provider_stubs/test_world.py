"""The stub world and what vendors know of it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.provider_stubs import golden, vocabulary
from services.provider_stubs.vendor_records import CompanyRecord, Coverage, company_record, person_record
from services.provider_stubs.world import COMPANIES, PEOPLE_MAX, PEOPLE_MIN, World, generate, truth
from shared.integrations.catalog import built_in_integrations, read_stub
from shared.lead.normalise.emails import normalise_email
from shared.lead.normalise.linkedin import normalise_linkedin
from shared.lead.normalise.phones import normalise_phone

TODAY = date(2026, 3, 1)
SEEDS = st.integers(0, 2**32)


def coverage_of(vendor: str) -> Coverage:
    """Return how much of the world a built-in vendor knows."""
    stub, _ = read_stub(built_in_integrations().providers[vendor].directory)
    assert stub is not None
    return Coverage(vendor=vendor, **stub.coverage.model_dump())


OF_COMPANIES = tuple(coverage_of(vendor) for vendor in ("peopledatalabs", "apollo", "clearbit"))
HUNTER = coverage_of("hunter")
# The domains that the golden leads, the default accounts and the examples of the papers use.
TAKEN = (
    "ledgerlane",
    "harborsuite",
    "granitecorp",
    "verdepay",
    "alliancehub",
    "cornerbakery",
    "rivalworks",
    "stateuniversity",
    "quietfirm",
    "pinecrest",
    "fieldstone",
    "targetworks",
    "northpeak",
    "echoworks",
    "kestrel",
    "nowhere",
    "acme",
)


@settings(max_examples=5)
@given(SEEDS)
def test_a_world_follows_from_its_seed(seed):
    world = generate(seed, golden.COMPANIES)
    assert world == generate(seed, golden.COMPANIES)
    assert world != generate(seed + 1, golden.COMPANIES)


@settings(max_examples=5)
@given(SEEDS)
def test_a_world_is_whole(seed):
    world = generate(seed, golden.COMPANIES)
    assert len(world.companies) == COMPANIES + len(golden.COMPANIES)
    assert not {f"{name}.example" for name in TAKEN} & set(world.companies)
    assert set(world.domains(len(golden.COMPANIES))) == golden.DOMAINS
    people = [person for company in world.companies.values() for person in company.people]
    for identifier in ("email", "phone", "linkedin_url"):
        assert len({getattr(person, identifier) for person in people}) == len(people)
    for domain, company in world.companies.items():
        assert company.industry in vocabulary.INDUSTRIES
        assert company.country in vocabulary.COUNTRY_NAMES
        assert company.employees >= 1
        assert PEOPLE_MIN <= len(company.people) <= PEOPLE_MAX
        assert company.parent != domain
        assert company.parent is None or company.parent in world.companies


def test_people_are_written_in_normal_form(world):
    for company in world.companies.values():
        for person in company.people:
            address = normalise_email(person.email)
            assert address is not None
            assert (address.identity, address.domain) == (person.email, company.domain)
            assert normalise_phone(person.phone) == person.phone
            assert normalise_linkedin(person.linkedin_url) is not None


def test_a_company_is_found_under_its_subdomains_and_nobody_outside(world):
    company = world.find("shop.brightloom.example")
    assert company is not None
    assert company.domain == "brightloom.example"
    assert world.find("nowhere.example") is None
    person = company.people[0]
    assert world.person(person.email.upper()) == (company, person)
    assert world.person("nobody@brightloom.example") is None
    assert world.person("no address") is None


def test_a_round_is_as_long_ago_on_every_day(world):
    company = world.find("brightloom.example")
    assert company is not None
    assert company.funded_days_ago is not None
    for today in (TODAY, TODAY + timedelta(days=400)):
        at = datetime.fromisoformat(truth(company, today)["last_funding_at"])
        assert at.tzinfo == UTC
        assert (today - at.date()).days == company.funded_days_ago


def test_every_kind_of_company_is_there(world):
    count = Counter(company.industry for company in world.companies.values())
    assert set(count) == set(vocabulary.INDUSTRIES)
    sizes = [company.employees for company in world.companies.values()]
    for low, high in vocabulary.SIZES:
        assert any(low <= size <= high for size in sizes)
    countries = {company.country for company in world.companies.values()}
    assert {"US", "DE", "BR", "IN", "PL"} <= countries


@pytest.mark.parametrize("coverage", OF_COMPANIES, ids=lambda coverage: coverage.vendor)
def test_a_vendor_knows_its_share_and_some_of_it_badly(world, coverage):
    seen = _seen(world, coverage)
    assert len(seen) / len(world.companies) == pytest.approx(coverage.companies / 100, abs=0.07)
    stale = [record for record in seen if record.days_old >= 400]
    wrong = [record for record in seen if record.confidence < 60]
    assert 0.03 <= len(stale) / len(seen) <= 0.12
    assert 0.005 <= len(wrong) / len(seen) <= 0.07
    for record in stale:
        assert record.company.employees <= world.companies[record.company.domain].employees
    for record in wrong:
        assert record.company != world.companies[record.company.domain]
    for record in seen:
        if record not in stale and record not in wrong:
            assert record.company == world.companies[record.company.domain]


def test_vendors_overlap_and_leave_gaps(world):
    known_to = Counter(
        tuple(company_record(world, coverage, domain) is not None for coverage in OF_COMPANIES)
        for domain in world.companies
    )
    assert len(known_to) == 2 ** len(OF_COMPANIES)


@pytest.mark.parametrize("coverage", [*OF_COMPANIES, HUNTER], ids=lambda coverage: coverage.vendor)
def test_a_vendor_knows_its_share_of_the_people(world, coverage):
    emails = [person.email for company in world.companies.values() for person in company.people]
    seen = [found for email in emails if (found := person_record(world, coverage, email))]
    assert len(seen) / len(emails) == pytest.approx(coverage.people / 100, abs=0.04)
    assert all(world.person(record.person.email) for record in seen)


@settings(max_examples=10)
@given(SEEDS)
def test_the_golden_companies_are_known_as_they_are_in_every_world(seed):
    world = generate(seed, golden.COMPANIES)
    for coverage in OF_COMPANIES:
        for domain in golden.DOMAINS:
            seen = company_record(world, coverage, domain)
            if (coverage.vendor, domain) in golden.UNKNOWN_TO:
                assert seen is None
            else:
                assert seen is not None
                assert seen.company == world.companies[domain]
                assert seen.confidence >= 90


@pytest.mark.parametrize("vendor", ["peopledatalabs", "apollo", "clearbit", "hunter", "zerobounce"])
def test_every_vendor_is_out_for_stormfall_only(vendor):
    for subject in ("stormfall.example", "Ana@Stormfall.example", "mail.stormfall.example"):
        assert golden.outage(vendor, subject) in ("error", "hang")
    for subject in ("", "brightloom.example", "stormfall@brightloom.example", "notstormfall.example"):
        assert golden.outage(vendor, subject) is None


def _seen(world: World, coverage: Coverage) -> list[CompanyRecord]:
    return [seen for domain in world.companies if (seen := company_record(world, coverage, domain))]
