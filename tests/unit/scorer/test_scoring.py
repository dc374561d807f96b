"""The default policy on leads of every kind: points, lines, grades, bands, live signals."""

from __future__ import annotations

from dataclasses import replace as with_fields
from datetime import timedelta
from typing import Any

import pytest

from services.scorer.domain.score import ScoreResult, ScoringSubject, compute_score
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.parts import Activity, Company
from shared.lead.events.scoring import ScoreLine
from shared.lead.facts import fact_readers, path_of
from shared.lead.fields import Known
from tests.support.enriched_leads import AT, DAY, FITTING, did, enriched_lead, signal
from tests.support.scoring_policies import default_scoring

POLICY = default_scoring()


def scored(
    *activities: Activity, lead: LeadEnrichedV1 | None = None, at: Any = AT, **more: Any
) -> ScoreResult:
    return compute_score(ScoringSubject(lead or enriched_lead(), activities, **more), at, POLICY)


def points(result: ScoreResult, *parts: str) -> dict[str, int]:
    """Return the points of each rule in these parts."""
    sums: dict[str, int] = {}
    for line in result.score.lines:
        if line.part in parts:
            sums[line.rule] = sums.get(line.rule, 0) + line.points
    return sums


def test_every_criterion_has_its_line() -> None:
    given = scored()
    assert points(given, "fit") == {
        "size": 35,
        "industry": 30,
        "seniority": 15,
        "geography": 10,
        "tools": 5,
        "budget": 5,
    }
    assert given.score.segment == "mid-market-software"
    assert given.score.lines[0] == ScoreLine(
        "fit", "size", "company.employees", 35, "size: company.employees is 420"
    )


def test_a_missing_field_gives_a_line_that_says_unknown() -> None:
    given = scored(lead=enriched_lead(company=Company(employees=5_000), title="Nobody"))
    whys = {line.rule: line.why for line in given.score.lines}
    assert whys["industry"] == "industry: company.industry is not known"
    assert whys["size"] == "size: company.employees is 5000"


def test_a_company_that_is_too_small_has_no_fit_and_no_segment() -> None:
    given = scored(lead=enriched_lead(company=Company(employees=4, industry="software", country="US")))
    assert (given.score.fit, given.score.segment) == (0, None)
    assert [line.rule for line in given.score.lines] == ["too-small"]


@pytest.mark.parametrize(
    ("title", "gives"), [("CFO", 15), ("VP Sales", 15), ("Sales Manager", 10), ("Analyst", 0), (None, 0)]
)
def test_seniority_comes_from_the_title(title: str | None, gives: int) -> None:
    assert points(scored(lead=enriched_lead(title=title)), "fit")["seniority"] == gives


def test_funding_older_than_a_year_gives_no_points_for_budget() -> None:
    for days, gives in ((365, 5), (366, 0)):
        company = Company(last_funding_at=AT - days * DAY, revenue_usd=5)
        assert points(scored(lead=enriched_lead(company=company)), "fit")["budget"] == gives


def test_a_demo_request_alone_is_the_best_intent() -> None:
    assert scored(did("demo_request", DAY / 24)).score.grade == "A1"


def test_an_activity_counts_under_every_rule_that_it_matches() -> None:
    given = scored(did("page_view", url="https://www.example.com/pricing?plan=team"))
    assert points(given, "intent") == {"pricing": 20, "page": 2}


def test_caps_are_lines_of_their_own() -> None:
    views = [did("pricing_view"), did("page_view", url="/pricing")] * 2
    given = scored(*views, *[did("page_view", timedelta(minutes=place)) for place in range(9)])
    caps = {(line.rule, line.fact): line.points for line in given.score.lines if line.points < 0}
    assert caps == {("pricing", "max"): -40, ("page", "max"): -12, ("web", "group"): -10}
    assert given.score.intent == 40


def test_intent_itself_has_a_cap() -> None:
    given = scored(did("demo_request"), did("contact_request"), signals=[signal()])
    assert given.score.intent == 100
    assert given.score.lines[-1].points == 100 - 90 - 70 - 40


