"""The answers of the stub vendors, each in the vendor's own shape, and what they bill."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.enricher.domain.providers import LookupTarget, ProviderQuery, Subject
from services.enricher.providers import INTEGRATIONS
from services.enricher.providers.integration import HttpReply
from services.provider_stubs import golden
from services.provider_stubs.app import VENDORS
from services.provider_stubs.vendor_records import Coverage, company_record
from services.provider_stubs.vendors import apollo, clearbit, hunter, peopledatalabs, zerobounce
from services.provider_stubs.vendors.vendor import (
    DomainParameters,
    EmailParameters,
    VendorParameters,
    VendorReply,
    bracket,
)
from services.provider_stubs.world import World

TODAY = date(2026, 3, 1)
GOLDEN = "brightloom.example"


def company_reply(vendor: str, world: World, domain: str) -> VendorReply:
    match vendor:
        case "peopledatalabs":
            return peopledatalabs.enrich_company(
                world, peopledatalabs.CompanyParameters(website=domain), TODAY
            )
        case "apollo":
            return apollo.enrich_organization(world, DomainParameters(domain=domain), TODAY)
    return clearbit.find_company(world, DomainParameters(domain=domain), TODAY)


def facts_of_reply(
    vendor: str, subject: Subject, reply: VendorReply, domain: str | None = GOLDEN
) -> dict[str, Any]:
    """Return what the enricher's integration of a vendor reads from the answer about a lead at `domain`."""
    target = LookupTarget(domain, f"ana@{domain}", "Ana", "Ruiz")
    query = ProviderQuery(vendor, subject, GOLDEN, target)
    parsed = INTEGRATIONS[vendor].parse(query, HttpReply(reply.status, msgspec.json.encode(reply.body)))
    return {name: value for name, value, _confidence in parsed.facts.values()} | {"verdict": parsed.verdict}


COMPANY_VENDORS = ["peopledatalabs", "apollo", "clearbit"]


class TestCompanies:
    @pytest.mark.parametrize("vendor", COMPANY_VENDORS)
    def test_a_match_is_billed_at_the_vendor_s_price(self, world, vendor):
        prices = {"peopledatalabs": 10, "apollo": 8, "clearbit": 12}
        reply = company_reply(vendor, world, GOLDEN)
        assert (reply.status, reply.matched, reply.billed) == (200, True, prices[vendor])

    @pytest.mark.parametrize(
        ("vendor", "status"), [("peopledatalabs", 404), ("apollo", 200), ("clearbit", 404)]
    )
    def test_no_match_has_the_vendor_s_own_form_and_is_free(self, world, vendor, status):
        reply = company_reply(vendor, world, "nowhere.example")
        assert (reply.status, reply.matched, reply.billed) == (status, False, 0)

    @pytest.mark.parametrize(
        ("vendor", "status"), [("peopledatalabs", 400), ("apollo", 422), ("clearbit", 422)]
    )
    @pytest.mark.parametrize("domain", ["", "not a domain"])
    def test_a_domain_that_is_none_is_refused(self, world, vendor, status, domain):
        assert company_reply(vendor, world, domain).status == status

    @pytest.mark.parametrize("vendor", COMPANY_VENDORS)
    def test_the_enricher_reads_of_a_golden_company_what_is_true_of_it(self, world, vendor):
        facts = facts_of_reply(vendor, "company", company_reply(vendor, world, GOLDEN))
        truth = world.find(GOLDEN)
        assert facts["company.employees"] == truth.employees
        assert (facts["company.industry"], facts["company.country"]) == (truth.industry, truth.country)
        assert facts["company.funding_total_usd"] == truth.funding_total_usd

    @pytest.mark.parametrize("vendor", COMPANY_VENDORS)
    def test_the_enricher_reads_every_company_of_the_world_in_the_policy_s_vocabulary(self, world, vendor):
        coverage = {
            "peopledatalabs": peopledatalabs.COVERAGE,
            "apollo": apollo.COVERAGE,
            "clearbit": clearbit.COVERAGE,
        }[vendor]
        for domain in list(world.companies)[:150]:
            record = company_record(world, coverage, domain)
            reply = company_reply(vendor, world, domain)
            facts = facts_of_reply(vendor, "company", reply)
            if record is None or not reply.matched:
                assert facts["verdict"] == "no_match"
                continue
            assert facts["company.name"].casefold() == record.company.name.casefold()
            assert facts["company.industry"] == record.company.industry
            assert facts["company.country"] == record.company.country
            assert facts["company.employees"] > 0

    def test_a_subdomain_is_answered_as_its_company(self, world):
        assert company_reply("apollo", world, f"shop.{GOLDEN}") == company_reply("apollo", world, GOLDEN)


