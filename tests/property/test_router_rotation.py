"""Weighted round robin: how far a rep may be from the exact share."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.router.domain.eligibility import Candidate
from services.router.domain.fairness import LEAD, is_within
from services.router.domain.turns import balances_after, select_rep, worth_of

TEAMS = st.lists(st.integers(1, 500), min_size=1, max_size=8).map(
    lambda weights: [Candidate(f"rep-{number}", weight) for number, weight in enumerate(weights)]
)
_skips = st.sampled_from([None, None, "unavailable", "off_hours", "at_cap"])


def after_lead(team: list[Candidate], chosen: str) -> list[Candidate]:
    balances = balances_after(team, chosen)
    return [replace(rep, balance=balances.get(rep.rep, rep.balance)) for rep in team]


@given(TEAMS, st.integers(1, 300))
def test_with_constant_candidates_every_rep_stays_within_one_lead_of_the_weighted_share(team, leads):
    total, count = sum(candidate.weight for candidate in team), {candidate.rep: 0 for candidate in team}
    weights = {candidate.rep: candidate.weight for candidate in team}
    for number in range(1, leads + 1):
        chosen = select_rep(team).rep
        assert chosen is not None
        count[chosen] += 1
        team = after_lead(team, chosen)
        for rep, weight in weights.items():
            assert abs(count[rep] - Fraction(weight * number, total)) <= 1


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(-3 * LEAD, 3 * LEAD)), min_size=1, max_size=8))
def test_the_next_turn_is_the_earliest_deadline_of_those_that_are_eligible(reps):
    """Computed in fractions, also where all have the same weight."""
    team = [Candidate(f"rep-{number}", *one) for number, one in enumerate(reps)]
    total, lead = sum(one.weight for one in team), worth_of(team).lead
    parts = {one.rep: one.weight * LEAD // total for one in team}
    by_balance = min(team, key=lambda one: (-one.balance, one.rep))
    eligible = [one for one in team if one.balance + parts[one.rep] > 0]
    if not eligible or by_balance.balance >= lead:
        assert select_rep(team).rep == by_balance.rep
        return
    due = {one.rep: -(Fraction(one.balance - lead, parts[one.rep]) // 1) for one in eligible}
    first = min(eligible, key=lambda one: (due[one.rep], -one.balance, one.rep))
    assert select_rep(team[::-1]).rep == first.rep


@given(TEAMS, st.data())
def test_the_balances_of_a_queue_always_add_up_to_zero(team, data):
    for _ in range(data.draw(st.integers(0, 30))):
        team = [replace(candidate, skipped=data.draw(_skips)) for candidate in team]
        pick = select_rep(team)
        # A lead of an owned account goes to its owner, out of turn.
        chosen = pick.rep or data.draw(st.sampled_from([candidate.rep for candidate in team]))
        team = after_lead(team, chosen)
        assert sum(candidate.balance for candidate in team) == 0


@given(TEAMS, st.data())
def test_a_rep_who_was_away_is_owed_nothing_on_coming_back(team, data):
    away = data.draw(st.sampled_from(team)).rep
    team = [
        replace(candidate, skipped="unavailable" if candidate.rep == away else None) for candidate in team
    ]
    for _ in range(50):
        chosen = select_rep(team).rep
        if chosen is None:
            break
        team = after_lead(team, chosen)
    assert next(candidate.balance for candidate in team if candidate.rep == away) == 0


@given(TEAMS, st.data())
def test_a_rep_is_selected_whenever_one_is_eligible_and_the_others_have_a_reason(team, data):
    team = [replace(candidate, skipped=data.draw(_skips)) for candidate in team]
    excluded = data.draw(st.sets(st.sampled_from([candidate.rep for candidate in team])))
    pick = select_rep(team, excluded)
    reasons = {candidate.rep: candidate.skipped for candidate in pick.considered}
    may = {candidate.rep for candidate in team if candidate.skipped is None} - excluded
    barred = {candidate.rep: candidate.skipped for candidate in team if candidate.skipped is not None}
    assert {rep: why for rep, why in reasons.items() if why != "lower_share"} == {
        **barred,
        **dict.fromkeys(excluded, "excluded"),
    }
    assert (pick.rep in may) if may else pick.rep is None
    assert {*reasons} == {candidate.rep for candidate in team} - {pick.rep}
    assert {rep for rep, why in reasons.items() if why == "lower_share"} == may - {pick.rep}
    backwards = select_rep(list(reversed(team)), excluded)
    assert backwards.recorded == pick.recorded
    assert backwards.rep == pick.rep


@given(st.integers(2, 7), st.data())
def test_whoever_shares_each_lead_nobody_is_further_from_the_share_than_the_proven_bound(count, data):
    """The reps who may have a lead, and their weights, are others each time; see `fairness` for the proof."""
    balance, behind = dict.fromkeys(range(count), 0), dict.fromkeys(range(count), Fraction())
    for _ in range(data.draw(st.integers(1, 60))):
        weights = data.draw(
            st.dictionaries(st.integers(0, count - 1), st.sampled_from([1, 2, 99, 500]), min_size=1)
        )
        team = [Candidate(str(rep), weight, balance[rep]) for rep, weight in weights.items()]
        chosen = select_rep(team).rep
        assert chosen is not None
        for rep, weight in weights.items():
            behind[rep] += Fraction(weight, sum(weights.values()))
        behind[int(chosen)] -= 1
        balance |= {int(rep): after for rep, after in balances_after(team, chosen).items()}
        assert is_within([*balance.values()], 0)
        for rep in behind:
            assert abs(behind[rep]) <= Fraction(3 * (count - 1), 2)
            assert abs(behind[rep] - Fraction(balance[rep], LEAD)) < Fraction(1, 10**9)


def test_a_rep_without_weight_has_no_turns():
    idle, busy = Candidate("idle", 0), Candidate("busy", 1)
    pick = select_rep([idle, busy])
    assert (pick.rep, [candidate.skipped for candidate in pick.considered]) == ("busy", ["lower_share"])
    assert select_rep([idle]).rep is None
