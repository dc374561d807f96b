"""What the page Flow says: conditions and numbers in words, and where each card, edge and queue leads to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from services.gateway.console.views.flow import FlowPicture, OwnLead, flow_notes, flow_picture
from services.gateway.console.views.flow_step import step_panel
from services.gateway.console.views.flow_words import FlowQuery
from services.gateway.domain.reports.flow_paths import FlowPaths, PathSums, flow_paths
from services.gateway.domain.reports.periods import named_period
from shared.policy.load import load, texts_in

NOW = datetime(2026, 11, 28, 10, 30, tzinfo=UTC)
POLICY = load(texts_in(Path(__file__).parents[4] / "config"))
SUMS: PathSums = {
    ("spam", "", "suppressed"): {"leads": 20},
    ("existing-owner", "bdr", "kept"): {"leads": 30, "assigned": 30, "late": 3},
    ("existing-owner", "sdr", "kept"): {"leads": 10, "assigned": 10},
    ("high-intent", "senior-ae", "assigned"): {"leads": 40, "assigned": 40, "late": 10},
}
WEEK = FlowQuery(period="7d")


@pytest.fixture
def paths() -> FlowPaths:
    unknown = {"high-intent": {"": 4}, "new-market": {"": 6, "company.employees": 5}}
    return flow_paths(POLICY, SUMS, unknown, {("spam", "", "suppressed"): {"leads": 25}})


def drawn(paths: FlowPaths, query: FlowQuery = WEEK, own: OwnLead | None = None) -> FlowPicture:
    return flow_picture(paths, query, named_period(query.period, NOW), own)


def asked(href: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(href).query).items()}


def test_a_card_says_how_many_of_those_that_came_this_far(paths: FlowPaths):
    cards = {card.key: card for card in drawn(paths).cards}
    card = cards["rule:high-intent"]
    assert card.spoken == "High intent: 40 of 40 that came this far"
    assert (card.name, card.leads, card.share, card.change) == ("High intent", 40, "40 %", "+40")
    assert cards["suppression:spam"].change == "\N{MINUS SIGN}5"
    assert cards["rule:nurture"].says == "everything else"
    assert cards["rule:existing-owner"].says.startswith("owner active and (owner accepted or")
    assert cards["suppression:student"].share == ""


def test_edges_queues_and_rows_lead_to_their_leads(paths: FlowPaths):
    picture = drawn(paths)
    since = "2026-11-22T00:00:00+00:00"
    assert {edge.spoken: asked(edge.href) for edge in picture.edges}["High intent to senior-ae: 40 leads"] == {
        "rule": "high-intent", "queue": "senior-ae", "since": since,
    }  # fmt: skip
    assert {queue.name: asked(queue.href) for queue in picture.queues}["bdr"] == {
        "queue": "bdr",
        "since": since,
    }
    assert {row.name: asked(row.href) for row in picture.rows}["Spam"] == {"reason": "spam", "since": since}
    assert "since" not in asked(drawn(paths, FlowQuery()).edges[0].href)


def test_the_address_keeps_what_is_chosen(paths: FlowPaths):
    query = FlowQuery("24h", "abc", "def")
    assert asked(drawn(paths, query).cards[0].href) == {
        "period": "24h", "policy": "abc", "compare": "def", "step": "suppression:opted_out",
    }  # fmt: skip
    assert FlowQuery().href() == "/flow"
    assert query.href(period="all", policy="", compare="") == "/flow"


def test_steps_that_caught_nothing_are_named(paths: FlowPaths):
    [note] = flow_notes(paths, FlowQuery())
    assert note.startswith("9 steps have never caught a lead: opted out, disposable email,")
    assert "caught no lead in 7 days" in flow_notes(paths, WEEK)[0]
    assert flow_notes(flow_paths(POLICY, {}, {}), FlowQuery()) == []


def test_the_lead_of_the_page_has_its_own_way(paths: FlowPaths):
    picture = drawn(paths, WEEK, OwnLead("lead-1", "Petra Tanaka", "high-intent", "senior-ae"))
    assert picture.own is not None
    assert (picture.own.step, picture.own.queue) == ("High intent", "senior-ae")
    assert [card.key for card in picture.cards if card.is_own] == ["rule:high-intent"]
    assert [edge.shape.queue for edge in picture.edges if edge.is_own] == ["senior-ae"]


def test_the_panel_says_how_a_rule_was_decided(paths: FlowPaths):
    step = next(one for one in paths.steps if one.name == "new-market")
    panel = step_panel(step, WEEK, named_period("7d", NOW), [])
    assert (panel.reached, panel.leads, panel.no, panel.unknown) == (40, 0, 34, 6)
    assert [(field.name, field.leads) for field in panel.fields] == [("employees", 5)]
    assert panel.others == "market validated"
    assert panel.late == ""
    high = next(one for one in paths.steps if one.name == "high-intent")
    assert step_panel(high, WEEK, named_period("7d", NOW), []).late == "25 %"
    spam = step_panel(paths.steps[4], WEEK, named_period("7d", NOW), [])
    assert (spam.kind, spam.unknown) == ("Suppression", None)
