"""Vendors that only answer: baselines, rounds, budgets, pauses and what is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.scorer.domain.poll_rows import PolledAccountRow
from services.scorer.domain.polls import (
    BATCH,
    FAILURES_MAX,
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    SEEN_MAX,
    TRIES_MAX,
    PollAnswer,
    PolledSignal,
    PollProblem,
    PollStep,
)
from shared.lead.events.envelope import Event, emitted
from shared.lead.events.signal_received import SignalPerson, SignalReceivedV1
from shared.resilience import availability
from shared.storage.change_set import ChangeSet
from tests.support.poll_world import DAILY, START, PollWorld, answers, funding, refuses

DAY = timedelta(days=1)
MANY = [f"a{number:03}.example" for number in range(45)]


def names(world: PollWorld) -> list[Any]:
    return [emit.data.external_id for emit in world.emitted]  # type: ignore[attr-defined]


def test_the_first_answer_is_the_baseline_and_then_only_new_rounds_fire():
    world = PollWorld(["a.example"])
    history = [funding("a.example", "seed", START - 900 * DAY), funding("a.example", "a", START - 20 * DAY)]
    world.round(answers(*history))
    assert names(world) == []
    world.round(answers(*history))
    assert names(world) == []
    news = funding("a.example", "b", START + DAY / 2)
    world.round(answers(*history, news))
    world.round(answers(*history, news))
    assert names(world) == ["b"]


def test_a_record_that_the_vendor_adds_later_about_the_time_before_the_baseline_fires_nothing():
    world = PollWorld(["a.example"])
    world.round(answers())
    world.round(answers(funding("a.example", "seed", START - DAY)))
    assert names(world) == []


def test_a_record_with_a_date_only_fires_on_the_day_of_the_baseline():
    world = PollWorld(["a.example"])
    world.round(answers())
    world.round(answers(funding("a.example", "a", datetime(2026, 1, 15, tzinfo=UTC))))
    assert names(world) == ["a"]


def test_an_opt_out_fires_whenever_it_was():
    data = SignalReceivedV1("opt_out", START - 90 * DAY, person=SignalPerson("ana@a.example"))
    notice = PolledSignal("opt-out-1", data, "lead", "a.example")
    world = PollWorld(["a.example"])
    for _ in range(2):
        world.round(lambda account: PollAnswer(account, "match", [notice]))
    assert [emit.data for emit in world.emitted] == [data]


def test_a_round_that_is_found_twice_is_one_event():
    """The id follows from the source and the record, not from the poll that found it."""
    ids = set()
    for days in (1, 2):
        world = PollWorld(["a.example"])
        world.round(answers())
        for _ in range(days):
            world.round(answers())
        world.round(answers(funding("a.example", "b", START + 3 * DAY)))
        (emit,) = world.emitted
        cause = Event(id=f"timer-{days}", source="", type="", subject="", time=world.at, data=None)
        ids.add(emitted(emit, by="scorer", cause=cause, ordinal=days, at=world.at).id)
    assert len(ids) == 1


def test_every_account_is_asked_once_a_round_and_the_steps_are_spread():
    world = PollWorld(MANY)
    assert world.round(answers()) == MANY
    assert world.at - START == 2 * timedelta(seconds=60)  # three steps
    assert world.due_at == START + DAILY.every
    assert world.round(answers()) == MANY


def test_a_round_ends_at_its_limit_and_the_next_goes_on():
    world = PollWorld(MANY, replace(DAILY, limit=30))
    assert world.round(answers()) == MANY[:30]
    assert world.round(answers()) == MANY[30:]
    assert world.round(answers()) == MANY[:30]


def test_a_restart_goes_on_where_the_round_was():
    world = PollWorld(MANY)
    world.step(answers())
    world.restart()
    world.step(answers())
    assert world.asked == MANY[: 2 * BATCH]
    cursors = PollWorld(["a.example"])
    cursors.round(lambda account: PollAnswer(account, "match", cursor="page-7"))
    cursors.restart()
    cursors.round(lambda account: PollAnswer(account, "match"))
    assert cursors.account("a.example").cursor == "page-7"


def test_the_budget_of_a_day_is_not_exceeded_and_the_next_day_goes_on():
    world = PollWorld(MANY, replace(DAILY, price_cents=10, budget_cents=250, bills_calls=True))
    while world.row_or_none is None or world.row.state != "budget_spent":
        world.step(answers())
    assert (len(world.asked), world.row.spent_cents) == (25, 250)
    assert world.due_at == datetime(2026, 1, 16, tzinfo=UTC)
    world.step(answers())
    assert len(world.asked) == 45
    assert world.row.spent_cents == 200


def test_what_costs_nothing_is_given_back():
    world = PollWorld(MANY[:5], replace(DAILY, price_cents=10, budget_cents=1_000))
    world.step(answers(funding(MANY[0], "a", START)))
    assert world.row.spent_cents == 10


@pytest.mark.parametrize(("verdict", "state"), [("refused", "paused"), ("limited", "limited")])
def test_a_vendor_that_refuses_pauses_the_source_and_is_tried_with_one_account(verdict, state):
    world = PollWorld(MANY)
    world.step(refuses(verdict))
    assert (world.row.state, world.row.reason) == (state, verdict)
    pauses = []
    for _ in range(12):
        before, asked = world.at, len(world.asked)
        world.step(refuses(verdict))
        assert len(world.asked) == asked + 1
        pauses.append((world.at - before).total_seconds())
    assert pauses[:3] == [FIRST_PAUSE_S[state], 2 * FIRST_PAUSE_S[state], 4 * FIRST_PAUSE_S[state]]
    assert pauses[-1] == LONGEST_PAUSE_S[state]
    world.round(answers())
    assert world.row.state == "active"
    assert {row.account for row in world.rows.all(PolledAccountRow)} == set(MANY)


def test_a_vendor_says_how_long_to_wait():
    world = PollWorld(["a.example"])
    world.step(refuses("limited", retry_after_s=300.0))
    assert world.due_at == world.at + timedelta(seconds=300)


def test_failures_in_a_row_pause_the_source():
    world = PollWorld(MANY[: FAILURES_MAX - 1])
    world.step(refuses("failed"))
    assert world.row.state == "active"
    world.step(refuses("failed"))
    assert (world.row.state, world.row.reason) == ("failing", "failed")
    world.round(answers())
    assert (world.row.state, world.row.failures) == ("active", 0)


def test_an_account_that_alone_fails_is_tried_a_few_times_and_left_to_the_next_round():
    world = PollWorld(MANY)

    def vendor(account: str) -> PollAnswer:
        return PollAnswer(account, "failed" if account == MANY[3] else "match")

    asked = world.round(vendor)
    assert asked.count(MANY[3]) == TRIES_MAX
    assert all(asked.count(account) == 1 for account in MANY if account != MANY[3])
    assert world.row.retries == {}
    assert world.round(answers()).count(MANY[3]) == 1


def test_a_source_that_cannot_ask_says_why_and_looks_again():
    world = PollWorld(["a.example"])
    step = PollStep(
        "news", "scorer", "poll", world.due_at, terms=DAILY, problem=PollProblem("no_key", "KEY is not set")
    )
    world.decide(step)
    assert (world.row.state, world.row.reason, world.asked) == ("no_key", "KEY is not set", [])
    assert world.due_at == START + timedelta(seconds=60)
    assert world.round(answers()) == ["a.example"]


def test_a_source_that_asks_no_more_is_forgotten():
    world = PollWorld(["a.example"])
    world.round(answers())
    changes = ChangeSet(world.rows)
    world.decide(PollStep("news", "scorer", "poll", world.due_at))
    assert world.row_or_none is None
    assert changes.emits == ()


def test_what_is_remembered_of_an_account_is_bounded():
    world = PollWorld(["a.example"])
    rounds = [funding("a.example", f"r{number}", START + DAY) for number in range(2 * SEEN_MAX)]
    world.round(answers(*rounds))
    assert len(world.account("a.example").seen) == SEEN_MAX


def test_pauses_are_those_of_providers():
    assert dict(availability.FIRST_INTERVAL_S) == FIRST_PAUSE_S
    assert dict(availability.LONGEST_INTERVAL_S) == LONGEST_PAUSE_S
    assert FAILURES_MAX == availability.FAILURES_MAX
