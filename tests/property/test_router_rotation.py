"""Fairness is a bound: nobody is ever a whole lead ahead of the exact share, or behind it."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.router.domain.rotation import Contender, charged, pick_rep

TEAMS = st.lists(st.integers(1, 500), min_size=1, max_size=8).map(
    lambda weights: [Contender(f"rep-{number}", weight) for number, weight in enumerate(weights)]
)
_barred = st.sampled_from([None, None, "unavailable", "off_hours", "at_cap"])


def given_one(team: list[Contender], chosen: str) -> list[Contender]:
    balances = charged(team, chosen)
    return [replace(each, balance=balances.get(each.rep, each.balance)) for each in team]


@given(TEAMS, st.integers(1, 300))
def test_while_the_set_stays_every_rep_is_within_one_lead_of_the_weighted_share(team, leads):
    total, count = sum(each.weight for each in team), {each.rep: 0 for each in team}
    weights = {each.rep: each.weight for each in team}
    for number in range(1, leads + 1):
        chosen = pick_rep(team).rep
        assert chosen is not None
        count[chosen] += 1
        team = given_one(team, chosen)
        for rep, weight in weights.items():
            assert abs(count[rep] - Fraction(weight * number, total)) <= 1


@given(TEAMS, st.data())
def test_whoever_comes_and_goes_the_balances_add_up_to_nothing(team, data):
    for _ in range(data.draw(st.integers(0, 30))):
        team = [replace(each, barred=data.draw(_barred)) for each in team]
        pick = pick_rep(team)
        # A lead of an account may go to its owner, whoever's turn it is.
        chosen = pick.rep or data.draw(st.sampled_from([each.rep for each in team]))
        team = given_one(team, chosen)
        assert sum(each.balance for each in team) == 0


@given(TEAMS, st.data())
def test_who_was_away_is_not_flooded_on_coming_back(team, data):
    away = data.draw(st.sampled_from(team)).rep
    team = [replace(each, barred="unavailable" if each.rep == away else None) for each in team]
    for _ in range(50):
        chosen = pick_rep(team).rep
        if chosen is None:
            break
        team = given_one(team, chosen)
    assert next(each.balance for each in team if each.rep == away) == 0


@given(TEAMS, st.data())
def test_a_rep_is_picked_whenever_one_may_be_and_the_others_have_a_reason(team, data):
    team = [replace(each, barred=data.draw(_barred)) for each in team]
    excluded = data.draw(st.sets(st.sampled_from([each.rep for each in team])))
    pick = pick_rep(team, excluded)
    reasons = {each.rep: each.skipped for each in pick.considered}
    may = {each.rep for each in team if each.barred is None} - excluded
    barred = {each.rep: each.barred for each in team if each.barred is not None}
    assert {rep: why for rep, why in reasons.items() if why != "lower_share"} == {
        **barred,
        **dict.fromkeys(excluded, "excluded"),
    }
    assert (pick.rep in may) if may else pick.rep is None
    assert {*reasons} == {each.rep for each in team} - {pick.rep}
    assert {rep for rep, why in reasons.items() if why == "lower_share"} == may - {pick.rep}
    assert pick_rep(list(reversed(team)), excluded) == pick


@given(TEAMS, st.data())
def test_through_all_coming_and_going_nobody_is_far_from_the_share_of_what_was_shared(team, data):
    """The share of a lead is that of those who could have it: who is off has none in it."""
    due = {each.rep: Fraction() for each in team}
    for _ in range(data.draw(st.integers(0, 60))):
        team = [replace(each, barred=data.draw(_barred)) for each in team]
        sharing = [each for each in team if each.barred is None]
        total = sum(each.weight for each in sharing)
        chosen = pick_rep(team).rep
        if chosen is None:
            assert not sharing
            continue
        for each in sharing:
            due[each.rep] += Fraction(each.weight, total)
        due[chosen] -= 1
        team = given_one(team, chosen)
        assert all(abs(behind) <= len(team) for behind in due.values())


def test_without_weight_there_are_no_turns():
    idle, busy = Contender("idle", 0), Contender("busy", 1)
    pick = pick_rep([idle, busy])
    assert (pick.rep, [each.skipped for each in pick.considered]) == ("busy", ["lower_share"])
    assert pick_rep([idle]).rep is None
