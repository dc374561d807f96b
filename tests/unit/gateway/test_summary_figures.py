"""The summary of a period: its figures by hand, and what needs a look."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from services.gateway.domain.reports.periods import Period, RecentHours, named_period, period_before
from services.gateway.domain.reports.summary import (
    FIGURES,
    PresentLoad,
    SummarySums,
    attention,
    figures_of,
    late_by_rule,
    source_bands,
    with_cost,
)
from services.ledger.domain.counters import bucket_of

NOW = datetime(2026, 11, 28, 10, 30, tzinfo=UTC)
SUMS = SummarySums(
    leads={
        ("grade", "A1"): {"captured": 6},
        ("grade", "D4"): {"captured": 4},
        ("band", "sql"): {"captured": 6},
        ("source_band", "sql website"): {"captured": 6},
        ("source_band", "cold website"): {"captured": 1},
        ("source_band", "cold my fair"): {"captured": 3},
    },
    paths={
        ("spam", "", "suppressed"): {"leads": 2},
        ("fits", "sdr", "assigned"): {"leads": 5, "assigned": 4, "late": 1},
        ("fits", "sdr", "moved"): {"leads": 2, "assigned": 2, "late": 1},
        ("fits", "bdr", "assigned"): {"leads": 1},
    },
    reps={
        ("sdr",): {"assigned": 6, "accepted": 3, "late": 2, "rejected": 1, "meetings": 2, "won": 1},
        ("bdr",): {"assigned": 2, "accepted": 2},
    },
    took={("route", bucket_of(2_000)): {"measured": 8}, ("accept", bucket_of(600_000)): {"measured": 5}},
)
CALM = PresentLoad(waiting=0, late=0, held={}, open_leads={})


def test_the_figures_of_a_period():
    figures = figures_of(SUMS)
    assert tuple(figures) == FIGURES
    values = {name: one.value for name, one in figures.items()}
    assert (values["received"], values["routed"], values["suppressed"]) == (10, 8, 2)
    assert (values["accepted"], values["given_back"], values["meetings"], values["won"]) == (5, 1, 2, 1)
    assert values["late_share"] == 0.25
    assert values["to_route"] == pytest.approx(2, rel=0.2)
    assert values["to_accept_p95"] == pytest.approx(600, rel=0.2)


def test_an_empty_period_has_no_shares_and_no_times():
    figures = with_cost(figures_of(SummarySums({}, {}, {(): {}}, {})), 0)
    assert figures["received"].value == 0
    missing = {name: one.needs for name, one in figures.items() if one.value is None}
    assert missing == {
        "to_route": "leads that were routed in these days",
        "to_route_p95": "leads that were routed in these days",
        "to_accept": "leads that were accepted in these days",
        "to_accept_p95": "leads that were accepted in these days",
        "late_share": "leads that were assigned in these days",
        "cost_per_routed_lead": "leads that were routed in these days",
    }


def test_what_a_routed_lead_cost():
    figures = figures_of(SUMS)
    assert with_cost(figures, 240)["cost_per_routed_lead"].value == 0.3
    assert "by the day" in (with_cost(figures, None)["cost_per_routed_lead"].needs or "")


def test_late_shares_by_rule_and_queue():
    [cell] = late_by_rule(SUMS.paths)
    assert (cell.rule, cell.queue, cell.assigned, cell.late) == ("fits", "sdr", 6, 2)
    assert cell.late_share.value == pytest.approx(0.333)


def test_sources_by_band():
    rows = source_bands(SUMS.leads)
    assert [(row.source, row.leads, row.bands) for row in rows] == [
        ("website", 7, {"sql": 6, "cold": 1}),
        ("my fair", 3, {"cold": 3}),
    ]


def test_what_needs_a_look_is_said_in_sentences():
    load = PresentLoad(
        waiting=2, late=1, held={"ana": 3, "ben": 0}, open_leads={"ana": 12, "cleo": 70, "dan": 9}
    )
    found = attention(
        load, {"ana": 20, "cleo": 60}, {"ana": "Ana Ruiz"}, ["new-market"], {"": 40, "person.phone": 30}
    )
    assert [(one.kind, one.subject, one.count) for one in found] == [
        ("absent", "ana", 3),
        ("late", "", 1),
        ("waiting", "", 2),
        ("over_cap", "cleo", 10),
        ("idle_rule", "new-market", 0),
        ("unknown_field", "person.phone", 30),
    ]
    assert [one.says for one in found] == [
        "Ana Ruiz is away and holds 3 leads to accept",
        "1 lead late by more than a day",
        "2 leads waiting for over an hour for somebody who may have them",
        "cleo has 70 open leads, 10 over the limit of 60",
        "The rule new market caught no lead in 30 days",
        "Person phone is not known for 75 % of the leads of 30 days",
    ]


@pytest.mark.parametrize(
    "missing", [{}, {"": 40, "person.phone": 20}, {"": 19, "person.phone": 19}, {"person.phone": 9}]
)
def test_a_field_that_half_of_few_leads_lack_needs_no_look(missing: dict[str, int]):
    assert attention(CALM, {}, {}, [], missing) == []


def test_named_periods_and_those_before_them():
    hour = int(NOW.timestamp()) // 3_600
    day = named_period("24h", NOW)
    assert day == RecentHours(hour - 23, hour)
    assert period_before(day) == RecentHours(hour - 47, hour - 24)
    week = named_period("7d", NOW)
    assert week == Period(date(2026, 11, 22), date(2026, 11, 28))
    assert period_before(week) == Period(date(2026, 11, 15), date(2026, 11, 21))
    assert period_before(named_period("all", NOW)) is None
