"""What the next owner reads of earlier rejections, and what they say for the qualification."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from services.router.domain.qualification import Denial, elements_missing, qualify
from services.router.domain.refusals import Recipient, missing_notes
from services.router.domain.rejections import (
    REJECTED,
    REJECTIONS_MAX,
    brief_rejections,
    denials_of,
    noted_since,
    with_rejection,
)
from services.router.domain.state import AssignmentRow, Rejection, RoutedLeadRow
from shared.lead.events.parts import Actor, Message, Origin
from shared.lead.events.routing import BriefHandOff
from shared.policy.models import HandOff
from tests.support.routing_policies import default_policy
from tests.support.scored_leads import AT, scored_lead

DAY = timedelta(days=1)
NAMES = {"sdr-1": "Ana Ruiz"}


def name_of(rep: str) -> str:
    return NAMES.get(rep, rep)


def rejected(reason: str = "no_budget", **more: Any) -> Rejection:
    return replace(Rejection("sdr-1", reason, AT - DAY, 1), **more)


def routed(**more: Any) -> RoutedLeadRow:
    return RoutedLeadRow("L", "a.example", 1, 1, 1, "routed", "sdr", "work", "fits", False, **more)


@pytest.mark.parametrize(
    ("rejection", "words"),
    [
        (
            rejected(back_after=90 * DAY),
            "Rejected by Ana Ruiz on 1 March: no budget; asked to come back after 90 days",
        ),
        (rejected("wrong_territory"), "Rejected by Ana Ruiz on 1 March: wrong territory"),
        (
            rejected("bad_timing", back_after=DAY, rep="sdr-9"),
            "Rejected by sdr-9 on 1 March: bad timing; asked to come back after 1 day",
        ),
        (
            rejected("bad_timing", back_after=timedelta(hours=4)),
            "Rejected by Ana Ruiz on 1 March: bad timing; asked to come back after 4 hours",
        ),
        (
            rejected("not_icp", disqualified=True),
            "Rejected by Ana Ruiz on 1 March: does not fit the ICP; disqualified",
        ),
        (rejected(REJECTED), "Rejected by Ana Ruiz on 1 March, without a reason"),
        (rejected("They went\n dark."), "Rejected by Ana Ruiz on 1 March: They went dark."),
        (
            rejected("spam", entered_by="Mona Field"),
            "Rejected by Ana Ruiz on 1 March: spam (entered by Mona Field)",
        ),
        (rejected(at=AT - 365 * DAY), "Rejected by Ana Ruiz on 2 March 2025: no budget"),
    ],
)
def test_a_rejection_is_told_in_words(rejection: Rejection, words: str):
    [told] = brief_rejections([rejection], name_of, AT)
    assert told.details == words
    assert (told.by, told.rep, told.reason) == (name_of(rejection.rep), rejection.rep, rejection.reason)


@pytest.mark.parametrize(
    ("reason", "missing"),
    [
        ("no_budget", {"budget"}),
        ("No budget", {"budget"}),
        ("not-enough-budget", {"budget"}),
        ("bad_timing", {"timeline"}),
        ("no_need", {"need"}),
        ("no_authority", {"authority"}),
        ("no_decision_maker", {"authority"}),
        ("no_champion", {"champion"}),
        ("not_icp", set()),
        ("spam", set()),
        ("wrong_person", set()),
        ("wrong_territory", set()),
        ("budget", set()),
        (REJECTED, set()),
    ],
)
def test_a_reason_says_what_is_missing(reason: str, missing: set[str]):
    assert elements_missing(reason) == missing


APPROVED = "Our CFO approved 60k for this."
NO_BUDGET = Denial(frozenset({"budget"}), "Rejected", AT, 1)


@pytest.mark.parametrize(
    ("lead", "notes", "denial", "state"),
    [
        ({"message": APPROVED, "source": Origin(submitted_at=AT - DAY)}, {}, NO_BUDGET, "unknown"),
        ({"message": APPROVED, "source": Origin(submitted_at=AT + DAY)}, {}, NO_BUDGET, "known"),
        ({"message": APPROVED}, {}, NO_BUDGET, "unknown"),
        ({"message": APPROVED, "revision": 2}, {}, NO_BUDGET, "known"),
        ({"earlier_messages": [Message(APPROVED, AT - DAY)], "revision": 2}, {}, NO_BUDGET, "unknown"),
        ({"earlier_messages": [Message(APPROVED, AT + DAY)], "revision": 3}, {}, NO_BUDGET, "known"),
        ({"answers": {"budget": "60k"}}, {}, NO_BUDGET, "unknown"),
        ({}, {"budget": "60k"}, NO_BUDGET, "known"),
        ({}, {"budget": "60k"}, replace(NO_BUDGET, outdated_notes=["budget"]), "unknown"),
        ({"message": APPROVED}, {"budget": "60k"}, replace(NO_BUDGET, outdated_notes=["budget"]), "unknown"),
        ({}, {}, NO_BUDGET, "unknown"),
    ],
)
def test_what_is_newer_counts_the_rejection_or_the_words(
    lead: dict[str, Any], notes: dict[str, str], denial: Denial, state: str
):
    data = replace(scored_lead(message=None), **lead)
    elements = {one.name: one for one in qualify(data, "bant", notes, [denial]).elements}
    assert elements["budget"].state == state
    if state == "unknown":
        assert elements["budget"].evidence == "Rejected"
    # Facts that suggest money, such as the revenue, do not count against a rejection either.
    funded = replace(data, company=replace(data.company, revenue_usd=90_000_000))
    assert {one.name: one for one in qualify(funded, "bant", notes, [denial]).elements}[
        "budget"
    ].state == state


def test_a_rejection_takes_back_older_notes_until_they_are_noted_anew():
    hand_off = BriefHandOff("Ana Ruiz", {"budget": "60k", "need": "reports", "team": "of twelve"})
    held = AssignmentRow("1", "L", "a.example", "sdr", "sdr-1", "open", 1, AT, None)
    lead = with_rejection(routed(hand_off=hand_off), held, "no_budget", at=AT, actor=Actor("laptop", "sdr-1"))
    [rejection] = lead.rejections
    assert (rejection.outdated_notes, rejection.entered_by) == (("budget",), None)
    assert (lead.rejected_by, rejection.rep) == (("sdr-1",), "sdr-1")
    [denial] = denials_of(noted_since(lead, ["budget"]).rejections)
    assert denial.outdated_notes == ()
    [denial] = denials_of(noted_since(lead, ["need"]).rejections)
    assert denial.outdated_notes == ("budget",)


def test_a_key_without_a_rep_is_named_and_the_newest_rejections_are_kept():
    lead = routed()
    for number in range(REJECTIONS_MAX + 2):
        held = AssignmentRow("1", "L", "a.example", "sdr", f"sdr-{number}", "open", 1, AT, None)
        lead = with_rejection(lead, held, "spam", at=AT + number * DAY, actor=Actor("Mona Field"))
    assert [one.rep for one in lead.rejections] == [f"sdr-{number}" for number in range(6, 1, -1)]
    assert {one.entered_by for one in lead.rejections} == {"Mona Field"}
    assert len(lead.rejected_by) == REJECTIONS_MAX + 2


@pytest.mark.parametrize(
    ("notes", "missing"),
    [({}, ["budget"]), ({"need": "reports"}, ["budget"]), ({"budget": "80k"}, [])],
)
def test_what_a_rejection_denied_has_to_be_noted_before_the_next_hand_off(
    notes: dict[str, str], missing: list[str]
):
    policy = default_policy()
    hand_off = HandOff(known_first={"senior-ae": ("budget",)})
    routing = policy.routing.model_copy(update={"hand_off": hand_off})
    policy = policy.model_copy(update={"routing": routing})
    scored = msgspec.json.encode(scored_lead(message=APPROVED))
    lead = routed(
        scored=scored,
        hand_off=BriefHandOff("Ana Ruiz", {"budget": "60k"}),
        rejections=(rejected(outdated_notes=("budget",), at=AT + DAY),),
    )
    recipient = Recipient("senior-ae", None, joins=False)
    assert missing_notes(policy, recipient, lead, notes) == missing
    assert missing_notes(policy, recipient, replace(lead, rejections=()), {}) == []