def test_a_strong_signal_is_live_until_it_expires_or_fades() -> None:
    lasting = signal(expires_at=AT + DAY)
    assert scored(signals=[lasting]).signals.strong
    assert not scored(signals=[lasting], at=AT + DAY).signals.strong
    assert scored(signals=[lasting], at=AT + DAY).score.intent == 40
    assert scored(signals=[signal()], at=AT + 370 * DAY).signals.types == ["funding_round"]
    assert scored(signals=[signal()], at=AT + 390 * DAY).signals.types == []


def test_a_signal_below_its_condition_counts_nothing() -> None:
    for strength, live in ((59, []), (None, []), (60, ["intent_surge"])):
        assert scored(signals=[signal("intent_surge", strength=strength)]).signals.types == live


def test_a_signal_without_a_rule_is_live_until_it_expires_or_for_90_days() -> None:
    lasting = signal("technology_added")
    assert scored(signals=[lasting]).signals.types == ["technology_added"]
    assert scored(signals=[lasting], at=lasting.occurred_at + 90 * DAY).signals.types == []
    given = scored(signals=[signal("technology_added", expires_at=AT + DAY)])
    assert (given.signals.types, given.signals.strong, given.score.intent) == (["technology_added"], False, 0)


@pytest.mark.parametrize(
    ("expires_on", "intent"), [("2026-03-02", 50), ("2026-04-16T12:00:00Z", 25), ("soon", 0)]
)
def test_an_expiring_contract_counts_by_its_day(expires_on: str, intent: int) -> None:
    expiring = signal("contract_expiry", details={"expires_on": expires_on})
    assert scored(signals=[expiring]).score.intent == intent


def test_a_grade_is_left_downwards_only_below_the_hysteresis() -> None:
    floors = POLICY.intent_floors
    assert [floors.grade(71, before, 5) for before in ("1", "2", None)] == ["1", "2", "2"]
    assert floors.grade(69, "1", 5) == "2"
    assert floors.grade(46, "1", 5) == "2"
    assert floors.grade(44, "1", 5) == "3"
    assert floors.grade(75, "4", 5) == "1"


@pytest.mark.parametrize(
    ("country", "market", "validated"), [("us", "core", True), ("BR", "frontier", False), ("ZZ", None, None)]
)
def test_the_market_follows_the_country(country: str, market: str | None, validated: bool | None) -> None:
    facts = scored(lead=enriched_lead(company=Company(country=country))).facts
    assert (facts.get("account.market"), facts.get("account.market_validated")) == (market, validated)


def test_a_condition_of_a_band_may_ask_for_score_signals_and_lead() -> None:
    names = ["account.relation", "account.open_opportunity", "person.email_domain", "person.department"]
    policy = with_fields(POLICY, fact_readers=fact_readers(names, Known.LEAD))
    known = AccountReceivedV1("kestrel.example", relation="customer", open_opportunity=True)
    subject = ScoringSubject(enriched_lead(), [did("demo_request")], [signal()], known)
    facts = compute_score(subject, AT, policy).facts
    assert [facts[name] for name in names] == ["customer", True, "kestrel.example", "finance"]
    assert facts["signals.types"] == ["funding_round"]
    assert {"score.grade", "score.total", "score.segment"} <= facts.keys()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://www.example.com/pricing/teams?x=1#top", "/pricing/teams"),
        ("https://www.example.com", "/"),
        ("/pricing", "/pricing"),
        ("pricing", "/pricing"),
        ("https://www.example.com?next=https://x.example/pricing", "/"),
    ],
)
def test_the_path_of_a_url(url: str, path: str) -> None:
    assert path_of(url) == path


def test_the_spam_score_is_a_fact_only_when_a_condition_asks_for_it() -> None:
    lead = enriched_lead(message="FREE SEO BACKLINKS http://x.example http://y.example http://z.example")
    assert "spam_score" not in scored(lead=lead).facts
    asking = with_fields(POLICY, fact_readers=fact_readers(["spam_score"], Known.LEAD))
    assert compute_score(ScoringSubject(lead, []), AT, asking).facts["spam_score"] > 0


def test_bands_follow_the_grade() -> None:
    download = did("content_download", timedelta(hours=2))
    bands = [scored(*done, lead=enriched_lead(company=FITTING)).score.band for done in ([], [download])]
    assert bands == ["cold", "mql"]
