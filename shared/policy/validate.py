"""Validates one policy file by its model, and reports pydantic's errors as findings with positions.

pydantic gives each error the path to its value (`loc`), from which the document finds the position. What the
message needs beside that (the keys of a mapping, the bounds of a number, the words of an enumeration) is read
from the JSON Schema of the model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.policy.models import PolicyModel
from shared.policy.models.conditions import AlreadyReported, ConditionError
from shared.policy.source_values import SourceDocument
from shared.rules.document import Entries, Items, Node, Scalar, read_document
from shared.rules.findings import FindingReport, Path, did_you_mean, quoted
from shared.rules.parse import read_named

M = TypeVar("M", bound=PolicyModel)

_CONDITIONS: Final = "conditions"
_KEY_STEP: Final = "[key]"
"""The last step of the path of an error in a key of a mapping."""


def validate_file(text: str, model: type[M], report: FindingReport) -> tuple[M, SourceDocument] | None:
    """Return the model of a file and its document, or None with every error in the report."""
    root = read_document(text, report)
    if root is None:
        return None
    document = SourceDocument(root)
    named: Mapping[str, Any] = {}
    _, conditions = root.entries.get(_CONDITIONS, (None, None)) if isinstance(root, Entries) else (None, None)
    if _CONDITIONS in model.model_fields and isinstance(conditions, Entries):
        named = read_named(conditions, (_CONDITIONS,), report)
        read = {name: condition for name, condition in named.items() if condition is not None}
        document.value[_CONDITIONS] = {**document.value[_CONDITIONS], **read}
    try:
        validated = model.model_validate(document.value, context=named)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            _report(details, model, document, report)
        return None
    return (validated, document) if not report.errors else None


def _report(
    details: ErrorDetails, model: type[PolicyModel], document: SourceDocument, report: FindingReport
) -> None:
    loc: Path = details["loc"]
    path = document_path(loc, document)
    cause = details.get("ctx", {}).get("error")
    if isinstance(cause, AlreadyReported):
        return
    if isinstance(cause, ConditionError):
        report.error(cause.position or document.position(path), path, str(cause))
    elif details["type"] == "missing":
        holder = path[:-1] if path[-1:] == loc[-1:] else path
        report.error(document.position(path), holder, f"{loc[-1]} is missing")
    elif details["type"] == "extra_forbidden":
        keys = _schema_at(model, loc[:-1]).get("properties", {})
        meant = did_you_mean(str(loc[-1]), keys) or f"; there are {', '.join(keys)}"
        position = document.keys.get(path) or document.position(path)
        report.error(position, path, f"unknown key {quoted(loc[-1])}{meant}")
    elif path and path[-1] == _KEY_STEP:
        path = path[:-1]
        key = Scalar(path[-1], str(path[-1]), document.keys[path])
        report.error(key.position, path, _message(details, key, {}))
    elif details["type"] != "too_short" or len(details["input"]) < details["ctx"]["min_length"]:
        # pydantic counts the valid members only: a list of one wrong member is no empty list.
        node = document.nodes.get(path) or document.nodes[path[:-1]]
        report.error(node.position, path, _message(details, node, _schema_at(model, loc)))


def document_path(loc: Path, document: SourceDocument) -> Path:
    """Return the path in a document of an error's place in a model.

    A model may write a value in a form of its own, so that steps of the place are in no document. They are
    left out; the last step stays, as it may name what is missing.
    """
    if loc[:-1] in document.nodes:
        return loc
    path: Path = ()
    for step in loc:
        if (*path, step) in document.nodes:
            path = (*path, step)
    return path


def _message(details: ErrorDetails, node: Node, schema: Mapping[str, Any]) -> str:
    """Return the message of an error in the value of a node."""
    kind = details["type"]
    if kind in _OF_COLLECTIONS:
        return _OF_COLLECTIONS[kind](details.get("ctx", {}), schema)
    if not isinstance(node, Scalar):
        return f"should be one value, not {'a list' if isinstance(node, Items) else 'a mapping'}"
    if kind in _OF_SCALARS:
        return _OF_SCALARS[kind](details.get("ctx", {}), node.text, schema)
    return details["msg"]


def _out_of_range(_ctx: Mapping[str, Any], text: str, schema: Mapping[str, Any]) -> str:
    if not {"minimum", "maximum"} <= schema.keys():  # the value is written in a form of its own
        return f"{text} is too small or too large"
    return f"should be a whole number from {schema['minimum']:,} to {schema['maximum']:,}, not {text}"


def _unknown_word(ctx: Mapping[str, Any], text: str, _schema: Mapping[str, Any]) -> str:
    words = re.findall("'([^']*)'", ctx["expected"])
    return f"should be {' or '.join(words)}, not {quoted(text)}{did_you_mean(text, words)}"


def _pattern_mismatch(ctx: Mapping[str, Any], text: str, _schema: Mapping[str, Any]) -> str:
    allowed = (
        "upper case letters, digits and _" if "A-Z_" in ctx["pattern"] else "letters, digits, _, . and -"
    )
    return f"{quoted(text)} is no name; a name consists of {allowed}, without spaces"


_OF_COLLECTIONS: Final[Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], str]]] = {
    "model_type": lambda _ctx, schema: (
        f"should be a mapping with {', '.join(schema.get('required', ())) or 'known keys'}"
    ),
    "dict_type": lambda _ctx, _schema: "should be a mapping of names",
    "mapping_type": lambda _ctx, _schema: "should be a mapping of names",
    "tuple_type": lambda _ctx, _schema: "should be a list",
    "part_invalid": lambda ctx, _schema: str(ctx["reason"]),
    "too_short": lambda _ctx, _schema: "should not be empty",
    "too_long": lambda ctx, _schema: (
        f"has {ctx['actual_length']:,} entries; {ctx['max_length']:,} is the most"
    ),
}
_OF_SCALARS: Final[Mapping[str, Callable[[Mapping[str, Any], str, Mapping[str, Any]], str]]] = {
    "bool_type": lambda _ctx, text, _schema: f"should be true or false, not {quoted(text)}",
    "int_type": lambda _ctx, text, _schema: f"should be a whole number, not {quoted(text)}",
    "greater_than_equal": _out_of_range,
    "less_than_equal": _out_of_range,
    "string_type": lambda _ctx, text, _schema: (
        "should be text" + (f"; write '{text}' in quotes" if text else "")
    ),
    "string_too_short": lambda _ctx, _text, _schema: "should not be empty",
    "string_too_long": lambda ctx, _text, _schema: f"should have {ctx['max_length']:,} characters at most",
    "string_pattern_mismatch": _pattern_mismatch,
    "literal_error": _unknown_word,
    "value_error": lambda ctx, _text, _schema: str(ctx["error"]),
}
"""The messages, by the types of errors that pydantic documents."""


@cache
def _schema(model: type[PolicyModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _schema_at(model: type[PolicyModel], path: Path) -> dict[str, Any]:
    """Return the JSON Schema of the value at a path of a file."""
    whole = _schema(model)
    schema = _resolved(whole, whole)
    for step in path:
        if isinstance(step, int):
            schema = schema.get("items", {})
        else:
            values = schema.get("additionalProperties") or {}
            for values_of_pattern in schema.get("patternProperties", {}).values():
                values = values_of_pattern
            schema = schema.get("properties", {}).get(step, values)
        schema = _resolved(schema, whole)
    return schema


def _resolved(schema: Any, whole: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with its references followed; of one that allows null, the schema of the value."""
    while isinstance(schema, dict):
        if "$ref" in schema:
            schema = whole["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        elif "anyOf" in schema:
            schema = next((part for part in schema["anyOf"] if part.get("type") != "null"), {})
        else:
            return schema
    return {}
