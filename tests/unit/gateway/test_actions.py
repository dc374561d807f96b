"""Rep actions and outcomes: in whose name a key acts, and what an action needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.access import ADMIN, SCOPES, Principal, Scope, included
from services.gateway.domain.actions import acting_rep, actor_of, check_action
from services.gateway.domain.outcomes import lead_of_outcome
from shared.errors import Reject
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.parts import Actor
from shared.lead.ids import lead_id_of
from tests.support.routing_policies import default_policy

POLICY = default_policy()
REASONS = "not_icp, bad_data, spam, student, no_budget, bad_timing, wrong_territory, wrong_person"
NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
TOO_EARLY = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))

reps = st.none() | st.sampled_from(["ana", "bo"])


def caller(*scopes: Scope, rep: str | None = None) -> Principal:
    return Principal("key", included([*scopes]), rep)


@pytest.mark.parametrize("requested", [None, "ana"])
def test_a_rep_acts_as_itself_whether_or_not_it_says_so(requested: str | None):
    assert acting_rep(caller("rep", rep="ana"), requested) == "ana"


@pytest.mark.parametrize("requested", [None, "bo"])
def test_a_manager_acts_as_the_rep_that_it_names(requested: str | None):
    assert acting_rep(caller("manager", rep="ana"), requested) == requested


@pytest.mark.parametrize(("rep", "requested"), [("ana", "bo"), (None, None), (None, "bo")])
def test_a_rep_never_acts_as_another(rep: str | None, requested: str | None):
    with pytest.raises(Reject) as reject:
        acting_rep(caller("rep", rep=rep), requested)
    assert (reject.value.status, reject.value.kind) == (403, "forbidden")


@given(st.lists(st.sampled_from(SCOPES), max_size=5), reps, reps)
def test_a_key_without_the_manager_scope_acts_as_its_own_rep_only(
    scopes: list[Scope], rep: str | None, requested: str | None
):
    principal = caller(*scopes, rep=rep)
    try:
        acting = acting_rep(principal, requested)
    except Reject:
        assert not principal.may("manager")
        return
    assert acting == (requested if principal.may("manager") else rep)


@pytest.mark.parametrize("until", [NOW, NOW - timedelta(seconds=1)])
def test_a_snooze_ends_in_the_future(until: datetime):
    with pytest.raises(Reject) as reject:
        check_action(ActionReceivedV1("lead", "snooze", until=until), NOW, POLICY)
    assert reject.value.errors[0].pointer == "/until"
    check_action(ActionReceivedV1("lead", "snooze", until=NOW + timedelta(seconds=1)), NOW, POLICY)
    check_action(ActionReceivedV1("lead", "snooze"), NOW, POLICY)  # it ends the present one


@pytest.mark.parametrize("verb", ["accept", "reject", "reassign", "handoff"])
def test_other_actions_need_no_time_but_take_no_impossible_one(
    verb: Literal["accept", "reject", "reassign", "handoff"],
):
    check_action(ActionReceivedV1("lead", verb), NOW, POLICY)
    with pytest.raises(Reject) as reject:
        check_action(ActionReceivedV1("lead", verb, until=TOO_EARLY), NOW, POLICY)
    assert reject.value.errors[0].pointer == "/until"


@pytest.mark.parametrize(
    ("action", "faults"),
    [
        ({"type": "accept", "rep": "sdr-11"}, [("/rep", 'There is no rep "sdr-11"; did you mean "sdr-1"?')]),
        (
            {"type": "reassign", "to": "sd", "rep": "boss"},
            [
                ("/to", 'There is no rep or queue "sd"; did you mean "sdr"?'),
                ("/rep", 'There is no rep "boss"'),
            ],
        ),
        ({"type": "handoff", "to": "csm"}, [("/to", 'There is no rep or queue "csm"')]),
        (
            {"type": "reject", "reason": "not my cup of tea"},
            [
                (
                    "/reason",
                    f'"not my cup of tea" is no reason of the policy; use one of {REASONS}, or none',
                )
            ],
        ),
    ],
)
def test_an_action_that_names_what_the_policy_has_not_is_refused_with_each_fault(action, faults):
    with pytest.raises(Reject) as reject:
        check_action(ActionReceivedV1("lead", **action), NOW, POLICY)
    assert reject.value.status == 422
    assert [(error.pointer, error.detail) for error in reject.value.errors] == faults


@pytest.mark.parametrize("reason", [None, "", " ", "no_budget", "No budget", "no-budget", "SPAM"])
def test_the_reason_of_a_rejection_is_one_of_the_policy_however_it_is_spelled(reason: str | None):
    check_action(ActionReceivedV1("lead", "reject", reason=reason), NOW, POLICY)


def test_an_action_is_signed_with_the_name_of_the_key_and_the_rep():
    assert actor_of(Principal("k1", included(["manager"]), None, "Mona"), "sdr-1") == Actor("Mona", "sdr-1")
    assert actor_of(ADMIN, None) == Actor("admin", None)


def test_an_outcome_names_its_lead_by_id_before_email():
    body = OutcomeReceivedV1("won", NOW, lead_id="L", email="ana@kestrel.example")
    assert lead_of_outcome(body) == "L"


def test_an_outcome_finds_its_lead_by_email_whatever_its_spelling():
    body = OutcomeReceivedV1("won", NOW, lead_id=" ", email="Ana+demo@Kestrel.example")
    assert lead_of_outcome(body) == lead_id_of("email:ana@kestrel.example")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (OutcomeReceivedV1("won", NOW), ""),
        (OutcomeReceivedV1("won", NOW, email=" "), ""),
        (OutcomeReceivedV1("won", NOW, email="nobody"), "/email"),
        (OutcomeReceivedV1("won", NOW, lead_id="a\0b"), "/lead_id"),
        (OutcomeReceivedV1("won", TOO_EARLY, lead_id="L"), "/at"),
    ],
)
def test_an_outcome_without_a_lead_or_a_real_time_is_rejected(body: OutcomeReceivedV1, pointer: str):
    with pytest.raises(Reject) as reject:
        lead_of_outcome(body)
    assert [error.pointer for error in reject.value.errors] == [pointer]
