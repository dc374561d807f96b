"""The fold: how decisions follow each other, without any database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.errors import Crash, DataError, Retry
from shared.lead.events.account_qualified import AccountQualifiedV1
from shared.lead.events.envelope import Emit, Event
from shared.lead.events.scoring import AccountView
from shared.storage.rows import IdentityMap, Put
from shared.worker.decision import Outcome, Step
from shared.worker.rows import TimerRow, TombstoneRow
from shared.worker.timers import timer_event
from shared.worker.unit_of_work import EMIT_BYTES_MAX, Result, fold
from tests.support.toy_role import ACTION, KIND, ROLE, CounterRow, ToyHandler

AT = datetime(2026, 3, 2, tzinfo=UTC)


def action(id_: str, lead_id: str = "lead", **more: Any) -> Event[Any]:
    from shared.lead.events.action_received import ActionReceivedV1

    data = ActionReceivedV1(lead_id=lead_id, type="accept", **more)
    return Event(id=id_, source="/test", type=ACTION, subject=lead_id, time=AT, data=data)


def folded(world: IdentityMap, *events: Event[Any], handler: Any = None) -> Result:
    result = Result()
    fold(handler or ToyHandler(), world, events, AT, result=result, keyed_hash=str)
    return result


def test_each_event_sees_what_the_one_before_it_changed() -> None:
    world = IdentityMap()
    result = folded(world, action("1"), action("2"), action("1"))
    assert world.get(CounterRow, "lead") == CounterRow("lead", 2, "")
    assert [outcome for _event, outcome in result.outcomes] == [
        Outcome.APPLIED,
        Outcome.APPLIED,
        Outcome.UNCHANGED,
    ]


def test_an_event_that_fails_changes_nothing_and_claims_nothing() -> None:
    world = IdentityMap()
    result = folded(world, action("1", reason="boom"), action("1"))
    assert [event.id for event, _error in result.rejected] == ["1"]
    assert [event.id for event, _outcome in result.outcomes] == ["1"]


class Deciding(ToyHandler):
    def __init__(self, decide: Callable[[], Step]) -> None:
        super().__init__()
        self._decide = decide

    def decide(self, world: IdentityMap, event: Event[Any], at: datetime) -> Step:
        return self._decide()


def beyond_the_calendar() -> Step:
    return Step(
        Outcome.APPLIED, [Put(TimerRow("lead", ROLE, KIND, datetime.max.replace(tzinfo=UTC) + timedelta(1)))]
    )


def too_large_to_publish() -> Step:
    data = AccountQualifiedV1("a" * EMIT_BYTES_MAX, AccountView(), [], "v", AT)
    return Step(Outcome.APPLIED, [Put(CounterRow("lead", 1, ""))], [Emit(data, "lead", "lead")])


@pytest.mark.parametrize(
    ("decide", "kind"), [(beyond_the_calendar, "overflow"), (too_large_to_publish, "oversized")]
)
def test_an_event_whose_effects_are_invalid_is_rejected(decide: Callable[[], Step], kind: str) -> None:
    world = IdentityMap()
    result = folded(world, action("1"), handler=Deciding(decide))
    assert [error.kind for _event, error in result.rejected] == [kind]
    assert not result.outgoing
    assert world.pending_writes() == {}


def test_an_event_that_triggers_a_bug_is_rejected_alone() -> None:
    def decide() -> Step:
        return Step(Outcome.APPLIED, [1 // 0])  # type: ignore[list-item]

    result = folded(IdentityMap(), action("1"), handler=Deciding(decide))
    ((_event, error),) = result.rejected
    assert (error.kind, str(error)) == ("bug", "ZeroDivisionError: integer division or modulo by zero")
    assert isinstance(error.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("error", [Crash("broken"), Retry("away")])
def test_an_error_that_says_what_to_do_next_is_raised(error: Exception) -> None:
    def decide() -> Step:
        raise error

    with pytest.raises(type(error)):
        folded(IdentityMap(), action("1"), handler=Deciding(decide))


def test_what_is_about_an_erased_person_is_superseded_until_the_person_is_back() -> None:
    world = IdentityMap([TombstoneRow("lead", ROLE, AT), TombstoneRow("other", "another role", AT)])
    later = replace(action("2"), time=AT + timedelta(microseconds=1))
    result = folded(world, action("1"), later, action("3", "other"))
    assert [outcome for _event, outcome in result.outcomes] == [
        Outcome.SUPERSEDED,
        Outcome.SUPERSEDED,
        Outcome.APPLIED,
    ]
    world.apply([Put(TombstoneRow("lead", ROLE, AT, returned=True))])
    result = folded(world, action("4"), replace(later, id="5"))
    assert [outcome for _event, outcome in result.outcomes] == [Outcome.SUPERSEDED, Outcome.APPLIED]


def test_what_is_told_of_a_person_who_is_back_says_which_erasure_it_follows() -> None:
    world = IdentityMap([TombstoneRow("lead", ROLE, AT - timedelta(1), returned=True)])
    result = folded(world, action("1"), action("2", "other"))
    erased = [dict(out.headers).get("ce_aftererasure") for out in result.outgoing]
    assert erased == [b"2026-03-01T00:00:00Z", None]


@pytest.mark.parametrize(
    ("stored", "outcome"),
    [
        ([TimerRow("lead", ROLE, KIND, AT)], Outcome.APPLIED),
        ([TimerRow("lead", ROLE, KIND, AT, leased_until=AT)], Outcome.APPLIED),
        ([TimerRow("lead", ROLE, KIND, AT + timedelta(1))], Outcome.SUPERSEDED),
        ([TimerRow("lead", "other", KIND, AT)], Outcome.SUPERSEDED),
        ([], Outcome.SUPERSEDED),
    ],
)
def test_a_timer_that_was_moved_or_removed_is_superseded(
    stored: Sequence[TimerRow], outcome: Outcome
) -> None:
    fired = timer_event(TimerRow("lead", ROLE, KIND, AT), AT)
    assert [found for _event, found in folded(IdentityMap(stored), fired).outcomes] == [outcome]


def test_repeated_input_emits_the_same_event_ids() -> None:
    first, again = (folded(IdentityMap(), action("1"), action("2")) for _ in range(2))
    assert first.outgoing == again.outgoing
    ids = {dict(out.headers)["ce_id"] for out in first.outgoing}
    assert len(ids) == 2


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["a", "b"]), st.sampled_from([None, "boom"]))),
    st.integers(1, 5),
)
def test_the_result_does_not_depend_on_how_events_are_batched(
    inputs: list[tuple[int, str, str | None]], size: int
) -> None:
    events = [action(f"{lead}{n}", lead, reason=reason) for n, lead, reason in inputs]
    together, apart = IdentityMap(), IdentityMap()
    one = folded(together, *events)
    many = Result()
    for start in range(0, len(events), size):
        many.extend(folded(apart, *events[start : start + size]))
    assert together.all(CounterRow) == apart.all(CounterRow)
    assert one.outgoing == many.outgoing
    assert one.outcomes == many.outcomes
    assert [event for event, _ in one.rejected] == [event for event, _ in many.rejected]
    assert all(isinstance(error, DataError) for _, error in one.rejected)
