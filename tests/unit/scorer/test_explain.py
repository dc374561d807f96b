"""Why a lead has its score: each rule's verdict, on which facts, with how many points, and what was unknown."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from services.scorer.domain.account import account_view
from services.scorer.domain.explain import FactExplanation, explain_scored
from services.scorer.domain.score import ScoringSubject
from services.scorer.domain.state import AccountRow
from services.scorer.policy import scoring_policy
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.parts import Company
from shared.lead.events.scoring import AccountView
from shared.policy.compiled import compiled
from tests.support.enriched_leads import AT, DAY, FITTING, did, enriched_lead, signal
from tests.support.score_explanations import explain_score
from tests.support.scoring_policies import compiled_with, default_compiled, default_scoring

POLICY = default_scoring()
SMALL = Company(employees=4, industry="software", country="US")


def explain(*activities, signals=(), lead=None, view=None, **held):
    subject = ScoringSubject(lead or enriched_lead(), activities, signals, None, **held)
    return explain_score(subject, AT, POLICY, view)


def facts(explanation) -> dict[str, FactExplanation]:
    return {fact.rule: fact for fact in explanation.facts}


# Markets, segments, criteria


def test_every_market_has_its_verdict():
    verdicts = [(market.rule, market.verdict) for market in explain().markets]
    assert verdicts == [("core", "matched"), ("frontier", "no_match")]


def test_a_criterion_says_its_points_the_most_it_gives_and_why():
    [segment] = explain().segments
    seniority = next(criterion for criterion in segment.criteria if criterion.criterion == "seniority")
    assert (seniority.points, seniority.most) == (15, 15)
    [leaf] = seniority.levels[0].because
    assert (leaf.field, leaf.saw) == ("person.seniority", "vp")


def test_the_points_of_the_criteria_sum_to_the_fit_of_the_segment():
    [segment] = explain(lead=enriched_lead(title="Sales Manager")).segments
    assert segment.fit == sum(criterion.points for criterion in segment.criteria) == 95
    assert (segment.taken, segment.disqualified) == (True, None)


def test_a_disqualified_segment_has_no_fit_though_its_criteria_have_points():
    [segment] = explain(lead=enriched_lead(company=SMALL)).segments
    assert (segment.fit, segment.taken, segment.disqualified) == (0, False, "too-small")
    assert sum(criterion.points for criterion in segment.criteria) > 0
    assert [rule.verdict for rule in segment.disqualify] == ["matched"]


def test_a_field_that_is_unknown_is_said_to_be_unknown():
    [segment] = explain(lead=enriched_lead(company=Company(country="US"))).segments
    size = segment.criteria[0]
    assert {level.verdict for level in size.levels} == {"unknown_field"}
    assert size.points == 0


# Activities and signals


def test_an_activity_halves_with_its_age():
    demo = facts(explain(did("demo_request", 14 * DAY)))["demo-request"]
    assert (demo.full, demo.points, demo.verdict) == (90, 45, "matched")
    assert (demo.age_s, demo.half_life_s) == (14 * 86_400, 14 * 86_400)
    assert (demo.rises_s, demo.ends_s, demo.live) == (None, None, None)
    assert demo.fact == "demo_request on 2026-02-16"


def test_an_activity_is_explained_under_every_rule_on_its_type():
    explained = facts(explain(did("page_view", url="/blog")))
    assert {rule: (fact.verdict, fact.points) for rule, fact in explained.items()} == {
        "pricing": ("no_match", 0),
        "page": ("matched", 2),
    }


def test_an_activity_ahead_of_time_has_a_negative_age_and_all_points():
    demo = facts(explain(did("demo_request", -DAY)))["demo-request"]
    assert (demo.age_s, demo.points) == (-86_400, 90)


@pytest.mark.parametrize(
    ("given", "points", "live"),
    [
        (signal(ago=timedelta()), 40, True),
        (signal(ago=60 * DAY), 20, True),
        (signal(ago=1_000 * DAY), 0, False),
        (signal(ago=timedelta(), expires_at=AT), 40, False),
        (signal(ago=timedelta(), expires_at=AT + DAY), 40, True),
    ],
    ids=["fresh", "half", "faded", "expired", "not expired yet"],
)
def test_a_signal_is_live_while_it_has_points_and_is_not_expired(given, points, live):
    funding = facts(explain(signals=[given]))["funding"]
    assert (funding.points, funding.live, funding.strong) == (points, live, True)


def test_a_signal_below_its_condition_has_no_points_and_is_not_live():
    surge = facts(explain(signals=[signal("intent_surge", strength=20)]))["intent-surge"]
    assert (surge.verdict, surge.points, surge.live) == ("no_match", 0, False)


def test_a_signal_that_rises_says_over_which_time():
    expiring = signal("contract_expiry", details={"expires_on": "2026-03-12"})
    fact = facts(explain(signals=[expiring]))["contract-expiry"]
    assert (fact.rises_s, fact.ends_s, fact.half_life_s) == (90 * 86_400, 30 * 86_400, None)
    assert fact.age_s == -9 * 86_400 - 15 * 3_600
    assert 0 < fact.points < fact.full == 50


def test_a_signal_that_names_no_day_to_rise_to_has_no_age():
    fact = facts(explain(signals=[signal("contract_expiry")]))["contract-expiry"]
    assert (fact.age_s, fact.points, fact.live) == (None, 0, False)


def test_a_signal_that_only_decays_says_no_time_of_rising_or_ending():
    funding = facts(explain(signals=[signal()]))["funding"]
    assert (funding.half_life_s, funding.rises_s, funding.ends_s) == (60 * 86_400, None, None)


def test_a_signal_with_one_point_left_is_live_and_with_none_is_not():
    """A half-life of 60 days rounds 40 points to 1 until 379 days and 9 hours have passed."""
    last, gone = signal(ago=379 * DAY), signal(ago=380 * DAY)
    assert [(fact.points, fact.live) for fact in explain(signals=[last, gone]).facts] == [
        (1, True),
        (0, False),
    ]


def test_a_fact_says_which_comparison_decided():
    [reason] = facts(explain(signals=[signal("intent_surge", strength=20)]))["intent-surge"].because
    assert (reason.field, reason.saw) == ("signal.strength", 20)


def test_types_that_no_rule_counts_are_named_once():
    explanation = explain(did("email_click"), did("email_click", DAY), signals=[signal("news")])
    assert explanation.uncounted == ["email_click", "news"]
    assert explanation.facts == []


def test_caps_are_the_lines_that_belong_to_no_single_fact():
    explanation = explain(did("demo_request"), did("contact_request"), signals=[signal()])
    assert [(line.rule, line.fact) for line in explanation.lines] == [("intent", "cap")]
    assert sum(fact.points for fact in explanation.facts) + explanation.lines[0].points == 100


# Grades, bands, the account


@pytest.mark.parametrize(
    ("held", "grade", "is_held"),
    [(None, "2", False), ("1", "1", True), ("2", "2", False)],
)
def test_a_grade_below_its_floor_is_said_to_be_held(held, grade, is_held):
    explanation = explain(did("demo_request", 5 * DAY), intent_grade=held).intent_grade
    assert (explanation.points, explanation.grade, explanation.held) == (70, grade, is_held)
    assert explanation.floors == {"1": 75, "2": 50, "3": 25, "4": 0}
    assert explanation.hysteresis == 5


def test_a_grade_at_its_floor_exactly_is_not_held():
    """The fit is 75, the floor of A."""
    company = Company(employees=1_500, industry="software", country="US", technologies=["Salesforce"])
    explanation = explain(lead=enriched_lead(company=company), fit_grade="A").fit_grade
    assert (explanation.points, explanation.grade, explanation.held) == (75, "A", False)
    assert (explanation.hysteresis, explanation.floors["A"]) == (5, 75)


def test_the_band_that_was_given_is_the_first_that_matched():
    bands = explain(did("demo_request")).bands
    assert next(band.rule for band in bands if band.verdict == "matched").startswith("sql")


def test_an_account_is_explained_only_when_it_is_at_hand():
    assert explain().qualified is None
    view = AccountView(people=2, high_intent_people=1, best_fit_grade="A")
    qualified = explain(view=view).qualified
    assert (qualified.rule, qualified.verdict) == ("qualified_when", "matched")
    lonely = explain(view=replace(view, people=1)).qualified
    assert lonely.verdict == "no_match"


def test_without_a_condition_on_accounts_there_is_nothing_to_explain():
    policy = default_compiled().policy
    accounts = policy.scoring.accounts.model_copy(update={"qualified_when": None})
    scoring = policy.scoring.model_copy(update={"accounts": accounts})
    without = scoring_policy(compiled(policy.model_copy(update={"scoring": scoring})))
    subject = ScoringSubject(enriched_lead(), [])
    assert explain_score(subject, AT, without, AccountView(people=9)).qualified is None


# Ages: every verdict is the one at the instant of the explanation

CORE = "{field: company.country, in: [US, CA, GB, IE, DE, AT, CH, NL, BE, FR, DK, SE, NO, FI, AU, NZ]}"
RECENT = "{field: company.last_funding_at, within: 30d}"
PLACES = {
    "market": (
        {"icp": (CORE, RECENT)},
        lambda explanation: explanation.markets[0],
    ),
    "disqualifier": (
        {"icp": ("{field: company.employees, lt: 10}", RECENT)},
        lambda explanation: explanation.segments[0].disqualify[0],
    ),
    "level": (
        {"icp": ("{field: person.seniority, in: [cxo, vp, director]}", RECENT)},
        lambda explanation: explanation.segments[0].criteria[2].levels[0],
    ),
    "activity": (
        {"scoring": ("half_life: 14d, max: 90}", f"half_life: 14d, max: 90, when: {RECENT}}}")},
        lambda explanation: facts(explanation)["demo-request"],
    ),
    "signal": (
        {"scoring": ("when: {field: signal.strength, gte: 60}", f"when: {RECENT}")},
        lambda explanation: facts(explanation)["intent-surge"],
    ),
    "band": (
        {"scoring": ("when: {field: score.grade, in: [A1, A2, B1]}", f"when: {RECENT}")},
        lambda explanation: explanation.bands[0],
    ),
    "account": (
        {"scoring": ("{field: account.spike, eq: true}", RECENT)},
        lambda explanation: explanation.qualified,
    ),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("ago", "verdict"), [(29, "matched"), (31, "no_match")])
def test_a_condition_on_an_age_has_its_verdict_at_the_instant_of_the_score(place, ago, verdict):
    changes, read = PLACES[place]
    policy = scoring_policy(compiled_with(**changes))
    lead = enriched_lead(company=Company(country="US", employees=420, last_funding_at=AT - ago * DAY))
    subject = ScoringSubject(lead, [did("demo_request")], [signal("intent_surge", strength=80)])
    view = AccountView(people=1, high_intent_people=1, best_fit_grade="A")
    assert read(explain_score(subject, AT, policy, view)).verdict == verdict


def test_a_disqualifier_by_age_takes_the_fit():
    policy = scoring_policy(compiled_with(icp=("{field: company.employees, lt: 10}", RECENT)))
    lead = enriched_lead(company=Company(country="US", employees=420, last_funding_at=AT - DAY))
    [segment] = explain_score(ScoringSubject(lead, []), AT, policy).segments
    assert (segment.disqualified, segment.fit) == ("too-small", 0)


# From the event alone


def scored_event(scorer, **given):
    scorer.enrich(**given)
    [scored] = scorer.scored()
    return scored


def test_an_event_explains_its_score_as_it_was_recorded(scorer):
    scored = scored_event(scorer, activities=[did("demo_request")])
    explanation = explain_scored(scored, POLICY)
    assert explanation.at == scored.occurred_at
    assert explanation.fit_grade.points == scored.score.fit
    assert explanation.intent_grade.points == scored.score.intent
    assert facts(explanation)["demo-request"].points == 90


def test_the_points_of_signals_are_lines_as_the_event_has_not_the_signals(scorer):
    scorer.signal()
    explanation = explain_scored(scored_event(scorer), POLICY)
    assert explanation.facts == []
    assert [(line.part, line.rule, line.points) for line in explanation.lines] == [("signal", "funding", 40)]


@pytest.mark.parametrize("is_known", [True, False])
def test_the_bands_see_what_the_event_says_of_the_account(simulate, is_known):
    relation = "- {band: sql, when: {field: account.open_opportunity, eq: false}}\n"
    sql = "- {band: sql, when: {field: score.grade, in: [A1, A2, B1]}}\n"
    policy = scoring_policy(compiled_with(scoring=(sql, relation)))
    scorer = simulate(policy)
    if is_known:
        scorer.receive(AccountReceivedV1("kestrel.example"))
    explanation = explain_scored(scored_event(scorer), policy)
    assert explanation.bands[0].verdict == ("matched" if is_known else "unknown_field")


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        ("{field: account.relation, eq: customer}", "matched"),
        ("{field: account.open_opportunity, eq: true}", "matched"),
        ("{field: score.fit_grade, eq: A}", "matched"),
        ("{field: score.intent_grade, eq: 1}", "matched"),
        ("{field: score.grade, eq: A1}", "matched"),
        ("{field: signals.types, contains_any: [funding_round]}", "matched"),
        ("{field: signals.strong, eq: true}", "matched"),
        ("{field: account.market, eq: core}", "matched"),
        ("{field: company.last_funding_at, within: 30d}", "matched"),
        ("{field: company.last_funding_at, within: 5d}", "no_match"),
    ],
)
def test_a_condition_on_what_the_event_records_has_the_verdict_of_the_score(simulate, condition, verdict):
    sql = "{field: score.grade, in: [A1, A2, B1]}"
    policy = scoring_policy(compiled_with(scoring=(f"when: {sql}", f"when: {condition}")))
    scorer = simulate(policy)
    scorer.receive(AccountReceivedV1("kestrel.example", relation="customer", open_opportunity=True))
    scorer.signal()
    company = replace(FITTING, last_funding_at=AT - 10 * DAY)
    scored = scored_event(scorer, company=company, activities=[did("demo_request")])
    explanation = explain_scored(scored, policy)
    assert explanation.bands[0].verdict == verdict
    assert (scored.score.band == "sql") == (verdict == "matched")


def test_a_market_by_age_is_that_of_the_event_s_time(simulate):
    """Without the instant of the score the market, and the points of fit for it, would be lost."""
    policy = scoring_policy(compiled_with(icp=(CORE, RECENT)))
    scored = scored_event(simulate(policy), company=replace(FITTING, last_funding_at=AT - DAY))
    geography = explain_scored(scored, policy).segments[0].criteria[3]
    assert (geography.criterion, geography.points) == ("geography", 10)


def test_lines_of_fit_are_left_to_the_segments_even_those_without_points(scorer):
    scored = scored_event(scorer, company=SMALL)
    assert any(line.part == "fit" and line.points == 0 for line in scored.score.lines)
    assert explain_scored(scored, POLICY).lines == []


def test_an_event_explains_why_its_account_qualified(scorer):
    scorer.enrich("ana", activities=[did("demo_request")])
    scored = scored_event(scorer, name="bob")
    qualified = explain_scored(scored, POLICY).qualified
    assert qualified is not None
    assert qualified.verdict == "matched"


def test_the_view_of_an_account_has_the_facts_of_a_lead_that_are_the_accounts():
    view = account_view(AccountRow("kestrel.example"), None, {"account.market": "core"}, AT, POLICY)
    assert (view.market, view.relation, view.people, view.qualified) == ("core", "none", 0, False)
