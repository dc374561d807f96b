"""One test per kind of change to a schema: which are breaking, and how the sentence reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.lead.events.registry import EVENT_TYPES
from shared.lead.events.schemas import (
    breaking_changes,
    minimal_example,
    narrowed,
    schema_of,
    with_events_table,
)

TEXT: Mapping[str, Any] = {"type": "string"}


def record(required: tuple[str, ...] = (), **properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (record(a=TEXT), record(), "$.a: is gone"),
        (record(a=TEXT), record(a={"type": "integer"}), "$.a: was string, is integer"),
        (record(a={"anyOf": [TEXT, {"type": "null"}]}), record(a=TEXT), "$.a: was null or string, is string"),
        (record(a=TEXT), record(("a",), a=TEXT), "$.a: is required now"),
        (record(("a",), a=TEXT), record(a=TEXT), "$.a: may be absent now"),
        (
            record(a={"enum": ["x", "y"]}),
            record(a={"enum": ["x"]}),
            "$.a: no longer takes 'y'",
        ),
        (
            record(a={"type": "string"}),
            record(a={"type": "string", "enum": ["x"]}),
            "$.a: takes only some values now",
        ),
        (record(a=TEXT), record(a={**TEXT, "maxLength": 5}), "$.a: maxLength was open, is 5"),
        (
            record(a={**TEXT, "maxLength": 9}),
            record(a={**TEXT, "maxLength": 5}),
            "$.a: maxLength was 9, is 5",
        ),
        (
            record(a={"type": "integer", "minimum": 0}),
            record(a={"type": "integer", "minimum": 1}),
            "$.a: minimum was 0, is 1",
        ),
        (
            record(a={**TEXT, "pattern": "a"}),
            record(a={**TEXT, "pattern": "b"}),
            "$.a: pattern was 'a', is 'b'",
        ),
        (record(a={**TEXT, "format": "date-time"}), record(a=TEXT), "$.a: format was 'date-time', is None"),
        (
            record(a={"type": "array", "items": TEXT}),
            record(a={"type": "array", "items": {"type": "integer"}}),
            "$.a[]: was string, is integer",
        ),
        (
            record(a={"type": "object", "additionalProperties": TEXT}),
            record(a={"type": "object", "additionalProperties": {"type": "integer"}}),
            "$.a.*: was string, is integer",
        ),
    ],
)
def test_a_breaking_change_is_one_sentence_with_its_place(
    old: dict[str, Any], new: dict[str, Any], sentence: str
) -> None:
    assert breaking_changes(old, new) == [sentence]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (record(), record(a=TEXT)),
        (record(a={"enum": ["x"]}), record(a={"enum": ["x", "y"]})),
        (record(a={**TEXT, "maxLength": 5}), record(a={**TEXT, "maxLength": 9})),
        (record(a={**TEXT, "maxLength": 5}), record(a=TEXT)),
        (record(a={"type": "integer", "minimum": 1}), record(a={"type": "integer", "minimum": 0})),
        (record(a={**TEXT, "description": "old"}), record(a={**TEXT, "description": "new"})),
        (record(a=TEXT), record(a={"anyOf": [TEXT]})),
    ],
)
def test_a_wider_schema_is_compatible(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert breaking_changes(old, new) == []


def test_an_object_that_refuses_unknown_fields_is_narrower() -> None:
    """A writer that sends an extra field was accepted before."""
    old, new = {"type": "object"}, {"type": "object", "additionalProperties": False}
    assert list(narrowed("$", old, new)) == ["$: takes no other fields now"]
    assert list(narrowed("$", new, old)) == []


def test_a_definition_is_followed_by_its_reference_and_reported_once() -> None:
    def holder(kind: str) -> dict[str, Any]:
        definitions = {"Name": {"type": "object", "properties": {"first": {"type": kind}}}}
        reference = {"$ref": "#/$defs/Name"}
        return {**record(a=reference, b=reference), "$defs": definitions}

    assert breaking_changes(holder("string"), holder("integer")) == ["$.a.first: was string, is integer"]


def test_a_definition_that_holds_itself_ends() -> None:
    tree = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
    }
    schema = {"$ref": "#/$defs/Tree", "$defs": {"Tree": tree}}
    assert breaking_changes(schema, schema) == []


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda event_type: event_type.name)
def test_a_schema_does_not_break_itself(event_type: Any) -> None:
    schema = schema_of(event_type)
    assert breaking_changes(schema, schema) == []


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda event_type: event_type.name)
def test_to_drop_any_field_of_any_event_is_breaking(event_type: Any) -> None:
    schema = schema_of(event_type)
    root = schema["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    for name in root["properties"]:
        rest = {key: value for key, value in root["properties"].items() if key != name}
        required = [key for key in root.get("required", ()) if key != name]
        less = {**root, "properties": rest, "required": required}
        definitions = {**schema["$defs"], schema["$ref"].removeprefix("#/$defs/"): less}
        assert breaking_changes(schema, {**schema, "$defs": definitions}) == [f"$.{name}: is gone"]


@given(st.integers(0, 9), st.integers(0, 9))
def test_bounds_break_only_in_the_direction_that_excludes_values(old: int, new: int) -> None:
    upper = breaking_changes({"type": "integer", "maximum": old}, {"type": "integer", "maximum": new})
    lower = breaking_changes({"type": "integer", "minimum": old}, {"type": "integer", "minimum": new})
    assert bool(upper) == (new < old)
    assert bool(lower) == (new > old)


def test_a_minimal_example_is_the_required_fields_of_the_full_one() -> None:
    (erased,) = (event_type for event_type in EVENT_TYPES if event_type.name == "baton.person.erased.v1")
    full = {"lead_ids": ["1"], "email_hash": "9f", "at": "2026-03-02T00:00:00Z", "unknown": 1}
    assert minimal_example(erased, full) == {key: full[key] for key in ("lead_ids", "email_hash", "at")}


def test_the_table_of_a_page_is_replaced_and_the_rest_stays() -> None:
    page = "# Events\n\n| type | topic | written by | read by |\n|---|---|---|---|\n| old | row | a | b |\n\nAfter."
    renewed = with_events_table(page)
    assert renewed.startswith("# Events\n\n| type | topic |")
    assert renewed.endswith("\n\nAfter.")
    assert "| old |" not in renewed
    assert renewed.count("\n| `baton.") == len(EVENT_TYPES)
    assert with_events_table(renewed) == renewed
