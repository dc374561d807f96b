"""Every row type is its table: same name, columns in order, key, types and nullability.

A row (msgspec) is the value that decisions read; its table (SQLAlchemy) has what only a database knows, such
as lengths and indexes. This test holds the two together for all roles. That the migrations make exactly these
tables, on both databases, is held by `tests/integration/test_migrations.py`.
"""

from __future__ import annotations

import importlib
from datetime import datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, String, Text

from services.tables import metadata
from shared.storage.rows import Row
from shared.storage.types import Json, UtcTime

ROOT = Path(__file__).parents[2]

for file in sorted((ROOT / "services").rglob("*.py")):
    if "Row, frozen=True" in file.read_text():
        importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
importlib.import_module("shared.worker.rows")

KINDS = sorted(
    (
        kind
        for kind in Row.__subclasses__()
        if kind.__module__.startswith(("services.", "shared.")) and kind.table  # without: never stored
    ),
    key=lambda kind: (kind.table, kind.__name__),
)
WHOLE = {
    kind.table: kind for kind in sorted(KINDS, key=lambda kind: len(kind.__struct_fields__))
}  # by table, the row type with the most fields; a role that only reads another's table may have fewer
COLUMN_TYPES: dict[type, tuple[type, ...]] = {
    bool: (Boolean,),
    int: (Integer, BigInteger),
    float: (Float,),
    str: (String, Text),
    bytes: (LargeBinary,),
    datetime: (UtcTime,),
}


def bare(hint: Any) -> Any:
    """Return a type without constraints on its values: no `Annotated`, and `str` for a choice of words."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return bare(parts[0])
    if origin is Literal:
        return type(parts[0])
    if origin in (Union, UnionType):
        union = bare(parts[0])
        for part in parts[1:]:
            union = union | bare(part)
        return union
    return origin[tuple(bare(part) for part in parts)] if origin and parts else hint


def fits(hint: Any, column: Column[Any]) -> bool:
    """Tell whether values of a field's type can be stored in the column and read back as they were."""
    if isinstance(column.type, Json):
        return bool(bare(column.type.model) == hint)
    return any(
        issubclass(hint, python) and isinstance(column.type, types) for python, types in COLUMN_TYPES.items()
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_row_is_its_table(kind: type[Row]) -> None:
    table = metadata.tables[kind.table]
    columns = tuple(column.name for column in table.c)
    if kind is WHOLE[kind.table]:
        assert kind.__struct_fields__ == columns
    else:
        assert set(kind.__struct_fields__) <= set(columns)
    assert kind.key_fields == tuple(column.name for column in table.primary_key)
    assert set(kind.indexed) <= set(kind.__struct_fields__)
    hints = get_type_hints(kind)
    for field in msgspec.structs.fields(kind):
        hint, column = bare(hints[field.name]), table.c[field.name]
        nullable = NoneType in get_args(hint)
        assert column.nullable == nullable, f"{kind.__name__}.{field.name} and its column differ on null"
        if nullable:
            rest = [part for part in get_args(hint) if part is not NoneType]
            hint = Union[tuple(rest)]  # noqa: UP007 - of parts that are known only now
        assert fits(hint, column), f"{kind.__name__}.{field.name}: {hint} is stored as {column.type!r}"
