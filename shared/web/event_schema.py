"""Lets pydantic validate, serialise and document a msgspec type, so that an event is defined once.

    LeadBrief = Annotated[Brief, MsgspecType()]

    class LeadView(ApiModel):
        brief: LeadBrief | None

The annotated type may be whatever msgspec reads: a struct, a list or a dict of structs, a union.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from shared.web.problem import from_msgspec
from shared.web.unknown_keys import unknown_keys

_REFERENCE = "#/$msgspec/{name}"
_REFERENCE_START = _REFERENCE.format(name="")


@dataclass(frozen=True)
class MsgspecType:
    """Marks a type as msgspec's. A fault is reported with its JSON pointer in the error's `ctx`.

    `bounds` are those of the type: pydantic does not hand on what else it is annotated with.
    """

    bounds: msgspec.Meta | None = None

    def __get_pydantic_core_schema__(self, source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        kind: Any = Annotated[source, self.bounds] if self.bounds else source

        def validate(value: Any) -> Any:
            if isinstance(value, msgspec.Struct):
                return value
            try:
                converted = msgspec.convert(value, kind)
                faults = unknown_keys(value, kind)[:1]
            except msgspec.ValidationError as error:
                faults = from_msgspec(error)
            if faults:
                context = {"detail": faults[0].detail, "pointer": faults[0].pointer}
                raise PydanticCustomError("msgspec", "{detail}", context)
            return converted

        return core_schema.no_info_plain_validator_function(
            validate,
            serialization=core_schema.plain_serializer_function_ser_schema(msgspec.to_builtins),
            metadata={"msgspec_type": kind},
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return msgspec's schema; its components become definitions of the document beside pydantic's."""
        kind = schema["metadata"]["msgspec_type"]
        (found,), components = msgspec.json.schema_components([kind], ref_template=_REFERENCE)
        # pydantic hands in the handler that has its generator; the type that it is declared with has not.
        generator: Any = vars(handler)["generate_json_schema"]
        references = {}
        for name in components:
            core_ref = f"msgspec.{name}:{name}"
            defs_ref, reference = generator.get_cache_defs_ref_schema(core_ref)
            references[name] = (defs_ref, reference)
        for name, component in components.items():
            generator.definitions[references[name][0]] = _relinked(component, references)
        linked: JsonSchemaValue = _relinked(found, references)
        return linked


def _relinked(schema: Any, references: dict[str, Any]) -> Any:
    """Return a schema with references to msgspec's components replaced by those to pydantic's definitions."""
    if isinstance(schema, list):
        return [_relinked(item, references) for item in schema]
    if not isinstance(schema, dict):
        return schema
    target = schema.get("$ref")
    if isinstance(target, str) and target.startswith(_REFERENCE_START):
        return {**schema, **references[target.removeprefix(_REFERENCE_START)][1]}
    if isinstance(mapping := schema.get("mapping"), dict):  # of a discriminator: tag to reference
        mapping = {
            tag: references[target.removeprefix(_REFERENCE_START)][1]["$ref"]
            for tag, target in mapping.items()
        }
        return {**schema, "mapping": mapping}
    return {key: _relinked(value, references) for key, value in schema.items()}
