"""Which events the parameters of the event stream select, on the examples of the events."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from services.gateway.domain.event_selection import select_events
from services.gateway.domain.stream_position import position_id, read_position
from services.gateway.domain.subscriptions import STREAM_TOPICS, STREAMED_EVENTS
from shared.lead.events.envelope import decode_data
from shared.lead.events.registry import BY_NAME
from shared.lead.events.schemas import EXAMPLES
from shared.messaging.port import Partition

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def example(short: str, **decision: Any) -> tuple[str, Any]:
    """Return an event with the data of its example, and a decision with other values."""
    name = f"baton.{short}.v1"
    data = json.loads((EXAMPLES / name / "full.json").read_text())
    data.pop("previous_queue", None)
    if decision:
        data["lead_id"] = decision.pop("lead_id", data["lead_id"])
        data["decision"] |= decision
    return short, decode_data(BY_NAME[name], json.dumps(data).encode())


# `lead.reassigned` leaves rep-omar, `lead.suppressed` leaves rep-maya, and the action is rep-maya's.
EVENTS = [
    example("lead.routed", owner="ae-1", queue="sdr"),
    example("lead.routed", owner="ae-2", queue="bdr", lead_id="two"),
    example("lead.reassigned", owner="ae-2", queue="sdr"),
    example("lead.suppressed"),
    example("action.received"),
    example("person.erased"),
]


@pytest.mark.parametrize(
    ("types", "about", "filter_", "wanted"),
    [
        ([], {}, None, [0, 1, 2, 3, 4, 5]),
        (["lead.routed"], {}, None, [0, 1]),
        (["lead.routed", "action.received"], {}, None, [0, 1, 4]),
        (["lead.*"], {}, {}, [0, 1, 2, 3]),
        (["*"], {"queue": ["bdr"]}, None, [1]),
        ([], {"queue": ["sdr", "bdr"]}, None, [0, 1, 2]),
        ([], {"owner": ["ae-2"]}, None, [1, 2]),
        ([], {"owner": ["rep-omar"]}, None, [2]),
        ([], {"owner": ["rep-maya"]}, None, [3, 4]),
        ([], {"owner": ["ae-2"], "queue": ["sdr"]}, None, [2]),
        ([], {"lead_id": ["two"]}, None, [1]),
        ([], {"lead_id": ["' OR 1=1"]}, None, []),
        (["lead.suppressed"], {"account": ["kestrel.example"]}, None, [3]),
        ([], {}, {"decision.queue": ["bdr"]}, [1]),
        ([], {"owner": ["ae-2"]}, {"field": "decision.queue", "eq": "sdr"}, [2]),
    ],
)
def test_types_and_what_they_are_about(
    types: Sequence[str],
    about: Mapping[str, Sequence[str]],
    filter_: Mapping[str, Any] | None,
    wanted: Sequence[int],
) -> None:
    assert selected(select_events(types, about, filter_)) == wanted


def test_a_rep_hears_of_leads_that_are_or_were_theirs_and_of_own_actions() -> None:
    assert selected(select_events([], {}, only_of_rep="rep-maya")) == [3, 4]
    assert selected(select_events([], {"owner": ["ae-1"]}, only_of_rep="rep-maya")) == []
    assert selected(select_events(["lead.*"], {}, only_of_rep="ae-2")) == [1, 2]


def selected(selection: Any) -> list[int]:
    assert callable(selection), selection
    return [number for number, event in enumerate(EVENTS) if selection(*event, NOW)]


@pytest.mark.parametrize(
    ("types", "about", "filter_", "pointer"),
    [
        (["lead.routd"], {}, None, "/types"),
        (["lead.scored"], {}, None, "/types"),
        (["person.erased"], {"queue": ["sdr"]}, None, "/queue"),
        (["action.received"], {}, {"decision.queue": "sdr"}, "/filter/decision.queue"),
        ([], {}, {"field": "decision.queu", "eq": "sdr"}, "/filter/field"),
    ],
)
def test_what_can_select_nothing_is_refused(
    types: Sequence[str],
    about: Mapping[str, Sequence[str]],
    filter_: Mapping[str, Any] | None,
    pointer: str,
) -> None:
    problems = select_events(types, about, filter_)
    assert isinstance(problems, list)
    assert problems[0].pointer == pointer


def test_every_event_of_the_topics_is_carried() -> None:
    assert set(STREAMED_EVENTS) == {
        event_type.short for event_type in BY_NAME.values() if event_type.topic in STREAM_TOPICS
    }


def test_a_position_is_read_as_it_was_written() -> None:
    positions = {
        Partition(topic.name, number): 7 * number + len(topic.name)
        for topic in STREAM_TOPICS
        for number in range(12)
    }
    assert read_position(position_id(positions)) == positions
    assert read_position("leads.routed.v1=3.0") == {
        Partition("leads.routed.v1", 0): 3,
        Partition("leads.routed.v1", 1): 0,
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "leads.routed.v1=",
        "leads.routed.v1=1.",
        "leads.routed.v1=-1",
        "leads.routed.v1=\u0664",
        "leads.scored.v1=1",
        "leads.routed.v1=1;",
        f"leads.routed.v1={'9' * 19}",
        "leads.routed.v1=" + "1." * 10_000 + "1",
    ],
)
def test_another_text_is_no_position(text: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        read_position(text)
