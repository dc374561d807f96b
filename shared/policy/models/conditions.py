"""Types for model fields that hold a condition: `shared.rules` parses it while pydantic validates the file.

A condition can refer to the named conditions of its file by `use`. The caller parses those first
(`read_named`) and passes them as the validation context, so that an error in a named condition is reported
once, where it is defined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, ValidationInfo
from pydantic_core import CoreSchema, InitErrorDetails, core_schema

from shared.lead.fields import Known, Scope
from shared.policy.source_values import FILE_START, SourceMapping
from shared.rules.describe import condition_words
from shared.rules.document import Scalar
from shared.rules.findings import FindingReport, Path, SourcePosition
from shared.rules.parse import read_condition
from shared.rules.syntax import Condition, canonical
from shared.rules.times import Duration

CONDITION_MARK: Final = "x-condition"
"""Key in a generated JSON Schema that `shared.policy.schema` replaces by the schema of conditions."""

IN_WORDS: Final = {"conditions": "in words"}
"""The context with which `model_dump` writes conditions in words, for people."""


class ConditionError(ValueError):
    """A part of a condition is invalid.

    `position` is its line and column; `None` means the position of the value at the path of the error.
    """

    def __init__(self, message: str, position: SourcePosition | None) -> None:
        super().__init__(message)
        self.position = position


class AlreadyReported(ValueError):
    """A condition is invalid or uses an invalid one, which is already reported where it is defined."""


class _Errors(FindingReport):
    """Collects the errors of one condition as (position, path relative to the condition, message)."""

    def __init__(self) -> None:
        super().__init__("")
        self.found: list[tuple[SourcePosition, Path, str]] = []

    def error(self, position: SourcePosition, path: Path, message: str) -> None:
        self.found.append((position, path, message))


@dataclass(frozen=True)
class ConditionOver:
    """Pydantic validator that returns a parsed `Condition`. It may compare only the fields known in `scope`.

    `scope` is `None` for the named conditions of a file: they come parsed from the validation context.
    """

    scope: Known | None = None

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            self._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(_dump, info_arg=True),
        )

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {CONDITION_MARK: True}

    def _validate(self, value: Any, info: ValidationInfo) -> Condition:
        if isinstance(value, Condition):
            return value
        if self.scope is None:
            raise AlreadyReported
        in_file = isinstance(value, SourceMapping)
        errors = _Errors()
        node = value.node if in_file else Scalar(None, "", FILE_START)
        condition = read_condition(node, (), errors, scope=self.scope, named=info.context or {})
        if condition is not None:
            return condition
        if not errors.found:
            raise AlreadyReported
        raise ValidationError.from_exception_data(
            "condition",
            [
                InitErrorDetails(
                    type="value_error",
                    loc=path,
                    input=value,
                    ctx={"error": ConditionError(message, position if in_file else None)},
                )
                for position, path, message in errors.found
            ],
        )


def _dump(condition: Condition, info: core_schema.SerializationInfo) -> Any:
    if info.context is IN_WORDS:
        return condition_words(condition)
    return _as_written(canonical(condition)) if info.mode_is_json() else canonical(condition)


def _as_written(value: Any) -> Any:
    """Return a canonical condition as JSON values, with durations as text such as `4h business`."""
    if isinstance(value, list):
        return [_as_written(part) for part in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"seconds", "business"}:
        return str(Duration(**value))
    return {key: _as_written(part) for key, part in value.items()}


WhenForm = Annotated[Condition, ConditionOver(Scope.FORMS)]
WhenDiscovery = Annotated[Condition, ConditionOver(Scope.DISCOVERY)]
WhenMarket = Annotated[Condition, ConditionOver(Scope.MARKETS)]
WhenFit = Annotated[Condition, ConditionOver(Scope.FIT)]
WhenIntent = Annotated[Condition, ConditionOver(Scope.INTENT)]
WhenSignal = Annotated[Condition, ConditionOver(Scope.SIGNALS)]
WhenAccount = Annotated[Condition, ConditionOver(Scope.ACCOUNTS)]
WhenBand = Annotated[Condition, ConditionOver(Scope.BANDS)]
WhenRoute = Annotated[Condition, ConditionOver(Scope.ROUTING)]
NamedCondition = Annotated[Condition, ConditionOver()]
"""A condition under `conditions` of a file, which other conditions refer to by `use`."""
