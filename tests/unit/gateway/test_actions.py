"""Rep actions and outcomes: in whose name a key acts, and what an action needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.access import SCOPES, Principal, Scope, included
from services.gateway.domain.actions import acting_rep, check_action
from services.gateway.domain.outcomes import lead_of_outcome
from shared.errors import Reject
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.ids import lead_id_of

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


@pytest.mark.parametrize("until", [None, NOW, NOW - timedelta(seconds=1)])
def test_a_snooze_ends_in_the_future(until: datetime | None):
    with pytest.raises(Reject) as reject:
        check_action(ActionReceivedV1("lead", "snooze", until=until), NOW)
    assert reject.value.errors[0].pointer == "/until"
    check_action(ActionReceivedV1("lead", "snooze", until=NOW + timedelta(seconds=1)), NOW)


@pytest.mark.parametrize("verb", ["accept", "reject", "reassign", "handoff"])
def test_other_actions_need_no_time_but_take_no_impossible_one(
    verb: Literal["accept", "reject", "reassign", "handoff"],
):
    check_action(ActionReceivedV1("lead", verb), NOW)
    with pytest.raises(Reject) as reject:
        check_action(ActionReceivedV1("lead", verb, until=TOO_EARLY), NOW)
    assert reject.value.errors[0].pointer == "/until"


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
