"""An industry counts by whatever name it is given, and the company's country is the person's where nobody says."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.enricher.domain.enrich import known_origin
from services.enricher.domain.form import normalise_form
from services.enricher.domain.record import LeadRow
from services.enricher.providers.vendor_facts import company_facts
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, Person
from shared.lead.normalise.industries import industry_words, is_known_industry, normalise_industry
from shared.policy.load import read_policy, texts_in
from tests.support.api import Api


@pytest.mark.parametrize(
    ("given", "word"),
    [
        # The words of the default policy, in any spelling.
        *[
            (spelling, "software")
            for spelling in ("software", "Software", " SOFTWARE ", "Software Industry", "SaaS")
        ],
        *[(spelling, "it services") for spelling in ("IT Services", "it-services", "I.T.", "IT_SERVICES")],
        *[(spelling, "fintech") for spelling in ("FinTech", "fin-tech", "Financial Technology")],
        *[(spelling, "business services") for spelling in ("Business Services", "Professional Services")],
        # LinkedIn's codes, version 1 and 2, and HubSpot's values.
        ("Computer Software", "software"),
        ("COMPUTER_SOFTWARE", "software"),
        ("Software Development", "software"),
        ("Information Technology & Services", "it services"),
        ("INFORMATION_TECHNOLOGY_AND_SERVICES", "it services"),
        ("IT Services and IT Consulting", "it services"),
        ("Management Consulting", "business services"),
        ("Business Consulting and Services", "business services"),
        ("Hospital & Health Care", "healthcare"),
        ("HOSPITAL_HEALTH_CARE", "healthcare"),
        ("Transportation/Trucking/Railroad", "transportation"),
        ("Logistics and Supply Chain", "logistics"),
        ("Oil & Energy", "energy"),
        ("NON_PROFIT_ORGANIZATION_MANAGEMENT", "non-profit"),
        ("E-Learning", "e-learning"),
        # Clearbit's.
        ("Internet Software & Services", "software"),
        ("Health Care Providers & Services", "healthcare"),
        ("Hotels, Restaurants & Leisure", "hospitality"),
        # Sectors and industries of NAICS.
        ("Professional, Scientific, and Technical Services", "business services"),
        ("Software Publishers", "software"),
        ("Custom Computer Programming Services", "it services"),
        ("Retail Trade", "retail"),
        ("Agriculture, Forestry, Fishing and Hunting", "agriculture"),
        # Other languages, and several names in one field.
        ("IT-Dienstleistungen", "it services"),
        ("Unternehmensberatung", "business services"),
        ("Santé", "healthcare"),
        ("Software; SaaS", "software"),
        ("Software / Cloud Computing", "software"),
        # What the taxonomy does not know, or what has two meanings, stays as it is.
        ("Falconry supplies", "Falconry supplies"),
        ("Software, Retail", "Software, Retail"),
        ("Other", "Other"),
        (" ", None),
        (None, None),
    ],
)
def test_the_word_of_an_industry(given: str | None, word: str | None):
    assert normalise_industry(given) == word
    assert normalise_industry(word) == word
    form = normalise_form(
        LeadReceivedV1(person=Person(email="a@kestrel.example"), company=Company(industry=given))
    )
    assert form.normalised.company.industry == word
    assert company_facts(industry=given)["industry"] == word


def test_every_word_means_itself():
    words = industry_words()
    assert words == {normalise_industry(word) for word in words}
    assert {"software", "it services", "fintech", "business services"} <= words


def test_an_industry_outside_of_the_taxonomy_may_be_bought():
    known, unknown = (
        LeadRow("lead", company=Company(industry=text)) for text in ("software", "Falconry supplies")
    )
    assert (known_origin(known, "company.industry")[0], known_origin(unknown, "company.industry")[0]) == (
        True,
        False,
    )
    assert not is_known_industry("Falconry supplies")


@pytest.mark.parametrize(
    ("word", "finding"),
    [
        ("Computer Software", 'company.industry is never "Computer Software": the taxonomy has "software"'),
        ("falconry", 'the taxonomy of industries has no "falconry"'),
        ("Software", None),
    ],
)
def test_a_policy_that_compares_with_no_word_of_the_taxonomy_is_told(word: str, finding: str | None):
    texts = texts_in(Path(__file__).parents[2] / "config")
    texts["icp.yaml"] = texts["icp.yaml"].replace("[software, it services,", f"[{word}, it services,")
    messages = [found.message for found in read_policy(texts).findings if "industr" in found.message]
    assert messages == ([finding] if finding else [])


FITTING = {"company size": "300", "title": "VP Sales", "form name": "demo"}


@pytest.mark.parametrize(
    ("name", "fields", "market", "points"),
    [
        ("ada", {"industry": "Computer Software", "country": "Germany"}, "core", 10),
        ("ben", {"industry": "COMPUTER_SOFTWARE", "company country": "DE", "country": "BR"}, "core", 10),
        ("cal", {"industry": "SaaS", "country": "Brasil"}, "frontier", 0),
        ("dee", {"industry": "Software Development"}, None, 0),
    ],
)
def test_a_form_with_a_country_and_an_industry(
    api: Api, name: str, fields: dict[str, str], market: str | None, points: int
):
    sent = api.post_form(FITTING | fields | {"email": f"{name}@{name}-works.example"})
    view = api.settled(sent)
    lines = {line["rule"]: line["points"] for line in view["score"]["lines"] if line["part"] == "fit"}
    assert (lines.get("industry"), lines.get("geography", 0)) == (30, points)
    scored = [
        entry["data"] for entry in api.timeline(view["lead_id"]) if entry["type"] == "baton.lead.scored.v1"
    ]
    assert scored[-1]["account_view"].get("market") == market
