"""The types of single values in presets: expressions, templates, cents. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from msgspec import Struct
from pydantic import Field, GetJsonSchemaHandler, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import CoreSchema

from shared.integrations.expressions import EXPRESSION_LENGTH_MAX, Expression, compile_expression
from shared.policy.models.policy_model import whole_number

Vendor = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$", min_length=1, max_length=60)]
"""The name of a vendor and of its folder."""


def vendor_title(preset: Mapping[str, Any]) -> str:
    """Return the name of a vendor as a title, for a preset that has none: `acme_forms` is Acme Forms."""
    return str(preset.get("vendor", "")).replace("_", " ").title()


Sentence = Annotated[str, Field(min_length=1, max_length=1_000)]
HeaderName = Annotated[str, Field(pattern="^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", max_length=100)]
Cents = Annotated[int, whole_number(0, 100_000)]
Word = Annotated[str, Field(min_length=1, max_length=200)]

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_TEMPLATE_LENGTH_MAX: Final = 4_000
_TEMPLATE_DEPTH_MAX: Final = 20


def read_expression(value: object) -> Expression:
    if isinstance(value, Expression):
        return value
    if not isinstance(value, str):
        raise ValueError("should be a JMESPath expression as text")  # noqa: TRY004 - pydantic reports ValueError
    return compile_expression(value)


Expr = Annotated[
    Expression,
    PlainValidator(read_expression),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "maxLength": EXPRESSION_LENGTH_MAX, "description": "JMESPath"}),
]
"""A JMESPath expression, compiled when the preset is read."""


class Template(Struct, frozen=True):
    """A text with places for values, such as `/v1/people/{id}`; `names` are those of the places."""

    text: str
    names: frozenset[str]

    def __str__(self) -> str:
        return self.text

    def render(self, values: Mapping[str, str | None], quote: Callable[[str], str] = str) -> str | None:
        """Return the text with the values in their places, each quoted; None when a value is missing."""
        if any(not values.get(name) for name in self.names):
            return None
        return _PLACEHOLDER.sub(lambda place: quote(values[place[1]] or ""), self.text)


def compile_template(value: object) -> Template:
    """Return a compiled template. Raises `ValueError` for what is no text or too long."""
    if isinstance(value, Template):
        return value
    if not isinstance(value, str):
        raise ValueError("should be text")  # noqa: TRY004 - pydantic reports ValueError
    if len(value) > _TEMPLATE_LENGTH_MAX:
        raise ValueError(f"should have {_TEMPLATE_LENGTH_MAX:,} characters at most")
    return Template(value, frozenset(_PLACEHOLDER.findall(value)))


TemplateText = Annotated[
    Template,
    PlainValidator(compile_template),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "maxLength": _TEMPLATE_LENGTH_MAX, "description": "Text with {names}"}),
]


class TemplateTree(Struct, frozen=True):
    """A JSON value whose texts are templates."""

    value: Any


def _template_tree(value: object, depth: int = 0) -> Any:
    if depth > _TEMPLATE_DEPTH_MAX:
        raise ValueError(f"is nested deeper than {_TEMPLATE_DEPTH_MAX} levels")
    if isinstance(value, Mapping):
        return {str(key): _template_tree(member, depth + 1) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_template_tree(member, depth + 1) for member in value]
    return compile_template(value) if isinstance(value, str) else value


def read_body_template(value: object) -> TemplateTree:
    return value if isinstance(value, TemplateTree) else TemplateTree(_template_tree(value))


def as_written(value: Any) -> Any:
    if isinstance(value, TemplateTree):
        return as_written(value.value)
    if isinstance(value, dict):
        return {key: as_written(member) for key, member in value.items()}
    if isinstance(value, list):
        return [as_written(member) for member in value]
    return str(value) if isinstance(value, Template) else value


TemplateBody = Annotated[
    TemplateTree,
    PlainValidator(read_body_template),
    PlainSerializer(as_written),
    WithJsonSchema({"description": "A JSON body; its texts may have {names}"}),
]


class OneOf:
    """Extends the JSON Schema of a value that may also be written in another way."""

    def __init__(self, *others: dict[str, Any]) -> None:
        self._others = others

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler(core_schema)
        known = schema.pop("anyOf", [schema])
        return {"anyOf": [*known, *self._others]}


class Spread:
    """Changes the JSON Schema of a model whose mapping `name` is written beside its other keys."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = dict(handler.resolve_ref_schema(handler(core_schema)))
        properties = dict(schema.get("properties", {}))
        members = properties.pop(self._name)
        return {**schema, "properties": properties, "additionalProperties": members["additionalProperties"]}
