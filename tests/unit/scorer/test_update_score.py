"""A new score: when it is emitted, which trigger it bears, what is written, and when an account qualifies."""

from __future__ import annotations

from dataclasses import replace as with_fields
from typing import Any

import pytest
from msgspec.structs import replace

from services.scorer.domain.decide import decide
from services.scorer.domain.state import AccountNameRow, AccountRow, ScoreRow
from services.scorer.domain.stored_signals import stored_signal
from services.scorer.domain.update_score import DECAY, ROLE, ScoringContext, put_changed, update_score
from services.scorer.policy import scoring_policy
from shared.lead.events.envelope import Event
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.parts import Company, Person, Trigger
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow
from tests.support.enriched_leads import AT, DAY, did, enriched_lead, event_of, lead_id, signal
from tests.support.scoring_policies import compiled_with, default_scoring

CONTEXT = ScoringContext(default_scoring(), AT)
LEAD = Trigger("lead", "received-1")
DECAYED = Trigger("decay", "timer-1")


def row(name: str = "ana", **given: object) -> ScoreRow:
    return ScoreRow(lead_id(name), "kestrel.example", lead=enriched_lead(name), **given)  # type: ignore[arg-type]


def stored(*rows: ScoreRow | AccountRow) -> IdentityMap:
    """Return the rows after each lead among them was scored once."""
    rows_map = IdentityMap([one for one in rows if isinstance(one, AccountRow)])
    for one in rows:
        if isinstance(one, ScoreRow):
            changes = ChangeSet(rows_map)
            update_score(changes, CONTEXT, one, LEAD, "always")
            rows_map.apply(changes.changes)
    return rows_map


def score_again(rows: IdentityMap, emit_when, *, at=AT, name: str = "ana", **given) -> ChangeSet:
    changes = ChangeSet(rows)
    scored = rows.get(ScoreRow, lead_id(name))
    assert scored is not None
    update_score(changes, ScoringContext(default_scoring(), at), replace(scored, **given), DECAYED, emit_when)
    return changes


def emitted_by(changes: ChangeSet) -> list[Any]:
    """Return the data of the events that a decision emits."""
    return [emit.data for emit in changes.emits]


# When a score is emitted


def test_a_row_without_a_lead_cannot_be_scored():
    with pytest.raises(ValueError, match="only a lead"):
        update_score(ChangeSet(IdentityMap()), CONTEXT, ScoreRow("lead-1", "a"), LEAD, "always")


@pytest.mark.parametrize(
    ("emit_when", "emitted"), [("always", True), ("if_changed", False), ("if_regraded", False)]
)
def test_a_score_that_is_as_before_is_emitted_only_when_always(emit_when, emitted):
    changes = score_again(stored(row()), emit_when)
    assert bool(changes.emits) is emitted
    assert bool(changes.changes) is emitted


@pytest.mark.parametrize("emit_when", ["always", "if_changed", "if_regraded"])
def test_a_first_score_is_always_emitted(emit_when):
    changes = ChangeSet(IdentityMap())
    assert update_score(changes, CONTEXT, row(), LEAD, emit_when)
    assert len(changes.emits) == 1


@pytest.mark.parametrize(("emit_when", "emitted"), [("if_changed", True), ("if_regraded", False)])
def test_points_within_a_grade_are_news_but_no_new_grade(emit_when, emitted):
    rows = stored(row(activities=[did("demo_request")]))
    changes = score_again(rows, emit_when, at=AT + DAY)
    assert bool(changes.emits) is emitted


@pytest.mark.parametrize("emit_when", ["if_changed", "if_regraded"])
def test_another_grade_is_news_to_both(emit_when):
    rows = stored(row(activities=[did("demo_request")]))
    [scored] = emitted_by(score_again(rows, emit_when, at=AT + 8 * DAY))
    assert scored.score.grade == "A2"


def test_live_signals_are_news_though_the_grade_stays():
    rows = stored(row(activities=[did("demo_request")]), AccountRow("kestrel.example"))
    account = rows.get(AccountRow, "kestrel.example")
    assert account is not None
    hiring = stored_signal(signal("hiring_surge"), "signal-1", AT)
    rows.add([replace(account, signals={hiring.content: hiring})])
    [scored] = emitted_by(score_again(rows, "if_regraded"))
    assert (scored.score.grade, scored.signals.types) == ("A1", ["hiring_surge"])


def test_the_sequence_counts_what_was_emitted():
    rows = stored(row(sequence=4))
    scored = rows.get(ScoreRow, lead_id("ana"))
    assert scored is not None
    assert scored.sequence == 5
    score_again(rows, "if_regraded")
    assert rows.get(ScoreRow, lead_id("ana")) == scored


def test_a_score_that_is_not_emitted_is_not_stored_either():
    """The stored score is the one that readers have: the next one is compared with that."""
    rows = stored(row(activities=[did("demo_request")]))
    changes = score_again(rows, "if_regraded", at=AT + DAY)
    before = rows.get(ScoreRow, lead_id("ana"))
    after = changes.get(ScoreRow, lead_id("ana"))
    assert before is not None
    assert after is not None
    assert (after.score, after.sequence) == (before.score, before.sequence)


# What is emitted


def test_an_emitted_score_has_all_lines_and_all_that_the_enriched_lead_had():
    changes = ChangeSet(IdentityMap())
    update_score(changes, CONTEXT, row(activities=[did("call"), did("webinar")]), LEAD, "always")
    [scored] = emitted_by(changes)
    lead = enriched_lead()
    for name in ("person", "company", "source", "consent", "answers", "derived", "provenance"):
        assert getattr(scored, name) == getattr(lead, name)
    assert [activity.type for activity in scored.activities] == ["call", "webinar"]
    assert sum(line.points for line in scored.score.lines) == scored.score.fit + scored.score.intent
    assert scored.policy_version == default_scoring().version