class TestPeople:
    def known_person(self, world: World, coverage: Coverage, answer) -> tuple[Any, Any, VendorReply]:
        """Return a person of the world whom the vendor knows as they are, their company, and the answer."""
        for company in world.companies.values():
            if company.domain in golden.DOMAINS:
                continue
            for person in company.people:
                reply = answer(person.email)
                if reply.matched and person.title.casefold() in str(reply.body).casefold():
                    return person, company, reply
        raise AssertionError(f"{coverage.vendor} knows nobody")

    def test_people_data_labs_writes_in_lower_case_below_data(self, world):
        person, company, reply = self.known_person(
            world,
            peopledatalabs.COVERAGE,
            lambda email: peopledatalabs.enrich_person(
                world, peopledatalabs.PersonParameters(email=email), TODAY
            ),
        )
        data = reply.body["data"]
        assert data["full_name"] == f"{person.first_name} {person.last_name}".lower()
        assert data["job_company_website"] == company.domain
        assert reply.body["likelihood"] >= 8
        assert facts_of_reply("peopledatalabs", "person", reply, None)["person.country"] == company.country

    def test_either_name_of_the_address_parameter_is_read(self, world):
        email = next(iter(world.companies.values())).people[0].email
        by_email, by_work_email = (
            peopledatalabs.enrich_person(world, peopledatalabs.PersonParameters(**{name: email}), TODAY)
            for name in ("email", "work_email")
        )
        assert by_email == by_work_email

    @pytest.mark.parametrize(
        ("text", "likelihood"), [("6", 6), ("10", 10), ("", 2), ("x", 2), ("-1", 2), ("²", 2), ("100", 2)]
    )
    def test_the_least_likelihood_is_a_small_number(self, text, likelihood):
        assert peopledatalabs.minimum_likelihood(text) == likelihood

    def test_apollo_has_no_match_for_what_is_no_address(self, world):
        assert apollo.match_person(world, EmailParameters(email="x"), TODAY) == VendorReply(
            200, {"person": None}
        )

    def test_clearbit_finds_a_company_though_it_does_not_know_the_person(self, world):
        domain = next(
            name
            for name in world.companies
            if name not in golden.DOMAINS and company_record(world, clearbit.COVERAGE, name)
        )
        reply = clearbit.find_combined(world, EmailParameters(email=f"new.hire@{domain}"), TODAY)
        assert (reply.body["person"], reply.body["company"]["domain"]) == (None, domain)
        facts = facts_of_reply("clearbit", "person", reply, domain)
        assert (facts["verdict"], facts["company.name"]) == ("match", world.companies[domain].name)

    @pytest.mark.parametrize(
        ("name", "answer"),
        [
            ("peopledatalabs", lambda world, email: peopledatalabs.enrich_person(
                world, peopledatalabs.PersonParameters(email=email), TODAY)),
            ("apollo", lambda world, email: apollo.match_person(world, EmailParameters(email=email), TODAY)),
        ],
    )  # fmt: skip
    def test_whoever_writes_from_a_golden_company_has_a_name_and_a_telephone_number(
        self, world, name, answer
    ):
        reply = answer(world, f"Maria.Weber+tag@{GOLDEN}")
        facts = facts_of_reply(name, "person", reply)
        person = golden.person_behind(f"maria.weber@{GOLDEN}")
        assert (facts["person.first_name"], facts["person.last_name"]) == (
            person.first_name,
            person.last_name,
        )
        assert (facts["person.phone"], facts["person.title"].casefold()) == (
            person.phone,
            person.title.casefold(),
        )
        assert facts["company.employees"] == world.companies[GOLDEN].employees

    def test_hunter_finds_a_person_by_name_in_any_case(self, world):
        for company in list(world.companies.values())[4:40]:
            for person in company.people:
                parameters = hunter.FinderParameters(
                    domain=company.domain, first_name=person.first_name.upper(), last_name=person.last_name
                )
                reply = hunter.find(world, parameters, TODAY)
                assert reply.status == 200
                assert reply.body["data"]["email"] in (person.email, None)
                assert reply.billed == (1 if reply.matched else 0)

    @pytest.mark.parametrize(
        ("given", "name"),
        [
            ({"first_name": "Ana", "last_name": "Ruiz"}, ("Ana", "Ruiz")),
            ({"full_name": "Ana Maria Ruiz"}, ("Ana Maria", "Ruiz")),
            ({"first_name": "Ana", "full_name": "Eva Lopez"}, ("Eva", "Lopez")),
            ({"full_name": "Ana"}, None),
            ({"first_name": "Ana"}, None),
            ({}, None),
        ],
    )
    def test_hunter_takes_a_name_in_parts_or_whole(self, given, name):
        assert hunter.FinderParameters(**given).first_and_last_name == name


