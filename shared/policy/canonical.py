"""A policy as plain data: only its meaning is left, so that two spellings of the same are equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import msgspec

from shared.policy.hours import Hours
from shared.rules.syntax import Condition, canonical
from shared.rules.times import Duration


def plain(value: Any) -> Any:  # noqa: PLR0911 - one for each form
    """Return a model as mappings, lists and scalars; keys in one order, defaults written out."""
    if isinstance(value, msgspec.Struct):
        names = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
        return {key: plain(getattr(value, name)) for key, name in sorted(names)}
    if isinstance(value, Condition):
        return canonical(value)
    if isinstance(value, Duration):
        return str(value)
    if isinstance(value, Hours):
        return asdict(value)
    if isinstance(value, Mapping):
        return {key: plain(value[key]) for key in sorted(value)}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return value
