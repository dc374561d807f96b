"""The base class of all policy models and the types of single values.

Lists are validated as tuples. Durations, working hours and conditions are parsed during validation, and
`model_dump(mode="json")` writes them as a policy file does: as text or mappings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic_core import CoreSchema, InitErrorDetails

from shared.policy.days import DAY_PATTERN, parse_day
from shared.policy.hours import HOURS_PATTERN, Hours, parse_hours
from shared.policy.source_values import SourceList
from shared.rules.findings import quoted
from shared.rules.times import DURATION_PATTERN, Duration, parse_duration


class PolicyModel(BaseModel):
    """Base class of policy models: immutable, rejects unknown keys, does not convert types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, serialize_by_alias=True)


def whole_number(low: int, high: int) -> Any:
    """Return the constraint of an integer from `low` to `high`, both included."""
    return Field(ge=low, le=high)


def unique(key: str | None = None) -> WrapValidator:
    """Return a validator of lists that rejects members with an equal `key`, or without `key` equal texts.

    Repeated members are reported together with the other errors of the list.
    """

    def validate(members: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        repeated = _repeated(members, key) if isinstance(members, list | tuple) else []
        try:
            validated = handler(members)
        except ValidationError as error:
            # Errors cannot be appended to: those that were found are written out once more.
            found = [
                InitErrorDetails(
                    type=line["type"], loc=line["loc"], input=line["input"], ctx=line.get("ctx", {})
                )
                for line in error.errors(include_url=False)
            ]
            raise ValidationError.from_exception_data("list", [*found, *repeated]) from error
        if repeated:
            raise ValidationError.from_exception_data("list", repeated)
        return validated

    return WrapValidator(validate)


def _repeated(members: list[Any] | tuple[Any, ...], key: str | None) -> list[InitErrorDetails]:
    first: dict[str, int] = {}
    errors: list[InitErrorDetails] = []
    for index, member in enumerate(members):
        word = member
        if key is not None:
            word = member.get(key) if isinstance(member, dict) else getattr(member, key, None)
        if not isinstance(word, str):
            continue
        if word in first:
            line = (
                f", in line {members.node.items[first[word]].position.line}"
                if isinstance(members, SourceList)
                else ""
            )
            errors.append(
                InitErrorDetails(
                    type="value_error",
                    loc=(index,) if key is None else (index, key),
                    input=word,
                    ctx={"error": ValueError(f"{quoted(word)} is there already{line}")},
                )
            )
        first[word] = index
    return errors


@dataclass(frozen=True)
class OneOrMore:
    """Extends the JSON Schema of a list: a list of one member may be written as that member."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(core_schema), "type": ["array", "string"]}


def _parsed(
    type_: type[Any], parse: Callable[[str], Any], *, business: bool = False
) -> Callable[[object], Any]:
    """Return a validator that parses text to `type_` and returns an instance of `type_` unchanged."""

    def validate(value: object) -> Any:
        if isinstance(value, type_):
            return value
        parsed = parse(str(value))
        if isinstance(parsed, Duration) and parsed.business and not business:
            raise ValueError("business time is for accept_within and ladders only; leave out business")
        return parsed

    return validate


_OWN_VARIABLES: Final = "BATON_"


def _not_own_variable(name: str) -> str:
    """Refuse a variable of Baton itself: a policy must not send Baton's own keys to another host."""
    if name.startswith(_OWN_VARIABLES):
        raise ValueError(
            f"{quoted(name)} belongs to Baton itself; name a variable without {_OWN_VARIABLES} in front"
        )
    return name


Name = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]*$", min_length=1, max_length=100)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Url = Annotated[str, Field(max_length=2_000)]
EnvName = Annotated[
    str,
    Field(
        pattern="^([A-Z_][A-Z0-9_]*)?$",
        max_length=100,
        json_schema_extra={"not": {"pattern": f"^{_OWN_VARIABLES}"}},
    ),
    AfterValidator(_not_own_variable),
]
"""The name of an environment variable with a secret of another system; empty when none is used."""
Points = Annotated[int, whole_number(0, 100)]
Percent = Annotated[int, whole_number(0, 100)]

_DURATION_SCHEMA = {
    "type": "string",
    "pattern": DURATION_PATTERN,
    "description": "15m, 4h, 14d; business time: 4h business",
}
PlainDuration = Annotated[
    Duration,
    PlainValidator(_parsed(Duration, parse_duration)),
    PlainSerializer(str),
    WithJsonSchema(_DURATION_SCHEMA),
]
"""A duration in clock time, such as `15m` or `14d`."""
BusinessDuration = Annotated[
    Duration,
    PlainValidator(_parsed(Duration, parse_duration, business=True)),
    PlainSerializer(str),
    WithJsonSchema(_DURATION_SCHEMA),
]
"""A duration in clock time, or in working hours such as `4h business`."""
WeeklyHours = Annotated[
    Hours,
    PlainValidator(_parsed(Hours, parse_hours)),
    PlainSerializer(str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": HOURS_PATTERN, "description": "Mon-Fri 09:00-17:00"}),
]
Day = Annotated[
    date,
    PlainValidator(_parsed(date, parse_day)),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": DAY_PATTERN, "description": "2026-12-24"}),
]
"""A day of the calendar; a text in the file, as the YAML core schema has no dates."""


CAP_DAYS_MAX: Final = 90


def _cap_window(text: str) -> str:
    if text in ("hour", "day"):
        return text
    length = re.fullmatch("([1-9][0-9]{0,2})d", text)
    if length is None or int(length[1]) > CAP_DAYS_MAX:
        raise ValueError(f"should be hour, day, or a number of days up to {CAP_DAYS_MAX}, such as 7d")
    return text


CapWindow = Annotated[
    str,
    PlainValidator(lambda value: _cap_window(str(value))),
    WithJsonSchema(
        {"type": "string", "pattern": "^(hour|day|[1-9][0-9]{0,2}d)$", "description": "hour, day, 7d"}
    ),
]
"""The time over which a cap counts: an hour, a day by the clock of the rep, or that many rolling days."""
EventTypes = Annotated[
    tuple[Text, ...],
    Field(min_length=1, max_length=50),
    unique(),
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    OneOrMore(),
]
"""A list of types of activities or signals; one type may be written without the list."""