class TestVerifiers:
    @pytest.mark.parametrize(
        ("email", "verdict"),
        [
            (f"anybody@{GOLDEN}", "verified"),
            ("x81k2@mailinator.com", "risky"),
            ("ana@nowhere.example", None),
        ],
    )
    @pytest.mark.parametrize("vendor", ["hunter", "zerobounce"])
    def test_both_verifiers_come_to_the_same_verdict(self, world, vendor, email, verdict):
        answer = {"hunter": hunter.verify, "zerobounce": zerobounce.validate}[vendor]
        reply = answer(world, EmailParameters(email=email), TODAY)
        assert facts_of_reply(vendor, "email", reply).get("person.email_status") == verdict
        assert reply.billed == 1

    def test_zerobounce_says_everything_as_text(self, world):
        body = zerobounce.validate(world, EmailParameters(email=f"sales@{GOLDEN}"), TODAY).body
        assert (body["mx_found"], body["domain_age_days"], body["sub_status"]) == (
            "true",
            "2874",
            "role_based",
        )
        assert body["processed_at"] == "2026-03-01 00:00:00.000"

    def test_zerobounce_bills_a_malformed_address_too(self, world):
        reply = zerobounce.validate(world, EmailParameters(email="x" * 300), TODAY)
        assert (reply.body["status"], len(reply.body["address"]), reply.billed) == ("invalid", 254, 1)


class TestErrors:
    @pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
    @pytest.mark.parametrize("status", [400, 401, 402, 404, 422, 429, 500, 503])
    def test_every_status_has_an_error_that_names_no_success(self, vendor, status):
        reply = vendor.error(status)
        assert reply.status == (
            200 if vendor.name == "zerobounce" and status in (400, 401, 402, 422) else status
        )
        assert (reply.billed, reply.matched) == (0, False)
        assert {"error", "errors", "message"} & set(reply.body)

    @pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
    def test_a_rate_limit_is_read_as_one_by_the_integration(self, vendor):
        reply = vendor.error(vendor.limit_status)
        query = ProviderQuery(vendor.name, "email", GOLDEN, LookupTarget(email=f"ana@{GOLDEN}"))
        parsed = INTEGRATIONS[vendor.name].parse(
            query, HttpReply(vendor.limit_status, msgspec.json.encode(reply.body), {"retry-after": "1"})
        )
        assert (parsed.verdict, parsed.retry_after_s) == ("rate_limited", 1.0)


class TestParameters:
    def test_a_body_goes_before_the_query_and_only_its_texts_count(self):
        parameters = EmailParameters(email="query@x.example", api_key="k")
        merged = parameters.with_body({"email": " body@x.example ", "reveal": True, "page": 1, "other": "x"})
        assert (merged.email, merged.api_key) == ("body@x.example", "k")

    def test_the_subject_is_the_first_parameter_that_is_not_blank(self):
        assert peopledatalabs.PersonParameters(email="", work_email="a@x.example").subject == "a@x.example"
        assert VendorParameters().subject == ""

    @pytest.mark.parametrize(
        ("amount", "name"), [(0, "few"), (10, "few"), (10.5, "some"), (100, "some"), (101, "many")]
    )
    def test_a_bracket_includes_its_upper_bound(self, amount, name):
        assert bracket(amount, ((10, "few"), (100, "some")), "many") == name


@settings(max_examples=30)
@given(st.integers(0, 1_000))
def test_a_vendor_says_the_same_of_a_company_every_time(seed):
    from services.provider_stubs.world import generate

    world = generate(seed)
    domain = next(iter(world.companies))
    for vendor in COMPANY_VENDORS:
        assert company_reply(vendor, world, domain) == company_reply(vendor, world, domain)
