"""The rotation of a queue: who may get a lead, whose turn it is, and what a lead costs."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from services.router.domain.eligibility import Candidate
from services.router.domain.fairness import LEAD, fairness_of
from services.router.domain.rotation import charge, refund, release, rep_queue_of, select_from_queue
from services.router.domain.state import AwayRepRow, QueueRow, RepQueueRow
from services.router.domain.turns import SHARES_MAX, Selection, balances_after, select_rep
from shared.lead.events.routing import Considered, RepShare, RotationTurn
from shared.policy.hours import parse_hours
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap, Put, Row
from tests.support.routing_policies import queue, rep, routing_policy_with
from tests.support.scored_leads import AT

QUEUES = {"sdr": queue("4h"), "bdr": queue("1h")}


def over(*rows: Row) -> ChangeSet:
    return ChangeSet(IdentityMap(rows))


def owed(rep: str, weight: int, balance: int, *, of: int) -> Candidate:
    """Return a rep whose balance is given in units of weight, of a team whose weights add up to `of`."""
    return Candidate(rep, weight, balance * LEAD // of)


def turns(count: int, *candidates: Candidate) -> str:
    """Return the ids of the reps who get the next leads, joined."""
    order = ""
    for _ in range(count):
        chosen = select_rep(candidates).rep
        assert chosen is not None
        order += chosen
        balances = balances_after(candidates, chosen)
        candidates = tuple(
            Candidate(candidate.rep, candidate.weight, balances[candidate.rep]) for candidate in candidates
        )
    return order


# Whose turn it is


def test_reps_of_equal_weight_take_turns_in_the_order_of_their_ids():
    assert turns(6, Candidate("b", 1), Candidate("a", 1), Candidate("c", 1)) == "abcabc"


def test_turns_of_a_heavier_rep_are_spread_over_the_cycle():
    assert turns(8, Candidate("a", 3), Candidate("b", 1)) == "aabaaaba"
    assert turns(5, Candidate("a", 2), Candidate("b", 2), Candidate("c", 1)) == "abcab"


def test_the_rep_who_is_owed_most_is_next_among_turns_with_the_same_deadline():
    assert select_rep([owed("a", 1, -1, of=2), owed("b", 1, 1, of=2)]).rep == "b"
    assert select_rep([owed("a", 1, -2, of=3), owed("b", 1, 1, of=3), owed("c", 1, 1, of=3)]).rep == "b"


def test_a_turn_that_is_not_eligible_yet_waits_although_its_deadline_is_earlier():
    assert select_rep([owed("big", 5, -5, of=7), owed("a", 1, 3, of=7), owed("b", 1, 2, of=7)]).rep == "a"


def test_a_turn_is_eligible_as_soon_as_anything_of_it_is_owed():
    assert select_rep([owed("big", 5, -4, of=7), owed("a", 1, 2, of=7), owed("b", 1, 2, of=7)]).rep == "big"


def test_deadlines_are_whole_leads_and_among_equal_ones_the_greater_balance_comes_first():
    assert select_rep([owed("a", 3, 0, of=4), owed("b", 1, 2, of=4)]).rep == "b"


def test_when_no_turn_is_eligible_the_rep_who_is_least_ahead_is_next():
    assert select_rep([Candidate("a", 1, -3 * LEAD), Candidate("b", 9, -4 * LEAD)]).rep == "a"


def test_a_rep_who_is_owed_a_whole_lead_comes_before_all_deadlines():
    due_later = Candidate("small", 1, LEAD)
    assert select_rep([Candidate("big", 500, LEAD - 1), due_later]).rep == "small"
    assert select_rep([Candidate("big", 500, LEAD - 1), Candidate("small", 1, LEAD - 2)]).rep == "big"
    assert select_rep([Candidate("big", 500, LEAD + 1), due_later]).rep == "big"


def test_a_rep_who_is_ahead_in_a_large_team_waits_for_one_turn_in_a_small_one():
    """Balances are leads, whatever the weights of those who share them were."""
    team = [Candidate(f"rep-{number:02}", 1) for number in range(100)]
    balances = balances_after(team, "rep-00")
    late = [Candidate(one.rep, 1, balances[one.rep]) for one in team[:2]]
    assert turns(4, *late) == "rep-01rep-00rep-01rep-00"


def test_a_rep_without_weight_or_with_a_reason_has_no_turn():
    found = select_rep(
        [
            Candidate("away", 5, 9, "unavailable"),
            Candidate("full", 5, 9, "at_cap"),
            Candidate("idle", 0, 9),
            Candidate("next", 1, -9),
            Candidate("off", 5, 9, "off_hours"),
            Candidate("other", 1, -10),
            Candidate("refused", 5, 9),
        ],
        excluded={"refused", "stranger"},
    )
    assert (found.rep, found.considered) == (
        "next",
        (
            Considered("unavailable", rep="away"),
            Considered("at_cap", rep="full"),
            Considered("lower_share", rep="idle"),
            Considered("off_hours", rep="off"),
            Considered("lower_share", rep="other"),
            Considered("excluded", rep="refused"),
        ),
    )


def test_without_an_eligible_rep_nobody_is_selected_and_everybody_has_a_reason():
    nobody, excluded = select_rep([]), select_rep([Candidate("a", 1)], excluded=("a",))
    assert (nobody.rep, nobody.considered) == (None, ())
    assert (excluded.rep, excluded.considered) == (None, (Considered("excluded", rep="a"),))


# What a lead costs


def test_a_lead_costs_its_receiver_the_whole_weight_and_gives_everybody_who_shares_their_own():
    team = [
        Candidate("a", 2),
        Candidate("b", 1, LEAD),
        Candidate("away", 5, 7, "unavailable"),
        Candidate("idle", 0),
    ]
    assert balances_after(team, "a") == {"a": -LEAD // 3, "b": LEAD * 4 // 3}


def test_a_lead_given_by_name_charges_a_rep_who_has_no_turn():
    team = [Candidate("a", 2), Candidate("away", 3, 0, "unavailable"), Candidate("idle", 0)]
    assert balances_after(team, "away") == {"a": LEAD * 2 // 5, "away": -LEAD * 2 // 5}
    assert balances_after(team, "idle") == {"a": LEAD, "idle": -LEAD}
    assert balances_after([Candidate("idle", 0)], "idle") == {"idle": 0}


def test_charging_updates_the_balances_of_the_queue_and_the_counts_of_the_receiver():
    policy = routing_policy_with((rep("one", weight=2), rep("two", weight=1)), QUEUES)
    before = RepQueueRow("sdr", "one", credits=4, balance=LEAD, open_leads=2, number=7)
    changes = over(before, RepQueueRow("sdr", "two", balance=-LEAD, number=9))
    selection = select_from_queue(changes, policy, "sdr", AT)
    charge(changes, policy, "sdr", policy.reps["one"], AT, selection=selection)
    by_turn, two, state = changes.changes
    assert by_turn == Put(RepQueueRow("sdr", "one", 5, LEAD * 2 // 3, 3, number=10, number_before=7))
    assert two == Put(RepQueueRow("sdr", "two", balance=-LEAD * 2 // 3, number=9))
    assert isinstance(state, Put)
    assert state.row == QueueRow("sdr", same_reps=state.row.same_reps, steady=True)  # type: ignore[attr-defined]


def test_a_lead_that_the_rotation_did_not_give_costs_a_turn_and_is_counted_apart():
    policy = routing_policy_with((rep("one"), rep("two")), QUEUES)
    changes = over()
    charge(changes, policy, "sdr", policy.reps["one"], AT)
    assert changes.get(RepQueueRow, "sdr", "one") == RepQueueRow("sdr", "one", 1, -LEAD // 2, 1, 1, 1)
    preferred = select_from_queue(changes, policy, "sdr", AT, preferred=("one",))
    charge(changes, policy, "sdr", policy.reps["one"], AT, selection=preferred)
    assert changes.get(RepQueueRow, "sdr", "one") == RepQueueRow("sdr", "one", 2, -LEAD, 2, 2, 2, 1)


@pytest.mark.parametrize("distribute", ["in_order", "least_open", "most_capacity"])
def test_where_a_queue_does_not_distribute_by_weight_such_a_lead_costs_no_turn(distribute):
    queues = {"sdr": queue("4h").model_copy(update={"distribute": distribute})}
    policy = routing_policy_with((rep("one"), rep("two")), queues)
    changes = over()
    charge(changes, policy, "sdr", policy.reps["one"], AT)
    assert changes.changes == (Put(RepQueueRow("sdr", "one", 1, 0, 1, 1, 1)),)


@pytest.mark.parametrize("given", [rep("idle", weight=0), rep("guest", "bdr", weight=3)])
def test_leads_by_name_for_a_rep_without_turns_in_the_queue_cost_nobody_a_turn(given):
    """They would be made up for by nobody, and the bound would be wider for good."""
    policy = routing_policy_with((rep("one", weight=1), rep("two", weight=1), given), QUEUES)
    changes = over()
    for number in range(1, 41):
        charge(changes, policy, "sdr", policy.reps[given.id], AT)
        turn = select_from_queue(changes, policy, "sdr", AT)
        charge(changes, policy, "sdr", policy.reps[str(turn.rep)], AT, selection=turn)
        row = changes.get(RepQueueRow, "sdr", given.id)
        assert row is not None
        assert (row.credits, row.out_of_turn, row.balance, row.open_leads) == (number, number, 0, number)
    [report] = fairness_of(changes.find(RepQueueRow, "queue", "sdr"), changes.by_key(QueueRow).values())
    assert (report.bound, report.steady) == (1.0, True)
    assert [(one.rep, one.assigned, one.share) for one in report.reps] == sorted(
        [(given.id, 40, 40), ("one", 20, 20), ("two", 20, 20)]
    )
    for _ in range(40):
        refund(changes, policy, "sdr", given.id, AT)
    assert changes.get(QueueRow, "sdr") in (None, QueueRow("sdr"))
    assert not any(row.balance for row in changes.find(RepQueueRow, "queue", "sdr"))


@pytest.mark.parametrize(("open_leads", "left"), [(2, 1), (1, 0), (0, 0)])
def test_a_released_lead_is_one_open_lead_less_and_the_credit_stays(open_leads, left):
    changes = over(RepQueueRow("sdr", "one", credits=4, balance=-1, open_leads=open_leads))
    release(changes, "sdr", "one")
    assert changes.changes == (Put(RepQueueRow("sdr", "one", credits=4, balance=-1, open_leads=left)),)


def test_a_rep_without_a_row_has_had_no_lead():
    assert rep_queue_of(over(), "sdr", "one") == RepQueueRow("sdr", "one", 0, 0, 0)


# Who may get a lead


def test_every_rep_of_the_queue_is_a_candidate_by_stored_balance():
    policy = routing_policy_with((rep("one"), rep("two"), rep("bee", "bdr")), QUEUES)
    rows = (
        RepQueueRow("sdr", "one", balance=-1),
        RepQueueRow("sdr", "two", balance=1),
        RepQueueRow("bdr", "one", balance=9),
    )
    found = select_from_queue(over(*rows), policy, "sdr", AT)
    assert (found.rep, found.considered) == ("two", (Considered("lower_share", rep="one"),))
    assert select_from_queue(over(), policy, "unknown", AT).rep is None
    assert select_from_queue(over(), policy, "sdr", AT, {"one"}).rep == "two"


def test_a_rep_who_is_away_or_off_hours_may_not_get_a_lead():
    evening = {"time_zone": "UTC", "hours": parse_hours("Mon-Fri 18:00-22:00")}
    policy = routing_policy_with((rep("away"), rep("here"), rep("late", **evening)), QUEUES)
    found = select_from_queue(over(AwayRepRow("away")), policy, "sdr", AT)
    assert (found.rep, found.considered) == (
        "here",
        (
            Considered("unavailable", rep="away"),
            Considered("off_hours", rep="late", detail="back Monday 2 March 18:00 UTC"),
        ),
    )
    found = select_from_queue(over(AwayRepRow("away"), AwayRepRow("late")), policy, "sdr", AT)
    assert Considered("unavailable", rep="late") in found.considered
    at_night = AT + timedelta(hours=9)
    assert (
        Considered("lower_share", rep="late") in select_from_queue(over(), policy, "sdr", at_night).considered
    )


def test_the_cap_counts_the_open_leads_of_all_queues_also_of_those_that_the_rep_has_left():
    policy = routing_policy_with((rep("full", max_open=3), rep("two")), QUEUES)
    rows = (RepQueueRow("sdr", "full", open_leads=1, balance=9), RepQueueRow("old", "full", open_leads=1))
    assert select_from_queue(over(*rows), policy, "sdr", AT).rep == "full"
    more = (*rows, RepQueueRow("older", "full", open_leads=1), RepQueueRow("sdr", "two", open_leads=50))
    found = select_from_queue(over(*more), policy, "sdr", AT)
    assert (found.rep, found.considered) == ("two", (Considered("at_cap", rep="full", detail="3 open"),))


def test_the_selection_sees_what_the_same_decision_has_changed():
    policy = routing_policy_with((rep("one"), rep("two")), QUEUES)
    changes = over()
    charge(changes, policy, "sdr", policy.reps["one"], AT)
    assert select_from_queue(changes, policy, "sdr", AT).rep == "two"
    changes.put(AwayRepRow("two"))
    assert select_from_queue(changes, policy, "sdr", AT).rep == "one"


# What a decision records


def test_a_choice_is_recorded_with_the_shares_of_the_reps():
    team = [
        Candidate("a", 2, 3, credits=5),
        Candidate("b", 1, -3, credits=4),
        Candidate("idle", 0),
        Candidate("away", 1, 0, "unavailable", 7),
    ]
    considered, turn = select_rep(team, preferred="away").recorded
    assert considered == (
        Considered("unavailable", rep="away"),
        Considered("lower_share", rep="b", share=RepShare(4, 1, -3)),
        Considered("lower_share", rep="idle"),
    )
    assert turn == RotationTurn(
        reps=2, weight=3, credits=9, share=RepShare(5, 2, 3), preferred="away", lead=LEAD
    )


def test_where_no_rotation_chose_there_is_no_turn():
    assert select_rep([Candidate("away", 1, 0, "unavailable")]).recorded == (
        (Considered("unavailable", rep="away"),),
        None,
    )
    assert Selection("named").recorded == ((), None)


def test_of_a_large_queue_the_shares_of_the_next_reps_are_recorded():
    team = [Candidate(f"rep-{number:03}", 100, number, credits=1) for number in range(200)]
    considered, turn = select_rep(team).recorded
    assert turn is not None
    assert (turn.reps, turn.weight, turn.credits) == (200, 20_000, 200)
    with_share = {entry.rep for entry in considered if isinstance(entry.share, RepShare)}
    assert len(considered) == 199
    assert with_share == {f"rep-{number:03}" for number in range(199 - SHARES_MAX + 1, 199)}
    assert len(msgspec.json.encode(considered)) < 20_000


def test_of_a_large_queue_the_turn_of_the_chosen_rep_is_recorded_whatever_others_are_owed():
    """Only those with the least measure share the lead; what somebody else is owed says nothing of their turns."""
    team = [Candidate(f"light-{number:02}", 1, LEAD // 2) for number in range(SHARES_MAX + 5)]
    team += [Candidate("heavy", 1000, LEAD // 10), Candidate("owed", 100, 2 * LEAD, measure=5)]
    selection = select_rep(team, distribute="least_open")
    assert selection.rep == "heavy"
    considered, turn = selection.recorded
    assert turn is not None
    assert turn.share == RepShare(0, 1000, LEAD // 10, measure=0)
    assert sum(isinstance(entry.share, RepShare) for entry in considered) == SHARES_MAX - 1
