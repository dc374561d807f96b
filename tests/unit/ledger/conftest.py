"""Events of a lead, made from the committed examples so that every field is as other systems see it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from shared.lead.events.envelope import Event
from shared.lead.events.registry import BY_NAME
from shared.lead.events.schemas import EXAMPLES

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MakeEvent = Callable[..., Event[Any]]


def event_from_example(short: str, id_: str = "e-1", *, subject: str = "lead-1", **fields: Any) -> Event[Any]:
    event_type = BY_NAME[f"baton.{short}.v1"]
    raw = (EXAMPLES / event_type.name / "full.json").read_bytes()
    data = msgspec.json.decode(raw, type=event_type.model)
    if hasattr(data, "lead_id"):
        fields.setdefault("lead_id", "lead-1")
    data = replace(data, **fields)
    return Event(
        id=id_,
        source="/baton/test",
        type=event_type.name,
        subject=subject,
        time=AT,
        data=data,
        raw=msgspec.json.encode(data),
    )


@pytest.fixture
def make_event() -> MakeEvent:
    return event_from_example
