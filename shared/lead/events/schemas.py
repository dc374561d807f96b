"""JSON Schema (2020-12) of every event, generated from the models, and the check for breaking changes.

    python -m shared.lead.events.schemas [--allow-breaking]

writes everything that follows from the registered events: `schemas/<type>.json` beside this module, the
table of `docs/events.md`, and a minimal example for an event that has only a full one. Other systems build on
the committed schemas, so a breaking change is refused: it needs a new version of the event. Before the first
release, or for an event that nobody can have used yet, `--allow-breaking` accepts it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from shared.lead.events.event_type import EventType
from shared.lead.events.registry import EVENT_TYPES

FOLDER = Path(__file__).with_name("schemas")
EXAMPLES = Path(__file__).with_name("examples")
PAGE = Path(__file__).parents[3] / "docs" / "events.md"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = Mapping[str, Any]

_LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_FORMS = ("pattern", "format")
_MEMBERS = {"items": "[]", "additionalProperties": ".*", "propertyNames": ".(name)"}


def schema_of(event_type: EventType) -> dict[str, Any]:
    """Return the schema of an event's data."""
    schema = msgspec.json.schema(event_type.model)
    for definition in schema["$defs"].values():
        definition["description"] = cleandoc(definition["description"])
    return {
        "$schema": DIALECT,
        "$id": f"urn:baton:schema:{event_type.name}",
        "title": event_type.name,
        **schema,
    }


def rendered(schema: Schema) -> str:
    """Return a schema as the text of its committed file."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def committed(event_type: EventType) -> Schema | None:
    """Return the schema that other systems build on, or None for an event that is new."""
    file = path_of(event_type)
    return msgspec.json.decode(file.read_bytes()) if file.exists() else None


def path_of(event_type: EventType) -> Path:
    """Return where the schema of an event is committed."""
    return FOLDER / f"{event_type.name}.json"


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """Return what breaks a writer or a reader that was built on `old`, one sentence for each.

    Breaking: a field that is gone, of another type, newly required or no longer required; fewer
    values of an enumeration; closer bounds; another pattern or format.
    """
    return list(_Comparison(old, new).at("$", old, new))


class _Comparison:
    """Walks two schemas side by side; each pair of definitions is compared once."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old.get("$defs", {})
        self._new = new.get("$defs", {})
        self._seen: set[tuple[int, int]] = set()

    def at(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        before, after = _alternatives(old, self._old), _alternatives(new, self._new)
        if before.keys() != after.keys():
            yield f"{path}: was {' or '.join(sorted(before))}, is {' or '.join(sorted(after))}"
        for kind in before.keys() & after.keys():
            pair = (id(before[kind]), id(after[kind]))
            if pair not in self._seen:
                self._seen.add(pair)
                yield from self._same_type(path, before[kind], after[kind])

    def _same_type(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        yield from narrowed(path, old, new)
        for name, schema in old.get("properties", {}).items():
            if name in new.get("properties", {}):
                yield from self.at(f"{path}.{name}", schema, new["properties"][name])
            else:
                yield f"{path}.{name}: is gone"
        was, is_now = set(old.get("required", ())), set(new.get("required", ()))
        yield from (f"{path}.{name}: is required now" for name in sorted(is_now - was))
        kept = was & new.get("properties", {}).keys()
        yield from (f"{path}.{name}: may be absent now" for name in sorted(kept - is_now))
        for keyword, suffix in _MEMBERS.items():
            if keyword in old or keyword in new:
                yield from self.at(path + suffix, _members(old, keyword), _members(new, keyword))


def _alternatives(schema: Schema, definitions: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return the types that a value may have, each with the schema that then holds."""
    if "$ref" in schema:
        return _alternatives(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions)
    if "anyOf" in schema:
        found: dict[str, Schema] = {}
        for alternative in schema["anyOf"]:
            found |= _alternatives(alternative, definitions)
        return found
    if "type" in schema:
        return {schema["type"]: schema}
    return {"a choice": schema} if "enum" in schema else {"anything": schema}


def _members(schema: Schema, keyword: str) -> Schema:
    found = schema.get(keyword)
    return found if isinstance(found, Mapping) else {}


def narrowed(path: str, old: Schema, new: Schema) -> Iterator[str]:
    """Yield what the keywords of one type no longer allow: values, bounds, forms, unknown fields."""
    for value in old.get("enum", ()):
        if value not in new.get("enum", (value,)):
            yield f"{path}: no longer takes {value!r}"
    if "enum" in new and "enum" not in old:
        yield f"{path}: takes only some values now"
    for bound in (*_LOWER_BOUNDS, *_UPPER_BOUNDS):
        closer = max if bound in _LOWER_BOUNDS else min
        if bound in new and (bound not in old or closer(old[bound], new[bound]) != old[bound]):
            yield f"{path}: {bound} was {old.get(bound, 'open')}, is {new[bound]}"
    for form in _FORMS:
        if new.get(form) != old.get(form):
            yield f"{path}: {form} was {old.get(form)!r}, is {new.get(form)!r}"
    if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
        yield f"{path}: takes no other fields now"


def main(arguments: list[str]) -> int:
    """Write the schemas, unless a change is breaking; return the exit code."""
    broken = [
        f"{event_type.name} {change}"
        for event_type in EVENT_TYPES
        if (old := committed(event_type)) is not None
        for change in breaking_changes(old, schema_of(event_type))
    ]
    if broken and "--allow-breaking" not in arguments:
        sys.stderr.write("\n".join(["This breaks the users of the events:", *broken, ""]))
        return 1
    FOLDER.mkdir(exist_ok=True)
    for event_type in EVENT_TYPES:
        path_of(event_type).write_text(rendered(schema_of(event_type)), encoding="utf-8")
        full, minimal = (EXAMPLES / event_type.name / f"{name}.json" for name in ("full", "minimal"))
        if full.exists() and not minimal.exists():
            content = minimal_example(event_type, msgspec.json.decode(full.read_bytes()))
            minimal.write_text(rendered(content), encoding="utf-8")
    PAGE.write_text(with_events_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def with_events_table(page: str) -> str:
    """Return the page with its first table replaced by one row per registered event."""
    start = page.index("| type | topic |")
    end = page.index("\n\n", start)
    head = page[start:end].splitlines()[:2]
    rows = [
        f"| `{event_type.name}` | `{topic.name}` | {', '.join(topic.writers)} | {', '.join(topic.readers)} |"
        for event_type in EVENT_TYPES
        for topic in (event_type.topic,)
    ]
    return page[:start] + "\n".join([*head, *rows]) + page[end:]


def minimal_example(event_type: EventType, full: Mapping[str, Any]) -> dict[str, Any]:
    """Return the required fields of a full example."""
    required = {field.encode_name for field in msgspec.structs.fields(event_type.model) if field.required}
    return {name: value for name, value in full.items() if name in required}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
