"""Keys of a JSON body that its type does not have.

Events of outside producers may have keys that a later release adds, so their types skip what they do not
know. A client of the API would not notice that way that it misspelt a key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import msgspec

from shared.errors import FieldProblem
from shared.web.problem import pointer_step

_ERRORS_MAX: Final = 100
_DETAIL: Final = "This field is unknown"


def unknown_keys(value: Any, kind: Any) -> tuple[FieldProblem, ...]:
    """Return a fault for each key in `value` that the struct `kind` or one within it lacks, 100 at most.

    `value` is decoded JSON that is valid for `kind`.
    """
    found: list[FieldProblem] = []
    for pointer in _unknown(value, shape_of(kind), ""):
        found.append(FieldProblem(pointer, _DETAIL))
        if len(found) == _ERRORS_MAX:
            break
    return tuple(found)


@cache
def shape_of(kind: Any) -> Mapping[str, Any] | None:
    """Return the keys of a struct, or of those that a list has, each with the shape of its own value.

    None for a type that allows any keys, or has none.
    """
    shape: Mapping[str, Any] | None = _value_shape(msgspec.inspect.type_info(kind))
    return shape


def _value_shape(info: Any) -> Any:
    match info:
        case msgspec.inspect.StructType():
            return {field.encode_name: _value_shape(field.type) for field in info.fields}
        case msgspec.inspect.ListType():
            return _value_shape(info.item_type)
        case msgspec.inspect.UnionType():
            return next((shape for part in info.types if (shape := _value_shape(part))), None)
        case msgspec.inspect.Metadata():
            return _value_shape(info.type)
        case _:
            return None


def _unknown(value: Any, shape: Mapping[str, Any] | None, pointer: str) -> Iterator[str]:
    if shape is None:
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(item, shape, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for key, member in value.items():
            if key not in shape:
                yield pointer + pointer_step(key)
            elif (inner := shape[key]) is not None:
                yield from _unknown(member, inner, pointer + pointer_step(key))
