from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from services.router.domain.score_words import score_in_words
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Company, Details, Person
from shared.lead.events.scoring import AccountView, LiveSignal, Score, ScoreLine, Signals
from tests.support.scored_leads import AT, scored_lead

COMPANY = Company(
    name="Kestrel",
    employees=12_000,
    revenue_usd=62_000_000,
    growth_pct=20,
    industry="software",
    technologies=["salesforce", "dbt"],
    last_funding_at=datetime(2025, 6, 1, tzinfo=UTC),
)


def lead(*lines: ScoreLine) -> LeadScoredV1:
    return replace(
        scored_lead(),
        company=COMPANY,
        person=Person(seniority="cxo", title="CEO"),
        account_view=AccountView(relation="target", market_validated=False),
        score=Score(50, 50, 0, "B4", "cold", None, list(lines)),
    )


@pytest.mark.parametrize(
    ("rule", "fact", "why", "words"),
    [
        ("size", "company.employees", "size: company.employees is 12000", "Size: 12,000 employees (+5)"),
        ("budget", "company.last_funding_at, company.revenue_usd", "budget: …",
         "Budget: last funded on 1 June 2025, revenue 62 M USD (+5)"),
        ("industry", "company.industry", "industry: …", "Industry: software (+5)"),
        ("tools", "company.technologies", "tools: …", "Tools: uses salesforce, dbt (+5)"),
        ("seniority", "person.seniority", "seniority: …", "Seniority: C-level (+5)"),
        ("geography", "account.market_validated", "geography: …", "Geography: a new market (+5)"),
        ("growth", "company.growth_pct", "growth: …", "Growth: growth 20 % (+5)"),
        ("leads", "account.people", "leads: …", "Leads: people 0 (+5)"),
        ("demo-request", "demo_request on 2026-03-01", "90 of 90 points", "Demo request on 1 March (+5)"),
        ("pricing", "page_view on 2025-12-31", "20 of 20", "Pricing, page view on 31 December 2025 (+5)"),
        ("web", "cap", "web gives at most 40", "Web gives at most 40 (+5)"),
        ("by-form", "answers.team_size", "by-form: answers.team_size is 12", "By form: team size is 12 (+5)"),
        ("x", "company.funding_total_usd", "x: company.funding_total_usd is not known",
         "X: funding total is not known (+5)"),
    ],
)  # fmt: skip
def test_a_line_in_words(rule, fact, why, words):
    assert list(score_in_words(lead(ScoreLine("fit", rule, fact, 5, why)), AT)) == [words]


def test_the_strongest_lines_come_first_and_lines_without_points_are_left_out():
    points = [1, -9, 30, 0, 4, 5, 6, 7, 2]
    lines = [ScoreLine("fit", f"gives {abs(number)}", "answers.x", number, "because") for number in points]
    assert list(score_in_words(lead(*lines), AT)) == [
        "Gives 30: because (+30)",
        "Gives 9: because (-9)",
        "Gives 7: because (+7)",
        "Gives 6: because (+6)",
        "Gives 5: because (+5)",
        "Gives 4: because (+4)",
        "and 2 more",
    ]


def test_a_disqualified_lead_says_why_it_has_no_points():
    line = ScoreLine(
        "fit", "too-small", "company.employees", 0, "disqualified as too-small: company.employees is 4"
    )
    assert list(score_in_words(lead(line), AT)) == ["Too small: 12,000 employees"]


def test_the_points_of_a_contract_are_for_the_day_on_which_it_ends():
    line = ScoreLine("signal", "contract-expiry", "contract_expiry on 2026-02-20", 17, "17 of 50 points")
    told = datetime(2026, 2, 20, 9, tzinfo=UTC)
    details: Details = {"vendor": "Rivalworks", "expires_on": "2026-04-30"}
    signal = LiveSignal("s", "contract_expiry", told, 17, True, None, details)
    known = replace(lead(line), signals=Signals(True, ["contract_expiry"], [signal]))
    assert list(score_in_words(known, AT)) == ["Contract with Rivalworks ends on 30 April (+17)"]
    assert list(score_in_words(lead(line), AT)) == ["Contract expiry on 20 February (+17)"]
