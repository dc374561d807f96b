"""Figures of reports: verdicts, percentiles, roles of queues, and what is said where something is missing."""

from __future__ import annotations

from math import exp
from random import Random
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.reports.achievements import TeamAchievements
from services.gateway.domain.reports.conversions import best_grade_in_words, conversions
from services.gateway.domain.reports.durations import percentile
from services.gateway.domain.reports.figures import HEALTHY, HealthyRange, figure, share
from services.gateway.domain.reports.team_roles import role_of_queue
from services.ledger.domain.counters import bucket_of
from shared.policy.models import Rep, SalesQuota, Team

QUOTA = SalesQuota(period="quarter", amount_usd=91_312)  # about 1,000 a day


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(0.49, "below"), (0.5, "within"), (0.6, "within"), (0.7, "within"), (0.71, "above")],
)
def test_both_ends_of_a_range_are_within(value: float, verdict: str):
    assert HealthyRange("s", 0.5, 0.7).verdict(value) == verdict


def test_a_range_may_have_one_end():
    assert HEALTHY["gross_revenue_retention"].verdict(2.0) == "within"
    assert HEALTHY["gross_revenue_retention"].verdict(0.84) == "below"


def test_every_range_names_its_source():
    assert all(one.source and (one.lowest or one.highest) for one in HEALTHY.values())


def test_a_share_of_few_cases_has_a_value_and_no_verdict():
    assert share(1, 1, needs="", healthy="win_rate").verdict is None
    assert share(9, 9, needs="", healthy="win_rate").n == 9
    assert share(10, 10, needs="", healthy="win_rate").verdict == "above"


def test_a_figure_without_a_value_says_what_it_needs():
    found = share(0, 0, needs="leads", healthy="win_rate")
    assert (found.value, found.needs, found.verdict, found.n) == (None, "leads", None, 0)
    assert figure(0, "usd", needs="amounts").needs is None


@pytest.mark.parametrize(
    ("queue", "role"),
    [
        ("sdr", "SDR"), ("inside-sdr", "SDR"), ("SDR_emea", None), ("bdr", "BDR"), ("ae", "AE"),
        ("senior-ae", "AE"), ("inside_ae", "AE"), ("Field AE", "AE"), ("enterprise-se", "SE"), ("csm", "CSM"),
        ("partner", None), ("these", None), ("", None), ("-", None),
    ],
)  # fmt: skip
def test_the_last_word_of_a_queue_is_its_role(queue: str, role: str | None):
    assert role_of_queue(queue) == role


