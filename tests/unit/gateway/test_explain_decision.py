"""The explanation of one decision: shares in words, and what the decision knew of the owner."""

from __future__ import annotations

import pytest

from services.gateway.domain.explain_decision import explain_reps
from shared.lead.events.routing import Considered, Decision, OwnerFacts, RepShare, RotationTurn

TURN = RotationTurn(reps=3, weight=300, credits=40, share=RepShare(credits=12, weight=100, balance=400))


def decision(*considered: Considered, turn: RotationTurn | None = TURN, **given) -> Decision:
    return Decision("assigned", "sdr", "work", "ana", "fits", [], [*considered], turn=turn, **given)


def test_a_lower_share_is_told_with_what_the_rep_had_and_was_owed():
    bob = Considered("lower_share", rep="bob", share=RepShare(credits=14, weight=100, balance=-200))
    first, second = explain_reps(decision(bob))
    assert (first.rep, first.result, first.says) == ("ana", "taken", "had 12 of 40, due 13.3: next in turn")
    assert (second.rep, second.result) == ("bob", "lower_share")
    assert second.says == "had 14 of 40, due 13.3, next turn within 5 leads"
    assert first.share is not None
    assert (first.share.credits, first.share.of, first.share.due, first.share.within) == (12, 40, 13.3, 1)


@pytest.mark.parametrize(
    ("had", "balance", "due"), [(0, 0, 0.0), (3, -150, 2.5), (3, 20, 3.1), (0, -30, -0.1), (3, -299, 2.0)]
)
def test_what_is_due_is_rounded_to_tenths(had, balance, due):
    turn = RotationTurn(reps=3, weight=300, credits=9, share=RepShare(had, 100, balance))
    [taken] = explain_reps(decision(turn=turn))
    assert taken.share is not None
    assert taken.share.due == due


def test_a_rep_far_from_a_turn_and_one_without_weight_have_no_share():
    far, idle = explain_reps(decision(Considered("lower_share", rep="far"), turn=TURN))
    assert (far.rep, idle.says) == ("ana", "later in turn")


@pytest.mark.parametrize(
    ("before", "says"),
    [
        (OwnerFacts(active=True, queue="sdr", rep="ana", of="lead"), "owned the lead before"),
        (OwnerFacts(active=True, queue="sdr", rep="ana", of="account"), "owns another lead of the account"),
        (OwnerFacts(active=True, queue="sdr", rep="ana", of="crm"), "owns the account"),
        (OwnerFacts(active=True, queue="bdr", rep="bob", of="lead"), ""),
    ],
)
def test_an_owner_without_a_turn_has_the_lead_for_another_reason(before, says):
    [taken] = explain_reps(decision(turn=None, owner_before=before))
    assert taken.says == says


def test_the_rep_with_other_leads_of_the_account_comes_before_the_shares():
    turn = RotationTurn(reps=2, weight=200, credits=9, share=RepShare(9, 100, -900), preferred="ana")
    [taken] = explain_reps(decision(turn=turn))
    assert taken.says == "has other leads of the account in this queue"


@pytest.mark.parametrize(
    ("skipped", "says"),
    [
        ("unavailable", "takes no new leads now"),
        ("off_hours", "outside working hours"),
        ("at_cap", "has as many open leads as allowed"),
        ("not_in_queue", "not in this queue"),
        ("excluded", "had this lead already"),
        ("lower_share", ""),
    ],
)
def test_whoever_was_passed_over_has_the_reason_in_words(skipped, says):
    _taken, passed = explain_reps(decision(Considered(skipped, rep="bob"), turn=None))
    assert (passed.result, passed.says) == (skipped, says)
