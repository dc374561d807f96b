"""The live signals that a score names, and the news that it is about."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.scorer.domain.live_signals import DETAILS_BYTES_MAX, LIVE_MAX
from shared.errors import DataError
from shared.lead.events.parts import Trigger
from shared.worker.decision import Outcome
from tests.support.enriched_leads import AT, DAY, did

FORM = Trigger("lead", "received-1")
CONTRACT = Trigger("signal", "contract-1", "contract_expiry")


def live(scorer):
    [scored] = scorer.scored()
    return scored.signals.live


def test_a_score_names_the_live_signals_with_the_strongest_first(scorer):
    scorer.enrich()
    scorer.signal("hiring_surge", id_="hiring-1", ago=DAY)
    raised = {"amount_usd": 30_000_000, "round": "series_b"}
    scorer.signal("funding_round", id_="funding-1", ago=12 * DAY, details=raised)
    first, second = live(scorer)
    assert (first.event_id, first.type, first.at) == ("funding-1", "funding_round", AT - 12 * DAY)
    assert (first.points, first.strong, first.details) == (35, True, raised)
    assert (second.event_id, second.points, second.strong) == ("hiring-1", 20, False)


def test_of_signals_with_equal_points_a_strong_one_is_first_then_the_newer_one(scorer):
    scorer.enrich()
    scorer.signal("executive_hire", id_="older", ago=timedelta(hours=2))
    scorer.signal("executive_hire", id_="newer", ago=timedelta(hours=1))
    assert [(one.event_id, one.points) for one in live(scorer)] == [("newer", 40), ("older", 40)]


def test_a_signal_that_no_rule_counts_is_named_until_it_expires(scorer):
    scorer.enrich()
    scorer.signal("news", id_="news-1", expires_at=AT + 2 * DAY)
    assert [(one.event_id, one.points, one.strong) for one in live(scorer)] == [("news-1", 0, False)]
    scorer.advance(3 * DAY)
    assert live(scorer) == []


@pytest.mark.parametrize(
    ("type_", "details", "person"),
    [
        ("executive_hire", {"name": "Rosa Lindqvist", "title": "CRO"}, "Rosa Lindqvist"),
        ("job_change", {"person": "Ana Ruiz", "name": "Kestrel"}, "Ana Ruiz"),
        ("executive_hire", {"name": 7, "title": "CRO"}, None),
        ("funding_round", {"name": "Series B"}, None),
    ],
)
def test_a_signal_about_a_person_names_them(scorer, type_, details, person):
    scorer.enrich()
    scorer.signal(type_, details=details, expires_at=AT + DAY)
    assert [one.person for one in live(scorer)] == [person]


def test_what_a_score_names_is_bounded(scorer):
    scorer.enrich()
    for number in range(LIVE_MAX + 3):
        details = {"about": {"deep": {"deeper": 1}}, "round": f"round {number}"}
        details |= {f"text {part}": "x" * 290 for part in range(15)}
        scorer.signal(id_=f"signal-{number}", ago=number * DAY, details=details)
    scorer.enrich(sequence=2)
    named = live(scorer)
    strongest, told_last = range(LIVE_MAX - 1), LIVE_MAX + 2
    assert [one.event_id for one in named] == [f"signal-{number}" for number in (*strongest, told_last)]
    for one in named:
        assert "about" not in one.details
        assert one.details["round"]
        assert len(str(one.details)) <= DETAILS_BYTES_MAX + 100


def test_news_are_told_however_many_signals_are_stronger(scorer):
    scorer.enrich()
    for number in range(LIVE_MAX + 1):
        scorer.signal("executive_hire", id_=f"hired-{number}", ago=number * DAY)
    scorer.signal("technology_added", id_="news-1")
    [scored] = scorer.scored()
    assert scored.trigger == Trigger("signal", "news-1", "technology_added")
    ids = [*(f"hired-{number}" for number in range(LIVE_MAX - 1)), "news-1"]
    assert [one.event_id for one in scored.signals.live] == ids
    scorer.enrich(sequence=2)
    assert [one.event_id for one in live(scorer)] == ids, "as long as there are no other news"


def test_a_signal_is_told_even_where_a_cap_leaves_the_score_as_it_was(scorer):
    scorer.enrich(activities=[did("demo_request")])
    scorer.signal("executive_hire", id_="hired-1")
    scorer.signal("executive_hire", id_="hired-2", ago=DAY)
    [scored] = scorer.scored()
    assert (scored.score.intent, scored.trigger.event_id) == (100, "hired-2")


# News


def test_decay_and_enrichment_keep_the_last_news(scorer):
    scorer.enrich(activities=[did("demo_request")])
    news = Trigger("lead", "received-1", "demo_request")
    assert (scorer.scored()[0].trigger, scorer.scored()[0].news) == (news, news)
    scorer.enrich(sequence=2)
    assert [(one.trigger.kind, one.news) for one in scorer.scored()] == [("enrichment", news)]
    scorer.advance(30 * DAY)
    assert [(one.trigger.kind, one.last_news) for one in scorer.scored()] == [("decay", news)]
    scorer.signal(id_="funding-1")
    funding = Trigger("signal", "funding-1", "funding_round")
    assert [(one.trigger, one.news) for one in scorer.scored()] == [(funding, funding)]


def test_a_contract_that_comes_near_is_the_trigger(scorer):
    """Its points rise by the passing of time alone: the timer is that of decay, and the news is the contract."""
    scorer.enrich()
    ends = (AT + 200 * DAY).date().isoformat()
    scorer.signal("contract_expiry", id_="contract-1", details={"expires_on": ends})
    assert scorer.scored() == []
    seen = []
    while scorer.due_at() is not None:
        scorer.at = scorer.due_at()
        scorer.fire_due()
        [scored] = scorer.scored()
        assert [one.event_id for one in scored.signals.live] in ([], ["contract-1"])
        seen.append((scored.score.intent, scored.trigger.kind, scored.news))
    # It becomes live, reaches two grades, and ends.
    assert seen == [
        (1, "signal", CONTRACT),
        (25, "signal", CONTRACT),
        (50, "signal", CONTRACT),
        (0, "decay", CONTRACT),
    ]


def test_a_contract_is_not_the_trigger_of_a_grade_that_other_facts_lose(scorer):
    scorer.enrich(activities=[did("demo_request")])
    ends = (AT + 89 * DAY).date().isoformat()
    scorer.signal("contract_expiry", id_="contract-1", details={"expires_on": ends})
    assert [(one.type, one.points) for one in live(scorer)] == [("contract_expiry", 1)]
    scorer.at = scorer.due_at()
    scorer.fire_due()
    [scored] = scorer.scored()
    assert (scored.trigger.kind, scored.news) == ("decay", CONTRACT)


# A contract without its end


@pytest.mark.parametrize("details", [{}, {"expires_on": "soon"}, {"expires_on": "31.03.2027"}])
def test_a_contract_that_does_not_say_when_it_ends_is_set_aside_with_the_reason(scorer, details):
    scorer.enrich()
    with pytest.raises(DataError, match=r"details\.expires_on.*YYYY-MM-DD") as error:
        scorer.signal("contract_expiry", details=details)
    assert error.value.kind == "expires_on"
    assert scorer.account().signals == {}


def test_the_end_of_a_contract_is_kept_among_many_details(scorer):
    scorer.enrich()
    details = {f"detail {number}": number for number in range(30)} | {"expires_on": AT.date().isoformat()}
    assert scorer.signal("contract_expiry", details=details) is Outcome.APPLIED
    assert [one.points for one in live(scorer)] == [50]