@pytest.mark.parametrize(
    ("activities", "type_"),
    [
        ([], None),
        ([did("page_view"), did("demo_request")], "demo_request"),
        ([did("content_download", DAY), did("webinar")], "webinar"),
        ([did("email_click")], "email_click"),
    ],
    ids=["none", "most points", "latest of equals", "without a rule"],
)
def test_the_strongest_new_activity_is_the_type_of_the_trigger(activities, type_):
    changes = ChangeSet(IdentityMap())
    update_score(changes, CONTEXT, row(), LEAD, "always", new_activities=activities)
    assert emitted_by(changes)[0].trigger == Trigger("lead", "received-1", type_)


# What is written


def test_a_row_that_is_stored_like_that_is_not_written():
    scored = row()
    changes = ChangeSet(IdentityMap([scored]))
    put_changed(changes, scored)
    assert changes.changes == ()
    put_changed(changes, replace(scored, sequence=9))
    assert len(changes.changes) == 1


def test_a_lead_that_time_does_not_change_has_no_timer():
    rows = stored(row())
    assert rows.all(TimerRow) == []


def test_the_timer_is_removed_once_there_is_nothing_to_wait_for():
    rows = stored(row(activities=[did("demo_request")]))
    [timer] = rows.all(TimerRow)
    assert (timer.subject, timer.role, timer.kind) == (lead_id("ana"), ROLE, DECAY)
    changes = score_again(rows, "if_regraded", activities=[])
    assert changes.get(TimerRow, *timer.key) is None


def test_the_timer_is_not_written_again_for_the_same_instant():
    rows = stored(row(activities=[did("demo_request")]))
    changes = score_again(rows, "always")
    assert not [change for change in changes.changes if "TimerRow" in repr(change)]


# Qualified accounts


def test_an_account_qualifies_with_the_person_who_makes_it_so():
    rows = stored(row("ana", activities=[did("demo_request")]))
    changes = ChangeSet(rows)
    update_score(changes, CONTEXT, row("bob"), LEAD, "always", seen_at=AT)
    scored, qualified = emitted_by(changes)
    assert scored.account_view.qualified
    assert (qualified.account, qualified.account_view) == ("kestrel.example", scored.account_view)
    assert qualified.lead_ids == sorted([lead_id("ana"), lead_id("bob")])
    account = changes.get(AccountRow, "kestrel.example")
    assert account is not None
    assert account.qualified


def test_a_qualified_account_is_emitted_once_as_long_as_it_qualifies(scorer):
    scorer.enrich("ana", activities=[did("demo_request")])
    scorer.enrich("bob")
    assert scorer.event_types() == ["lead.scored", "account.qualified"]
    scorer.enrich("cyd")
    assert scorer.event_types() == ["lead.scored"]


def test_an_account_that_stopped_to_qualify_is_emitted_when_it_does_again(scorer):
    scorer.enrich("ana", activities=[did("demo_request")])
    scorer.enrich("bob")
    scorer.advance(30 * DAY)
    assert not scorer.account().qualified
    scorer.act("demo_request", at=scorer.at.isoformat())
    assert scorer.event_types() == ["lead.scored", "account.qualified"]


def test_a_policy_without_a_condition_qualifies_no_account(simulate):
    scorer = simulate(with_fields(default_scoring(), qualified_when=None))
    for name in ("ana", "bob", "cyd"):
        scorer.enrich(name, activities=[did("demo_request")])
    assert not scorer.account().qualified


# Another policy


def test_a_new_policy_scores_a_lead_at_its_next_event(simulate):
    stricter = scoring_policy(compiled_with(scoring=("fit: {A: 75,", "fit: {A: 99,")))
    first, second = simulate(None), simulate(stricter)
    for scorer in (first, second):
        scorer.enrich(title="Clerk")
    assert (first.score().grade, second.score().grade) == ("A4", "B4")
    second.rows = first.rows
    assert second.score().grade == "A4"
    second.act("call")
    [scored] = second.scored()
    assert (scored.policy_version, scored.score.grade) == (stricter.version, "B4")


# What the scorer does not decide


def test_an_outcome_of_a_lead_changes_no_score(scorer):
    scorer.enrich()
    before = scorer.lead()
    outcome = OutcomeReceivedV1(type="won", at=AT, lead_id=lead_id("ana"))
    assert scorer.receive(outcome) is Outcome.UNCHANGED
    assert (scorer.lead(), scorer.emitted) == (before, [])


def test_decisions_are_made_on_the_rows_and_leave_them_as_they_are():
    rows = IdentityMap()
    event: Event[object] = event_of(enriched_lead())
    changes = ChangeSet(rows)
    assert decide(changes, CONTEXT, event) is Outcome.APPLIED
    assert rows.all(ScoreRow) == []
    written = {type(change.row) for change in changes.changes}  # type: ignore[union-attr]
    assert written == {ScoreRow, AccountRow, AccountNameRow}


def test_an_account_lead_is_scored_and_counts_as_no_person(scorer):
    scorer.enrich(person=Person(), company=Company(domain="kestrel.example"), activities=[did("call")])
    assert scorer.account().leads == 1
    assert scorer.account().grades == {}
    assert scorer.scored()[0].account_view.people == 0
