"""Intent: points by rule under their caps, a line for every cap, live signals, and which activity counts most."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scorer.domain.decay import last_age_at
from services.scorer.domain.intent import (
    UNCOUNTED_LIVE_FOR,
    PointsByRule,
    anchor_of,
    apply_caps,
    cap_lines,
    describe_fact,
    expiry_day,
    live_signals,
    match_facts,
    match_signal,
    points_by_rule,
    score_intent,
    strongest_activity,
)
from services.scorer.policy import CompiledIntentRule, CompiledSignalRule, rules_of_type, scoring_policy
from shared.lead.fields import Known
from shared.rules.operators import Op
from shared.rules.syntax import Compare
from tests.support.enriched_leads import AT, DAY, did, signal
from tests.support.scoring_policies import compiled_with, default_compiled, default_scoring

POLICY = default_scoring()
HOUR = timedelta(hours=1)


def rule(name: str = "demo", points: int = 50, **given) -> CompiledIntentRule:
    return CompiledIntentRule(name, points, 10 * DAY, **given)


# Caps


def test_points_without_a_cap_are_summed():
    assert apply_caps({rule("a"): 20, rule("b"): 30}, POLICY) == 50


def test_each_rule_is_capped_before_its_group_and_the_group_before_all():
    demo, view, page = rule(max=40), rule("view", group="web"), rule("page", max=10, group="web")
    assert apply_caps({demo: 90}, POLICY) == 40
    assert apply_caps({view: 35, page: 30}, POLICY) == 40
    assert apply_caps({demo: 90, view: 35, page: 30, rule("content"): 90}, POLICY) == 100


def test_a_group_that_the_policy_does_not_cap_gives_all_its_points():
    assert apply_caps({rule("a", group="events"): 45, rule("b", group="events"): 45}, POLICY) == 90


def test_every_cap_that_was_reached_has_a_line_with_negative_points():
    sums: PointsByRule = {rule(max=40): 90, rule("view", group="web"): 50, rule("content"): 70}
    lines = {(line.rule, line.fact): line.points for line in cap_lines(sums, POLICY)}
    assert lines == {("demo", "max"): -50, ("web", "group"): -10, ("intent", "cap"): -50}


def test_a_cap_that_is_exactly_reached_has_no_line():
    assert list(cap_lines({rule(max=40): 40}, POLICY)) == []
    assert list(cap_lines({rule(group="web"): 40}, POLICY)) == []
    assert list(cap_lines({rule("a"): 60, rule("b"): 40}, POLICY)) == []


points_by_any_rule = st.dictionaries(
    st.builds(
        CompiledIntentRule,
        st.sampled_from("abc"),
        st.just(50),
        st.just(10 * DAY),
        max=st.none() | st.integers(1, 60),
        group=st.sampled_from([None, "web", "events"]),
    ),
    st.integers(0, 200),
    max_size=6,
)


@given(points_by_any_rule)
def test_points_and_cap_lines_sum_to_the_intent(sums):
    assert sum(sums.values()) + sum(line.points for line in cap_lines(sums, POLICY)) == apply_caps(
        sums, POLICY
    )


@given(points_by_any_rule, st.data())
def test_more_points_never_give_less_intent(sums, data):
    more = {key: points + data.draw(st.integers(0, 50)) for key, points in sums.items()}
    assert apply_caps(more, POLICY) >= apply_caps(sums, POLICY)


# Matches and their points


def test_the_lines_with_the_most_points_come_first_and_caps_last():
    activities = [did("page_view"), did("demo_request"), did("webinar"), did("contact_request")]
    matches = match_facts(activities, [], {}, AT, POLICY)
    lines = score_intent(matches, AT, POLICY).lines
    assert [line.points for line in lines] == [90, 70, 30, 2, -92]


def test_a_fact_with_no_points_left_has_no_line():
    matches = match_facts([did("page_view", 300 * DAY)], [], {}, AT, POLICY)
    assert score_intent(matches, AT, POLICY).lines == []
    assert list(points_by_rule(matches.activities, AT).values()) == [0]


def test_an_activity_without_a_rule_matches_nothing():
    assert match_facts([did("email_click")], [], {}, AT, POLICY).activities == ()


def test_a_page_is_matched_by_its_url_without_query_and_fragment():
    for url, rules in (("/pricing?plan=a", 2), ("/pricing#top", 2), ("/pricing", 2), ("/blog?x=/pricing", 1)):
        assert len(match_facts([did("page_view", url=url)], [], {}, AT, POLICY).activities) == rules


def test_a_url_that_may_name_a_person_is_not_kept_in_memory():
    """The rules of other URLs are looked up again; a query or a fragment may hold an e-mail address."""
    policy = scoring_policy(default_compiled())
    kept = policy.intent_on["page_view"].by_url
    assert kept is not None
    urls = ("/pricing?email=ana@kestrel.example", "/pricing#ana", "/pricing?a=1#ana")
    for url in (*urls, "/pricing", None):
        match_facts([did("page_view", url=url)], [], {}, AT, policy)
    assert kept.keys() == {"/pricing", None}


def test_a_signal_without_a_rule_is_kept_with_the_end_of_its_life():
    lasting, other = signal("news", expires_at=AT + DAY), signal("news")
    weak = signal("intent_surge", strength=20)
    assert match_facts([], [lasting, other, weak], {}, AT, POLICY).without_rule == (
        ("news", AT + DAY),
        ("news", other.occurred_at + UNCOUNTED_LIVE_FOR),
    )


def test_a_signal_matches_the_rules_on_its_type():
    [match] = match_signal(signal(expires_at=AT + DAY), {}, AT, POLICY)
    assert (match.rule.name, match.type, match.anchor) == ("funding", "funding_round", AT - HOUR)
    assert (match.points(AT), match.is_live(AT), match.is_live(AT + DAY)) == (40, True, False)
    assert match_signal(signal("news"), {}, AT, POLICY) == ()


def test_a_rule_on_a_signal_may_ask_for_facts_of_the_lead():
    funding = "- {name: funding, on: funding_round, points: 40, half_life: 60d, strong: true}"
    large = funding.replace("}", ", when: {field: company.employees, gte: 100}}")
    policy = scoring_policy(compiled_with(scoring=(funding, large)))
    for employees, rules in ((100, ["funding"]), (99, [])):
        found = match_facts([], [signal()], {"company.employees": employees}, AT, policy).signals
        assert [match.rule.name for match in found] == rules


def test_live_signals_are_named_once_each_in_order():
    signals = [signal("hiring_surge"), signal(), signal(ago=DAY), signal("news", expires_at=AT + DAY)]
    live = live_signals(match_facts([], signals, {}, AT, POLICY), AT)
    assert (live.types, live.strong) == (["funding_round", "hiring_surge", "news"], True)


# The day that a signal names


@pytest.mark.parametrize(
    ("details", "day"),
    [
        ({"expires_on": "2026-07-01"}, datetime(2026, 7, 1, tzinfo=UTC)),
        ({"expires_on": "2026-07-01T15:00:00+02:00"}, datetime(2026, 7, 1, tzinfo=UTC)),
        ({"expires_on": "01.07.2026"}, None),
        ({"expires_on": 2026}, None),
        ({"expires_on": None}, None),
        ({}, None),
    ],
    ids=str,
)
def test_the_day_is_read_from_the_start_of_the_text(details, day):
    assert expiry_day(details) == day


def test_only_a_rule_that_rises_counts_from_the_day_that_the_signal_names():
    expiring = signal(details={"expires_on": "2026-07-01"})
    assert anchor_of(None, expiring) == AT - HOUR
    assert anchor_of(90 * DAY, expiring) == datetime(2026, 7, 1, tzinfo=UTC)
    assert anchor_of(90 * DAY, signal()) is None


def test_a_signal_rule_needs_a_half_life_or_a_rise():
    with pytest.raises(ValueError, match="neither halves nor rises"):
        _ = CompiledSignalRule("odd", 40).curve


# The strongest activity


@pytest.mark.parametrize(
    ("activities", "type_"),
    [
        ([], None),
        ([did("webinar"), did("demo_request", DAY)], "demo_request"),
        ([did("webinar"), did("demo_request", 60 * DAY)], "webinar"),
        ([did("webinar", DAY), did("content_download", DAY)], "webinar"),
        ([did("call"), did("email_click", HOUR)], "call"),
    ],
    ids=["none", "most points", "points that are left", "by name when all is equal", "no rule: the latest"],
)
def test_the_strongest_activity_has_the_most_points_now(activities, type_):
    assert strongest_activity(activities, {}, AT, POLICY) == type_
    assert strongest_activity(activities[::-1], {}, AT, POLICY) == type_


def test_a_fact_is_named_by_its_type_and_day():
    assert describe_fact("call", AT) == "call on 2026-03-02"


# Rules on one type


def test_rules_without_a_condition_are_not_asked():
    rules = rules_of_type("call", [(None, rule())], Known.ACTIVITY)
    assert (rules.matching, rules.reads_lead, rules.by_url) == (None, False, None)


@pytest.mark.parametrize(
    ("field", "reads_lead", "by_url"),
    [
        ("activity.path", False, True),
        ("activity.details.page", False, False),
        ("company.industry", True, False),
    ],
)
def test_what_rules_compare_decides_what_they_are_asked_with(field, reads_lead, by_url):
    condition = Compare(field, Op.EQ, "/pricing")
    rules = rules_of_type("call", [(condition, rule())], Known.ACTIVITY)
    assert rules.matching is not None
    assert (rules.reads_lead, rules.by_url is not None) == (reads_lead, by_url)


def test_rules_by_url_are_those_that_match_the_page():
    pricing, any_page = rule("pricing"), rule("page")
    condition = Compare("activity.path", Op.EQ, "/pricing")
    rules = rules_of_type("page_view", [(condition, pricing), (None, any_page)], Known.ACTIVITY)
    assert rules.by_url is not None
    assert rules.by_url["/pricing"] == (pricing, any_page)
    assert rules.by_url[None] == rules.by_url["/blog"] == (any_page,)


# Half-life


@pytest.mark.parametrize(
    ("left", "points", "half_lives"), [(1, 1, 1), (1, 2, 2), (1, 4, 3), (1, 64, 7)], ids=str
)
def test_an_age_of_whole_half_lives_is_exact(left, points, half_lives):
    """`2 * points / (2 * left - 1)` is a power of two, so the last age is a multiple of the half-life."""
    assert last_age_at(left, points, 1_000_003) == half_lives * 1_000_003


@given(st.integers(1, 120), st.data(), st.integers(1, 10**13))
def test_the_last_age_is_the_last_microsecond_at_which_so_many_points_are_left(points, data, half_life):
    """Checked by powers of whole numbers: `points * 2 ** (-age / half_life) >= left - 1/2`."""
    left = data.draw(st.integers(1, points))
    age = last_age_at(left, points, half_life)
    exact = points * 2.0 ** (-age / half_life)
    after = points * 2.0 ** (-(age + 1) / half_life)
    assert exact >= left - 0.5 - 1e-9
    assert after <= left - 0.5 + points / half_life + 1e-9
