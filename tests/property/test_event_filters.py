"""The short form of a filter and its condition decide the same on every event that is sent."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.domain.event_filters import compiled_filter, expanded, filter_problems, value_at
from services.gateway.domain.subscriptions import SENT_EVENTS
from services.router.domain.delivery import WebhookTarget
from services.router.domain.target_index import TargetIndex
from shared.lead.events import schemas
from shared.lead.events.registry import EVENT_TYPES
from shared.rules.event_fields import EventFields
from tests.support.scored_leads import AT

EXAMPLES = Path(schemas.__file__).with_name("examples")
NAMES = {event_type.name: event_type.short for event_type in EVENT_TYPES if event_type.short in SENT_EVENTS}
FILES = sorted(path for path in EXAMPLES.glob("*/*.json") if path.parent.name in NAMES)
OTHER_VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-1, 101)
    | st.sampled_from([1.5, 90.0])
    | st.sampled_from(["sdr", "SQL", "mql", "work", "lead", " lead ", "1", "true", "x"])
)


@cache
def event(path: Path) -> tuple[str, msgspec.Struct]:
    name = NAMES[path.parent.name]
    text = msgspec.json.decode(path.read_bytes())
    return name, msgspec.convert(text.get("data", text), SENT_EVENTS[name])


@st.composite
def flat_filters(draw: st.DrawFn, data: msgspec.Struct) -> dict[str, Any]:
    paths = [path for path in EventFields([type(data)]).paths if not path.endswith(".*")]
    filter_: dict[str, Any] = {}
    for path in draw(st.lists(st.sampled_from(paths), min_size=1, max_size=3)):
        here = value_at(data, path)
        values = OTHER_VALUES
        if isinstance(here, str):
            values |= st.sampled_from([here, here.upper(), here.title()])
        elif here is None or isinstance(here, int):
            values |= st.just(here)
        filter_[path] = draw(values | st.lists(values, min_size=1, max_size=3))
    return filter_


def test_there_is_an_example_of_every_event_that_is_sent():
    assert {event(path)[0] for path in FILES} == {*SENT_EVENTS}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
@settings(max_examples=30, deadline=None)
@given(draw=st.data())
def test_the_short_form_decides_as_its_condition_does(path: Path, draw: st.DataObject):
    name, data = event(path)
    flat = draw.draw(flat_filters(data))
    faults = filter_problems([name], flat)
    assert bool(faults) == bool(filter_problems([name], expanded(flat)))
    matches = compiled_filter([name], flat)(data, AT)
    if not faults:
        assert matches is compiled_filter([name], expanded(flat))(data, AT)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
@settings(max_examples=30, deadline=None)
@given(draw=st.data())
def test_the_index_finds_the_targets_whose_filter_an_event_matches(path: Path, draw: st.DataObject):
    name, data = event(path)
    flat = draw.draw(st.lists(flat_filters(data), max_size=6))
    parts = [expanded(filter_) for filter_ in flat]
    more: list[dict[str, Any]] = [{"any": parts[:2]}, {"not": parts[0]}, {"all": parts}] if parts else []
    filters: list[dict[str, Any]] = [{}, *flat, *parts, *more]
    targets = [
        WebhookTarget(str(number), "https://hooks.example/", events, (), filter_)
        for number, (filter_, events) in enumerate((one, of) for one in filters for of in ((name,), ("*",)))
    ]
    wanting = [one for one in targets if not one.filter or compiled_filter(one.events, one.filter)(data, AT)]
    assert TargetIndex(targets).wanting(name, data, AT) == wanting


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_an_event_has_is_a_filter_that_it_matches(path: Path):
    """No filter that an event matches is refused: every single value of every event can be asked for."""
    name, data = event(path)
    for field in EventFields([type(data)]).paths:
        value = value_at(data, field)
        if value not in (None, "") and isinstance(value, str | int):
            assert filter_problems([name], {field: value}) == [], field
            assert compiled_filter([name], {field: value})(data, AT), field
