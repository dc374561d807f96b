"""What the page Report says: values in words, changes since the period before, and addresses of leads."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from services.gateway.console.views.report import ReportPage, attention_list, given_back_list, report_page
from services.gateway.domain.reports.periods import named_period
from services.gateway.domain.reports.summary import (
    Attention,
    ComparedSummary,
    SummarySums,
    figures_of,
    with_cost,
)
from tests.unit.gateway.test_summary_figures import SUMS

NOW = datetime(2026, 11, 28, 10, 30, tzinfo=UTC)
SINCE = "2026-11-22T00:00:00+00:00"
EARLIER = SummarySums(
    leads={("grade", "A1"): {"captured": 5}},
    paths={("fits", "sdr", "assigned"): {"leads": 4}},
    reps={("sdr",): {"assigned": 10, "accepted": 10, "late": 5, "rejected": 2}},
    took={},
)


@pytest.fixture
def page() -> ReportPage:
    found = ComparedSummary(SUMS, with_cost(figures_of(SUMS), 240), with_cost(figures_of(EARLIER), 60))
    return report_page("7d", named_period("7d", NOW), found, ["sdr", "bdr"])


def asked(href: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(href).query).items()}


def test_tiles_say_values_and_changes(page: ReportPage):
    tiles = {tile.name: tile for tile in page.tiles}
    said = {name: (tile.value, tile.change, tile.tone, tile.before) for name, tile in tiles.items()}
    assert said["received"] == ("10", "up 100 %", "", "5")
    assert said["late_share"] == ("25 %", "down 50 %", "ok", "50 %")
    assert said["accepted"] == ("5", "down 50 %", "bad", "10")
    assert said["given_back"] == ("1", "down 50 %", "ok", "2")
    assert said["cost_per_routed_lead"] == ("30 ¢", "up 100 %", "bad", "15 ¢")
    assert said["meetings"] == ("2", "", "", "0")
    assert tiles["to_accept"].beside.startswith("95 % within ")


def test_figures_lead_to_their_leads(page: ReportPage):
    tiles = {tile.name: tile.href for tile in page.tiles}
    period = {"reached_since": SINCE, "reached_until": "2026-11-29T00:00:00+00:00"}
    reached = {name: asked(href) for name, href in tiles.items()}
    assert reached == {
        "received": {"reached": "received", **period},
        "routed": {"reached": "routed", **period},
        "suppressed": {"reached": "suppressed", **period},
        "to_route": {"reached": "first_routed", **period},
        "to_accept": {"reached": "accepted", **period},
        "late_share": {"reached": "late", **period},
        "accepted": {"reached": "accepted", **period},
        "given_back": {"reached": "given_back", **period},
        "meetings": {"reached": "meeting_booked", **period},
        "won": {"reached": "won", **period},
        "cost_per_routed_lead": {"reached": "routed", **period},
    }
    [row] = page.late
    assert [(cell.text, cell.heat) for cell in row.cells] == [("33.3 %", 4), ("", 0)]
    assert asked(row.cells[0].href) == {"rule": "fits", "queue": "sdr", "since": SINCE}
    assert [(grade.grade, grade.leads, asked(grade.href)["first_grade"]) for grade in page.grades] == [
        ("A1", 6, "A1"),
        ("D4", 4, "D4"),
    ]
    website = page.sources[0]
    assert [(bar.band, bar.leads, asked(bar.href)["source"]) for bar in website.bars] == [
        ("sql", 6, "website"),
        ("cold", 1, "website"),
    ]
    assert sum(bar.width for bar in website.bars) == pytest.approx(100)


def test_an_empty_period_says_so():
    empty = SummarySums({}, {}, {}, {})
    found = ComparedSummary(empty, with_cost(figures_of(empty), 0), {})
    page = report_page("24h", named_period("24h", NOW), found, ["sdr"])
    assert page.is_empty
    assert {tile.value for tile in page.tiles} == {"0", "none"}
    assert not any(tile.is_compared for tile in page.tiles)


def test_what_needs_a_look_leads_to_where_it_is_looked_at():
    items = [
        Attention("absent", "ana", 3, "Ana is away and holds 3 leads to accept"),
        Attention("unknown_field", "person.linkedin_url", 30, "Person linkedin url is not known for 75 %"),
        Attention("waiting", "", 2, "2 leads waiting"),
    ]
    lines = attention_list(items, opens_policy=True).lines
    assert [(line.says, line.href) for line in lines] == [
        ("Ana is away and holds 3 leads to accept", "/?tab=to_accept&owner=ana"),
        ("LinkedIn is not known for 75 %", "/providers"),
        ("2 leads waiting", "/?tab=waiting"),
    ]
    assert [line.href for line in attention_list(items, opens_policy=False).lines[1:]] == [
        "",
        "/?tab=waiting",
    ]


def test_reasons_are_said_in_words():
    found = given_back_list(
        named_period("24h", NOW),
        {
            ("sdr", "no_budget"): {"decided": 2},
            ("bdr", "(none)"): {"decided": 3},
            ("sdr", "spam"): {"decided": 0},
        },
    )
    assert [(line.reason, line.queue, line.count) for line in found.lines] == [
        ("no reason given", "bdr", 3),
        ("No budget", "sdr", 2),
    ]
    assert asked(found.lines[1].href) == {
        "reached": "given_back",
        "given_back_as": "no_budget",
        "reached_in": "sdr",
        "reached_since": "2026-11-27T11:00:00+00:00",
        "reached_until": "2026-11-28T11:00:00+00:00",
    }
