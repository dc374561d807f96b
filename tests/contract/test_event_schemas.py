"""The events that other systems read and write: schemas and examples as committed, and what would break them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from shared.lead.events import schemas
from shared.lead.events.envelope import decode_data
from shared.lead.events.event_type import EventType
from shared.lead.events.registry import BY_NAME, EVENT_TYPES
from shared.lead.events.schemas import breaking_changes, committed, rendered, schema_of

EXAMPLES = Path(schemas.__file__).with_name("examples")
FILES = sorted(EXAMPLES.glob("*/*.json"))


def named(event_type: EventType) -> str:
    return event_type.name


def file_id(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def validator(event_type: EventType) -> Draft202012Validator:
    return Draft202012Validator(schema_of(event_type), format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=named)
def test_the_committed_schema_is_current_and_not_broken(event_type: EventType) -> None:
    old = committed(event_type)
    assert old is not None, "run: python -m shared.lead.events.schemas"
    Draft202012Validator.check_schema(old)
    assert breaking_changes(old, schema_of(event_type)) == []
    assert schemas.path_of(event_type).read_text() == rendered(schema_of(event_type)), (
        "run: python -m shared.lead.events.schemas"
    )


def test_nothing_but_schemas_and_examples_of_known_events_is_committed() -> None:
    assert {path.stem for path in schemas.FOLDER.iterdir()} == BY_NAME.keys()
    assert {path.name for path in EXAMPLES.iterdir()} == BY_NAME.keys()


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=named)
def test_every_event_has_a_minimal_and_a_full_example(event_type: EventType) -> None:
    assert {"minimal", "full"} <= {path.stem for path in (EXAMPLES / event_type.name).iterdir()}
    full = msgspec.json.decode((EXAMPLES / event_type.name / "full.json").read_bytes())
    assert full.keys() == {field.encode_name for field in msgspec.structs.fields(event_type.model)}


@pytest.mark.parametrize("file", FILES, ids=file_id)
def test_an_example_is_valid_and_is_read_and_written_as_it_stands(file: Path) -> None:
    event_type = BY_NAME[file.parent.name]
    content = msgspec.json.decode(file.read_bytes())
    validator(event_type).validate(content)
    data = decode_data(event_type, file.read_bytes())
    written = msgspec.json.encode(data)
    assert decode_data(event_type, written) == data
    validator(event_type).validate(msgspec.json.decode(written))
    if file.stem == "full":
        assert msgspec.json.decode(written) == content


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=named)
def test_the_minimal_example_holds_nothing_that_could_be_left_out(event_type: EventType) -> None:
    content = msgspec.json.decode((EXAMPLES / event_type.name / "minimal.json").read_bytes())
    required = {field.encode_name for field in msgspec.structs.fields(event_type.model) if field.required}
    for name in required:
        less = {key: value for key, value in content.items() if key != name}
        with pytest.raises(ValidationError):
            validator(event_type).validate(less)
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(less, event_type.model)
    # Beyond what is required it says at most who or what it is about.
    assert len(content.keys() - required) <= 1


# What breaks, on a schema small enough to see.

SMALL: dict[str, Any] = {
    "$ref": "#/$defs/Event",
    "$defs": {
        "Event": {
            "type": "object",
            "properties": {
                "id": {"type": "string", "minLength": 1, "maxLength": 200},
                "count": {"type": "integer", "minimum": 0, "maximum": 100},
                "kind": {"enum": ["a", "b"]},
                "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "code": {"type": "string", "pattern": "^[A-Z]+$"},
                "at": {"type": "string", "format": "date-time"},
                "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}, "maxItems": 5},
                "by_name": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Part"}},
            },
            "required": ["id", "kind"],
        },
        "Part": {
            "type": "object",
            "properties": {
                "word": {"type": "string"},
                "parent": {"anyOf": [{"$ref": "#/$defs/Part"}, {"type": "null"}]},
            },
            "required": [],
        },
    },
}


def changed(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> dict[str, Any]:
    new = copy.deepcopy(SMALL)
    change(new["$defs"]["Event"], new["$defs"]["Part"])
    return new


BREAKING: dict[str, tuple[Callable[[dict[str, Any], dict[str, Any]], object], str]] = {
    "removed": (lambda event, _part: event["properties"].pop("count"), "$.count: is gone"),
    "retyped": (
        lambda event, _part: event["properties"].update(id={"type": "integer"}),
        "$.id: was string, is integer",
    ),
    "no longer null": (
        lambda event, _part: event["properties"].update(note={"type": "string"}),
        "$.note: was null or string, is string",
    ),
    "null as well": (
        lambda event, _part: event["properties"].update(
            at={"anyOf": [event["properties"]["at"], {"type": "null"}]}
        ),
        "$.at: was string, is null or string",
    ),
    "newly required": (
        lambda event, _part: event["required"].append("count"),
        "$.count: is required now",
    ),
    "new and required": (
        lambda event, _part: (
            event["properties"].update(new={"type": "string"}),
            event["required"].append("new"),
        ),
        "$.new: is required now",
    ),
    "no longer certain": (lambda event, _part: event["required"].remove("id"), "$.id: may be absent now"),
    "fewer values": (
        lambda event, _part: event["properties"]["kind"].update(enum=["a", "c"]),
        "$.kind: no longer takes 'b'",
    ),
    "only some values": (
        lambda event, _part: event["properties"]["code"].update(enum=["X"]),
        "$.code: takes only some values now",
    ),
    "lower maximum": (
        lambda event, _part: event["properties"]["count"].update(maximum=99),
        "$.count: maximum was 100, is 99",
    ),
    "higher minimum": (
        lambda event, _part: event["properties"]["count"].update(minimum=1),
        "$.count: minimum was 0, is 1",
    ),
    "shorter text": (
        lambda event, _part: event["properties"]["id"].update(maxLength=100),
        "$.id: maxLength was 200, is 100",
    ),
    "newly bounded": (
        lambda event, _part: event["properties"]["by_name"].update(maxProperties=10),
        "$.by_name: maxProperties was open, is 10",
    ),
    "fewer items": (
        lambda event, _part: event["properties"]["parts"].update(maxItems=4),
        "$.parts: maxItems was 5, is 4",
    ),
    "another pattern": (
        lambda event, _part: event["properties"]["code"].update(pattern="^[A-Z]$"),
        "$.code: pattern was '^[A-Z]+$', is '^[A-Z]$'",
    ),
    "another format": (
        lambda event, _part: event["properties"]["at"].update(format="date"),
        "$.at: format was 'date-time', is 'date'",
    ),
    "inside an item": (lambda _event, part: part["properties"].pop("word"), "$.parts[].word: is gone"),
    "inside a map": (
        lambda event, _part: event["properties"]["by_name"].update(additionalProperties={"type": "string"}),
        "$.by_name.*: was object, is string",
    ),
    "closed": (
        lambda event, _part: event.update(additionalProperties=False),
        "$: takes no other fields now",
    ),
}


@pytest.mark.parametrize("name", BREAKING)
def test_a_breaking_change_is_named(name: str) -> None:
    change, sentence = BREAKING[name]
    assert sentence in breaking_changes(SMALL, changed(change))


HARMLESS: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
    "nothing": lambda _event, _part: None,
    "an optional field": lambda event, _part: event["properties"].update(
        new={"type": "string", "maxLength": 5}
    ),
    "one more value": lambda event, _part: event["properties"]["kind"].update(enum=["a", "b", "c"]),
    "wider bounds": lambda event, _part: event["properties"]["count"].update(maximum=1000, minimum=-1),
    "no bound": lambda event, _part: event["properties"]["id"].pop("maxLength"),
    "another description": lambda event, _part: event.update(description="Better said."),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_a_compatible_change_is_not_named(name: str) -> None:
    assert breaking_changes(SMALL, changed(HARMLESS[name])) == []


def test_a_renamed_definition_is_compatible() -> None:
    new = msgspec.json.decode(msgspec.json.encode(SMALL).replace(b"Part", b"Piece"))
    assert breaking_changes(SMALL, new) == []


def test_a_breaking_change_is_not_written_over_the_committed_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schemas, "FOLDER", tmp_path)
    monkeypatch.setattr(schemas, "PAGE", tmp_path / "events.md")
    schemas.PAGE.write_text("| type | topic |\n|---|---|\n\nRest")
    assert schemas.main([]) == 0
    file = tmp_path / "baton.person.erased.v1.json"
    current = file.read_text()
    older = current.replace('"email_hash": {', '"phone_hash": {"type": "string"}, "email_hash": {')
    assert older != current
    file.write_text(older)
    assert schemas.main([]) == 1
    assert "baton.person.erased.v1 $.phone_hash: is gone" in capsys.readouterr().err
    assert file.read_text() == older
    assert schemas.main(["--allow-breaking"]) == 0
    assert file.read_text() == current
