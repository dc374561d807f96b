"""How far reps may be from their shares, and when a queue is over that."""

from __future__ import annotations

import pytest

from services.router.domain.fairness import LEAD, bound_of, exceeds, fairness_of, is_within, noted
from services.router.domain.state import QueueRow, RepQueueRow

PAIR = (("ana", 100), ("bob", 50))
OTHERS = (("ana", 100), ("bob", 60))


def test_a_queue_is_steady_while_the_same_reps_with_the_same_weights_share_the_leads():
    first = noted(QueueRow("sdr"), PAIR, [1, -1])
    assert (first.steady, noted(first, PAIR, [2, -2])) == (True, first)
    other = noted(first, OTHERS, [2, -2])
    assert not other.steady
    assert not noted(other, OTHERS, [2, -2]).steady
    assert noted(other, OTHERS, [0, 0]) == QueueRow("sdr")


def test_leads_out_of_turn_raise_the_bound_until_the_turns_have_made_up_for_them():
    far = [4 * LEAD, -4 * LEAD]
    state = noted(noted(QueueRow("sdr"), None, far), None, far)
    assert (state.added, state.steady, bound_of(state, 2)) == (2, False, 3.5)
    assert noted(state, PAIR, far).added == 2
    after = noted(state, PAIR, [LEAD, -LEAD])
    assert (after.added, bound_of(after, 2)) == (0, 1.5)


@pytest.mark.parametrize(("reps", "bound"), [(1, 1.0), (2, 1.5), (3, 3.0), (8, 10.5)])
def test_the_bound_grows_with_the_reps_only_where_others_share_the_leads(reps, bound):
    assert bound_of(QueueRow("sdr"), reps) == 1.0
    assert bound_of(QueueRow("sdr", steady=False), reps) == bound


def test_the_sums_of_those_who_are_behind_most_are_bounded_too():
    assert is_within([LEAD * 3 // 2, -LEAD * 3 // 2], 0)
    assert not is_within([LEAD * 8 // 5, -LEAD * 8 // 5], 0)
    assert is_within([LEAD * 8 // 5, -LEAD * 8 // 5], 1)
    # With four reps each may be 4.5 leads off, but two of them together at most 6.
    assert not is_within([4 * LEAD, 4 * LEAD, -4 * LEAD, -4 * LEAD], 0)


def test_the_share_of_a_rep_is_what_was_given_and_what_is_owed():
    rows = [RepQueueRow("sdr", "bob", 5, -LEAD // 4, out_of_turn=2), RepQueueRow("sdr", "ana", 4, LEAD // 4)]
    (queue,) = fairness_of(rows, [])
    assert (queue.queue, queue.bound, queue.within_bound) == ("sdr", 1.0, True)
    assert [(rep.rep, rep.assigned, rep.share, rep.deviation) for rep in queue.reps] == [
        ("ana", 4, 4.25, -0.25),
        ("bob", 5, 4.75, 0.25),
    ]


def test_whoever_is_further_off_than_the_bound_is_over_it():
    assert not exceeds(LEAD, 1.0)
    assert exceeds(LEAD * 11 // 10, 1.0)
    rows = [RepQueueRow("sdr", "bob", 5, -2 * LEAD), RepQueueRow("sdr", "ana", 4, 2 * LEAD)]
    (queue,) = fairness_of(rows, [QueueRow("sdr", steady=False)])
    assert (queue.within_bound, [rep.within_bound for rep in queue.reps]) == (False, [False, False])
    (queue,) = fairness_of(rows, [QueueRow("sdr", steady=False, added=1)])
    assert queue.within_bound
