"""JSON Schemas of the policy files, made from the models: for completion and checks in an editor.

`python -m shared.policy.schema DIRECTORY` writes them; `config/schemas` holds them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from shared.lead.fields import all_fields
from shared.policy.models import FILES
from shared.policy.models.conditions import CONDITION_MARK
from shared.rules.operators import operator_schemas
from shared.rules.times import Duration

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_POSITIONS: Final = {"title": 0, "description": 1, "type": 2}
"""The keys with which a schema begins, for readers; the others follow."""
_CONDITION: Final = {"$ref": "#/$defs/Condition"}


def schema_of(file: str) -> dict[str, Any]:
    """Return the JSON Schema of a policy file by its name, e.g. `routing.yaml`."""
    return schema_of_model(FILES[file])


def schema_of_model(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of a file that a model validates."""
    schema = model.model_json_schema(schema_generator=_Generator)
    definitions = schema.pop("$defs", {})
    whole = {"$schema": _DIALECT, **_finished(schema)}
    definitions = {name: _finished(definition) for name, definition in definitions.items()}
    if any(part == _CONDITION for part in _parts([whole, definitions])):
        definitions |= {"Condition": _condition(), "Field": _field()}
    return {**whole, "$defs": dict(sorted(definitions.items()))}


class _Generator(GenerateJsonSchema):
    """Leaves out titles of fields, which only repeat their names, and writes default durations as text."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False

    def encode_default(self, dft: Any) -> Any:
        return str(dft) if isinstance(dft, Duration) else super().encode_default(dft)


def rendered(file: str) -> str:
    """Return the schema of a policy file as it is committed."""
    return as_file(schema_of(file))


def as_file(schema: Mapping[str, Any]) -> str:
    """Return a schema as the text of its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def path_of(file: str) -> str:
    """Return the name under which the schema of a policy file is kept."""
    return file.replace(".yaml", ".json")


def _finished(schema: Any) -> Any:
    """Return a generated schema with conditions in their place, and with the keys of mappings checked."""
    if isinstance(schema, list):
        return [_finished(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if CONDITION_MARK in schema:
        return _CONDITION
    finished = {key: _finished(schema[key]) for key in sorted(schema, key=lambda key: _POSITIONS.get(key, 3))}
    for pattern, values in finished.pop("patternProperties", {}).items():
        # pydantic allows every key that the pattern does not match.
        finished |= {"propertyNames": {"pattern": pattern}, "additionalProperties": values}
    return finished


def _parts(schema: Any) -> Iterator[Any]:
    """Yield a schema and all that it is made of."""
    yield schema
    if isinstance(schema, dict | list):
        for part in schema.values() if isinstance(schema, dict) else schema:
            yield from _parts(part)


def _condition() -> dict[str, Any]:
    comparison = {
        "type": "object",
        "description": "one field, one operator",
        "properties": {
            "field": {"$ref": "#/$defs/Field"},
            **operator_schemas(),
        },
        "required": ["field"],
        "minProperties": 2,
        "maxProperties": 2,
        "additionalProperties": False,
    }
    several = {"type": "array", "minItems": 1, "items": _CONDITION}
    joins: dict[str, Mapping[str, Any]] = {
        "all": several,
        "any": several,
        "not": _CONDITION,
        "use": {"type": "string"},
    }
    schemas = [
        {"type": "object", "properties": {word: inner}, "required": [word], "additionalProperties": False}
        for word, inner in joins.items()
    ]
    return {"anyOf": [comparison, *schemas]}


def _field() -> dict[str, Any]:
    names = [field.name for field in all_fields() if not field.family]
    stems = [field.name[:-2].replace(".", "\\.") for field in all_fields() if field.family]
    return {"anyOf": [{"enum": names}, {"type": "string", "pattern": f"^({'|'.join(stems)})\\..+$"}]}


def main() -> None:
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        (directory / path_of(file)).write_text(rendered(file), encoding="utf-8")


if __name__ == "__main__":
    main()
