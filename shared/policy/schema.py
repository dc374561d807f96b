"""JSON Schemas of the policy files, made from the models: for completion and checks in an editor.

`python -m shared.policy.schema DIRECTORY` writes them; `config/schemas` holds them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from shared.lead.fields import all_fields
from shared.policy.hours import HOURS_PATTERN
from shared.policy.models import FILES
from shared.rules.syntax import Condition, Op
from shared.rules.times import DURATION_PATTERN

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_CONDITION: Final = {"$ref": "#/$defs/Condition"}
_VALUE: Final = {"type": ["string", "integer", "boolean"]}
_VALUES: Final = {"type": "array", "minItems": 1, "items": {"type": ["string", "integer"]}}
_OF_OPERATOR: Final[Mapping[Op, Mapping[str, Any]]] = {
    Op.IN: _VALUES,
    Op.NOT_IN: _VALUES,
    Op.CONTAINS_ANY: _VALUES,
    Op.CONTAINS_ALL: _VALUES,
    Op.BETWEEN: {**_VALUES, "minItems": 2, "maxItems": 2, "description": "both ends in"},
    Op.EXISTS: {"type": "boolean"},
    Op.MISSING: {"type": "boolean"},
    Op.MATCHES: {"type": "string", "description": "an RE2 pattern, without case, anywhere in the text"},
    Op.WITHIN: {"type": "string", "pattern": DURATION_PATTERN, "description": "age of a time, such as 180d"},
}


def schema_of(file: str) -> dict[str, Any]:
    """Return the JSON Schema of a policy file by its name, e.g. `routing.yaml`."""
    (top,), definitions = msgspec.json.schema_components([FILES[file]], schema_hook=_hook)
    definitions["Duration"] = {
        "type": "string",
        "pattern": DURATION_PATTERN,
        "description": "15m, 4h, 14d; business time: 4h business",
    }
    definitions["Hours"] = {"type": "string", "pattern": HOURS_PATTERN, "description": "Mon-Fri 09:00-17:00"}
    definitions |= {"Condition": _condition(), "Field": _field()}
    used = sorted(_reached(top, definitions))
    return {"$schema": _DIALECT, **top, "$defs": {name: _finished(definitions[name]) for name in used}}


def rendered(file: str) -> str:
    """Return the schema of a policy file as it is committed."""
    return json.dumps(schema_of(file), indent=2, ensure_ascii=False) + "\n"


def path_of(file: str) -> str:
    """Return the name under which the schema of a policy file is kept."""
    return file.replace(".yaml", ".json")


def _finished(schema: Any) -> Any:
    """Return a schema in which a list that may be written as its only member may be so."""
    if isinstance(schema, list):
        return [_finished(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: _finished(part) for key, part in schema.items() if key != "one_or_more"}
    return parts | {"type": ["array", "string"]} if "one_or_more" in schema else parts


def _hook(type_: type) -> dict[str, Any]:
    if type_ is Condition:
        return dict(_CONDITION)
    raise NotImplementedError


def _condition() -> dict[str, Any]:
    comparison = {
        "type": "object",
        "description": "one field, one operator",
        "properties": {
            "field": {"$ref": "#/$defs/Field"},
            **{op.value: dict(_OF_OPERATOR.get(op, _VALUE)) for op in Op},
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
    return {"anyOf": [comparison, *(_join(word, inner) for word, inner in joins.items())]}


def _join(word: str, inner: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {word: inner},
        "required": [word],
        "additionalProperties": False,
    }


def _field() -> dict[str, Any]:
    names = [field.name for field in all_fields() if not field.family]
    stems = [field.name[:-2].replace(".", "\\.") for field in all_fields() if field.family]
    return {"anyOf": [{"enum": names}, {"type": "string", "pattern": f"^({'|'.join(stems)})\\..+$"}]}


def _reached(schema: Any, definitions: Mapping[str, Any]) -> set[str]:
    """Return the definitions that a schema refers to, directly or not."""
    reached: set[str] = set()
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            name = str(part.get("$ref", "")).removeprefix("#/$defs/")
            if name in definitions and name not in reached:
                reached.add(name)
                waiting.append(definitions[name])
            waiting += part.values()
    return reached


def main() -> None:
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        (directory / path_of(file)).write_text(rendered(file), encoding="utf-8")


if __name__ == "__main__":
    main()