@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=300), st.sampled_from([0.05, 0.5, 0.95]))
def test_a_percentile_lies_in_the_bucket_of_the_exact_one(durations: list[int], part: float):
    buckets: dict[int, int] = {}
    for ms in durations:
        buckets[bucket_of(ms)] = buckets.get(bucket_of(ms), 0) + 1
    found = percentile(buckets, part)
    exact = sorted(durations)[max(0, -int(-part * len(durations) // 1) - 1)]
    assert found is not None
    assert found <= 1 if exact == 0 else exact / 2**0.26 <= found <= exact * 2**0.26


def test_the_median_of_a_year_of_leads_is_within_a_few_percent():
    random = Random(7)
    durations = [int(exp(random.gauss(8, 1.5))) for _ in range(20_000)]
    buckets: dict[int, int] = {}
    for ms in durations:
        buckets[bucket_of(ms)] = buckets.get(bucket_of(ms), 0) + 1
    assert percentile(buckets, 0.5) == pytest.approx(median(durations), rel=0.03)
    assert percentile({}, 0.5) is None
    assert percentile({3: 0, 5: -1}, 0.5) is None


def grades(**leads: tuple[int, int]) -> list[Any]:
    sums: dict[Any, dict[str, int]] = {
        ("grade", grade): {"captured": captured, "opportunities": became}
        for grade, (captured, became) in leads.items()
    }
    return conversions(sums, "grade", by_name=True)


@pytest.mark.parametrize(
    ("leads", "said"),
    [
        ({}, "No lead of grade A1 was captured in these days."),
        ({"B2": (50, 5)}, "No lead of grade A1 was captured in these days."),
        (
            {"A1": (1, 1), "B2": (50, 5)},
            "1 of 1 A1 leads became opportunities, 5 of 50 others: too few to tell whether A1 converts better.",
        ),
        (
            {"A1": (120, 36), "B2": (400, 40), "D4": (400, 8)},
            "A1 converts better: 30 % of 120 leads became opportunities, 6 % of 800 others.",
        ),
        (
            {"A1": (200, 2), "B2": (400, 60)},
            "A1 converts worse: 1 % of 200 leads became opportunities, 15 % of 400 others.",
        ),
        (
            {"A1": (20, 3), "B2": (100, 12)},
            (
                "A1 converts neither better nor worse as far as these numbers tell: 15 % of 20 leads became "
                "opportunities, 12 % of 100 others."
            ),
        ),
        (
            {"A1": (20, 0), "B2": (100, 0)},
            (
                "20 leads of grade A1 were captured; it needs outcomes of type opportunity to tell whether they "
                "convert."
            ),
        ),
    ],
)
def test_whether_the_best_grade_converts(leads: dict[str, tuple[int, int]], said: str):
    assert best_grade_in_words(grades(**leads)) == said


def test_of_many_names_those_with_most_leads_are_shown():
    sums: dict[Any, dict[str, int]] = {("campaign", f"c{n:03}"): {"captured": n} for n in range(1, 101)}
    sums["campaign", "(other)"] = {"captured": 5}
    rows = conversions(sums, "campaign")
    assert len(rows) == 51
    assert rows[0].name == "c100"
    assert rows[-1].name == "(other)"
    assert sum(row.captured for row in rows) == sum(range(1, 101)) + 5


def achieved(role: str, sums: dict[Any, dict[str, int]], *reps: dict[str, Any], **given: Any) -> Any:
    team = Team(reps=tuple(Rep(name="A Rep", **rep) for rep in reps))
    days = given.pop("days", 28)
    counted_days = given.pop("counted_days", days)
    return TeamAchievements(
        team, sums, given.pop("ever", sums), given.pop("qualified", {}), days=days, counted_days=counted_days
    ).of_role(role, ["sdr", "bdr", "senior-ae", "se", "csm"])  # type: ignore[arg-type]


ANA = {"id": "ana", "queues": ("sdr",)}
BEN = {"id": "ben", "queues": ("sdr",)}
AMY = {"id": "amy", "queues": ("senior-ae",)}


def test_the_figures_of_sdrs():
    sums = {
        ("sdr", "ana"): {"meetings": 40, "met": 40, "met_opportunity": 24, "accepted": 100, "replied": 5},
        ("sdr", "ben"): {"meetings": 20, "met": 20, "accepted": 100},
        ("senior-ae", "amy"): {"opportunities": 24},
    }
    role = achieved("SDR", sums, ANA, BEN)
    assert role.heads == 2
    values = {name: (one.value, one.n, one.verdict) for name, one in role.figures.items()}
    assert values == {
        "meetings_per_week": (7.5, None, "below"),
        "meeting_to_opportunity": (0.4, 60, "below"),
        "reply_rate": (0.025, 200, "below"),
    }
    ana, ben = role.reps
    assert ana.figures["meetings_per_week"].value == 10
    assert ana.figures["meeting_to_opportunity"].verdict == "within"
    assert ben.figures["meeting_to_opportunity"].value == 0


@pytest.mark.parametrize(
    ("sums", "counted_days", "name", "needs"),
    [
        ({}, 28, "meetings_per_week", "outcomes of type meeting_booked"),
        ({}, 6, "meetings_per_week", "a week of counting"),
        (
            {("sdr", "ana"): {"meetings": 9, "met": 9}},
            28,
            "meeting_to_opportunity",
            "outcomes of type opportunity",
        ),
        ({("sdr", "ana"): {"accepted": 9}}, 28, "reply_rate", "outcomes of type reply"),
    ],
)
def test_what_an_sdr_figure_needs(sums: dict[Any, Any], counted_days: int, name: str, needs: str):
    role = achieved("SDR", sums, ANA, counted_days=counted_days)
    assert (role.figures[name].value, role.figures[name].needs) == (None, needs)


def test_a_role_that_nobody_has_says_so():
    role = achieved("CSM", {}, ANA)
    assert role.needs == "reps in a queue whose name ends in csm, such as csm or inside-csm"
    assert role.figures == {}


def test_a_rep_who_left_is_shown_without_a_name():
    role = achieved("SDR", {("sdr", "zoe"): {"assigned": 3}}, ANA)
    assert [(rep.rep, rep.name) for rep in role.reps] == [("ana", "A Rep"), ("zoe", None)]


def test_the_figures_of_aes():
    sums = {
        ("senior-ae", "amy"): {
            "won": 5,
            "lost": 20,
            "won_usd": 28_000,
            "opportunity_usd": 1,
            "without_usd": 2,
        }
    }
    ever = {("senior-ae", "amy"): {"open_usd": 319_592}}
    role = achieved("AE", sums, AMY | {"quota": QUOTA}, ever=ever)
    figures = role.figures
    assert (figures["win_rate"].value, figures["win_rate"].verdict) == (0.2, "within")
    assert (figures["attainment"].value, figures["attainment"].verdict) == (1.0, "within")
    assert (figures["coverage"].value, figures["coverage"].verdict) == (3.5, "within")
    assert figures["coverage"].note == "2 outcomes without an amount in US dollars are not in it"


def test_attainment_says_how_many_days_of_the_period_it_knows():
    sums = {("senior-ae", "amy"): {"won": 1, "won_usd": 9_000, "without_usd": 1}}
    notes = [
        achieved("AE", sums, AMY | {"quota": QUOTA}, days=90, counted_days=days).figures["attainment"].note
        for days in (90, 10)
    ]
    left_out = "1 outcome without an amount in US dollars is not in it"
    assert notes == [left_out, f"only 10 of 90 days were counted so far; {left_out}"]


def test_what_the_figures_of_aes_need():
    figures = achieved("AE", {("senior-ae", "amy"): {"won": 1}}, AMY).figures
    assert figures["win_rate"].needs == "outcomes of the types won and lost"
    assert figures["attainment"].needs == (
        "`quota` of every rep in team.yaml and outcomes of type won with amounts in US dollars"
    )
    assert figures["coverage"].value is None


def test_the_figures_of_bdrs_ses_and_csms():
    day = 86_400_000
    sums = {
        ("bdr", "bob"): {"named": 12, "named_usd": 60_000},
        ("se", "sue"): {"pilots_won": 7, "pilots_lost": 3},
        ("csm", "cam"): {
            "renewed_usd": 90, "expanded_usd": 25, "contracted_usd": 4, "churned_usd": 6, "revenue_events": 11,
        },
    }  # fmt: skip
    qualified = {("bdr", bucket_of(90 * day)): {"measured": 12}, ("sdr", 3): {"measured": 99}}
    team = (
        {"id": "bob", "queues": ("bdr",)},
        {"id": "sue", "queues": ("se",)},
        {"id": "cam", "queues": ("csm",)},
    )
    bdr = achieved("BDR", sums, *team, qualified=qualified)
    assert bdr.figures["named_pipeline"].value == 60_000
    assert bdr.figures["days_to_qualified"].value == pytest.approx(90, rel=0.19)
    assert bdr.figures["days_to_qualified"].verdict == "within"
    assert "days_to_qualified" not in bdr.reps[0].figures
    assert achieved("SE", sums, *team).figures["pilot_conversion"].verdict == "within"
    csm = achieved("CSM", sums, *team).figures
    assert (csm["net_revenue_retention"].value, csm["net_revenue_retention"].verdict) == (1.15, "within")
    assert (csm["gross_revenue_retention"].value, csm["gross_revenue_retention"].verdict) == (0.9, "within")


def test_a_rep_of_two_roles_counts_in_the_role_of_its_first_queue():
    assert achieved("BDR", {}, {"id": "x", "queues": ("partner", "bdr", "sdr")}).heads == 1
