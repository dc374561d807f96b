"""The replay of a lived month: the same policies decide the same, and a changed rule moves whom it concerns."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from zlib import crc32

import pytest
from msgspec.structs import replace

from services.ledger.backtest.engine import Window
from shared.lead.events.lead_scored import LeadScoredV1
from tests.support.brute_force import judge
from tests.support.enriched_leads import AT, DAY, FITTING, enriched_lead
from tests.support.enriched_leads import lead_id as id_of
from tests.support.generated_month import generated_month, month_policy
from tests.support.lived_history import LivedHistory, backtest, final_places, paths

LEADS = 500
HOUR = timedelta(hours=1)
LATEST = month_policy(employees=500, weight=300)
CHANGED = month_policy(employees=500, weight=300, countries="JP")


@pytest.fixture(scope="module")
def month() -> LivedHistory:
    return generated_month(LEADS)


@pytest.mark.parametrize("with_scores", [False, True])
def test_the_recorded_versions_decide_everything_as_it_was(month: LivedHistory, with_scores: bool):
    run = backtest(month.events, month.policies, None, with_scores=with_scores)
    assert run.notes.decisions > LEADS
    assert (run.notes.otherwise, run.notes.unknown_versions) == (0, [])
    lived = final_places(month.events)
    for lead_id, (before, after) in paths(run).items():
        assert (before.last.queue, before.last.owner, before.last.rule) == lived.pop(lead_id)
        assert before == after
    assert not lived


def test_leads_of_an_account_that_waited_together_are_assigned_in_the_order_in_which_they_began_to_wait():
    """Which of them was first decides who gets the others, and by which rule."""
    history = LivedHistory(month_policy(), AT + HOUR)
    for number in range(1, 21):
        history.set_available(f"sdr-{number}", available=False)
    names = sorted(("ana", "bo", "cy"), key=lambda name: id_of(name, "one.example"), reverse=True)
    company = replace(FITTING, domain="one.example")
    for name in names:
        history.tell(enriched_lead(name, account="one.example", company=company, occurred_at=history.at))
        history.pass_time(history.at + HOUR)
    for number in range(1, 21):
        history.set_available(f"sdr-{number}", available=True)
    history.pass_time(history.at + HOUR)
    lived = final_places(history.events)
    assert [lived[id_of(name, "one.example")][2] for name in names[:2]] == ["fits", "existing-owner"]
    for chunk in (1, 500):
        run = backtest(history.events, history.policies, None, chunk=chunk)
        assert {
            lead: (before.last.queue, before.last.owner, before.last.rule)
            for lead, (before, _after) in paths(run).items()
        } == lived


def test_the_same_policy_moves_nobody():
    calm = generated_month(120, seed=2, changes=False)
    run = backtest(calm.events, calm.policies, month_policy())
    assert [one for one, (before, after) in paths(run).items() if before != after] == []
    assert run.notes.otherwise == 0


def test_a_changed_rule_moves_whom_the_recorded_facts_say(month: LivedHistory):
    run = backtest(month.events, month.policies, CHANGED, with_scores=False)
    found = paths(run)
    judged = judge(month.events, CHANGED)
    assert_moves_follow_from_facts(found, judged, accounts_of(month))
    moved = [one for one, (before, after) in found.items() if before.last.queue != after.last.queue]
    assert len(moved) > LEADS // 50


def accounts_of(history: LivedHistory) -> dict[str, str]:
    return {
        one.data.lead_id: one.data.account for one in history.events if isinstance(one.data, LeadScoredV1)
    }


def assert_moves_follow_from_facts(found, judged, accounts):
    """Each lead that moves does so by its own recorded facts, or as another lead of its account has another owner.

    Whose turn it is is another once leads have moved, and an owner in another zone has other deadlines.
    """
    by_facts = {one.lead_id for one in judged if one.moves}
    of_others = {
        lead_id
        for lead_id, (before, after) in found.items()
        if (before.first.owner, before.last.owner) != (after.first.owner, after.last.owner)
    }
    others_of_account: defaultdict[str, set[str]] = defaultdict(set)
    for lead_id in by_facts | of_others:
        others_of_account[accounts[lead_id]].add(lead_id)
    last = {one.lead_id: one for one in judged}
    for lead_id, (before, after) in found.items():
        moves = before.last.queue != after.last.queue
        assert moves == (after.cause is not None)
        if after.cause == "rule":
            assert lead_id in by_facts
        elif moves:
            assert others_of_account[accounts[lead_id]] - {lead_id}, after
        if lead_id in last and after.last.before == last[lead_id].before == before.last.before:
            assert (after.last.queue, moves) == (last[lead_id].candidate, last[lead_id].moves)


def test_a_candidate_begins_with_the_window(month: LivedHistory):
    since = AT + 15 * DAY
    run = backtest(month.events, month.policies, CHANGED, window=Window(since=since), with_scores=False)
    found = paths(run)
    assert found
    assert all(before.first.at >= since and after.first.at >= since for before, after in found.values())
    judged = [one for one in judge(month.events, CHANGED) if one.at >= since]
    by_facts = {one.lead_id for one in judged if one.moves}
    assert {one for one, (_before, after) in found.items() if after.cause == "rule"} <= by_facts


def test_a_backtest_of_some_leads_is_about_those_alone_also_if_the_window_only_has_their_timers(
    month: LivedHistory,
):
    """The score that says so may be from before the window."""

    def is_included(lead: LeadScoredV1) -> bool:
        return crc32(lead.lead_id.encode()) % 3 == 0

    since = AT + 15 * DAY
    whole = backtest(month.events, month.policies, CHANGED, window=Window(since), with_scores=False)
    window = Window(since, includes=is_included)
    some = backtest(month.events, month.policies, CHANGED, window=window, with_scores=False)
    scored_in_it = {
        one.data.lead_id for one in month.events if isinstance(one.data, LeadScoredV1) and one.time >= since
    }
    assert paths(whole).keys() - scored_in_it
    assert paths(some) == {
        lead_id: found for lead_id, found in paths(whole).items() if crc32(lead_id.encode()) % 3 == 0
    }


def test_a_stopped_backtest_goes_on_from_its_file(month: LivedHistory, tmp_path: Path):
    whole = backtest(month.events, month.policies, CHANGED, with_scores=False, chunk=97)
    path = tmp_path / "work.db"
    for upto in (400, 1_000):
        stopped = backtest(
            month.events, month.policies, CHANGED, with_scores=False, chunk=97, path=path, stop_at=upto
        )
        assert upto <= stopped.position < upto + 97
        stopped.close()
    resumed = backtest(month.events, month.policies, CHANGED, with_scores=False, chunk=97, path=path)
    assert paths(resumed) == paths(whole)
    assert (resumed.notes, resumed.candidate.figures) == (whole.notes, whole.candidate.figures)
