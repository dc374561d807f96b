"""The statements of the database, as text for both dialects, and their parameters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    Executable,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    create_engine,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.expression import ClauseElement

from shared.storage.bulk_write import Operation, bulk_statement
from shared.storage.rows import Row
from shared.storage.sqlite_statements import compiled_for_sqlite, row_statement
from shared.storage.statements import (
    delete_by_key,
    insert_row,
    member_of,
    members,
    select_members,
    update_by_key,
    upsert_row,
)
from shared.storage.types import Json, UtcTime

METADATA = MetaData()
SEATS = Table(
    "seats",
    METADATA,
    Column("room", String(10), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("guest", String(10)),
    Column("since", UtcTime),
    Column("extras", Json(list[str])),
)
NAMES = Table("names", METADATA, Column("name", String(10), primary_key=True))
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DIALECTS = {"postgresql": postgresql.dialect(), "sqlite": sqlite.dialect()}


class SeatRow(Row, frozen=True):
    room: str
    number: int
    guest: str | None
    since: datetime | None
    extras: list[str] | None
    table: ClassVar[str] = "seats"
    key_fields: ClassVar[tuple[str, ...]] = ("room", "number")


class NameRow(Row, frozen=True):
    name: str
    table: ClassVar[str] = "names"
    key_fields: ClassVar[tuple[str, ...]] = ("name",)


AT_US = 1_772_443_800_000_000
SEAT = SeatRow("a", 7, "Ada", AT, ["lamp"])


def sql(statement: Executable, dialect: str) -> str:
    assert isinstance(statement, ClauseElement)
    return " ".join(str(statement.compile(dialect=DIALECTS[dialect])).split())


def test_a_row_is_updated_by_its_key_and_only_its_other_columns_are_set() -> None:
    assert sql(update_by_key(SEATS), "sqlite") == (
        "UPDATE seats SET guest=?, since=?, extras=? WHERE seats.room = ? AND seats.number = ?"
    )


def test_the_parameters_of_an_update_tell_the_key_from_the_values() -> None:
    assert row_statement(update_by_key(SEATS), SEATS).parameters(SEAT) == ["Ada", AT_US, '["lamp"]', "a", 7]


def test_a_row_is_deleted_by_its_key() -> None:
    assert (
        sql(delete_by_key(SEATS), "sqlite") == "DELETE FROM seats WHERE seats.room = ? AND seats.number = ?"
    )
    assert row_statement(delete_by_key(SEATS), SEATS).parameters(("a", 7)) == ["a", 7]


def test_a_key_of_another_length_is_a_mistake() -> None:
    with pytest.raises(IndexError):
        row_statement(delete_by_key(SEATS), SEATS).parameters(("a",))


def test_a_table_of_one_column_has_one_parameter() -> None:
    assert row_statement(insert_row(NAMES), NAMES).parameters(NameRow("Ada")) == ["Ada"]
    assert row_statement(delete_by_key(NAMES), NAMES).parameters(("Ada",)) == ["Ada"]


def test_what_sqlite_finds_is_converted_and_so_are_its_parameters() -> None:
    found = compiled_for_sqlite(
        select(SEATS.c.since, SEATS.c.extras).where(SEATS.c.since > bindparam("after"))
    )
    assert found.parameters({"after": AT}) == [AT_US]
    assert [*map(tuple, found.results([(AT_US, '["lamp"]'), (None, None)]))] == [(AT, ["lamp"]), (None, None)]


def test_values_that_a_statement_has_itself_are_its_parameters() -> None:
    chosen = select(NAMES).where(NAMES.c.name > "Ada", NAMES.c.name != bindparam("not")).limit(5)
    statement = compiled_for_sqlite(chosen)
    assert statement.parameters({"not": "Cy"})[:3] == ["Ada", "Cy", 5]
    assert statement.results([("Ada",)]) == [("Ada",)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_upsert_replaces_every_column_but_the_keys(dialect: str) -> None:
    statement = sql(upsert_row(SEATS, dialect, once=False), dialect)
    assert statement.endswith(
        "ON CONFLICT (room, number) DO UPDATE SET"
        " guest = excluded.guest, since = excluded.since, extras = excluded.extras"
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_row_that_is_put_once_keeps_what_is_stored(dialect: str) -> None:
    assert sql(upsert_row(SEATS, dialect, once=True), dialect).endswith(
        "ON CONFLICT (room, number) DO NOTHING"
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_table_of_keys_alone_has_nothing_to_replace(dialect: str) -> None:
    assert sql(upsert_row(NAMES, dialect, once=False), dialect).endswith("ON CONFLICT (name) DO NOTHING")


def test_an_insert_reads_nothing_back() -> None:
    assert sql(insert_row(SEATS), "postgresql").startswith(
        "INSERT INTO seats (room, number, guest, since, extras)"
    )
    assert "RETURNING" not in sql(insert_row(SEATS), "postgresql")


def test_locked_rows_are_selected_in_key_order_so_that_transactions_cannot_deadlock() -> None:
    statement = sql(select_members(SEATS, "postgresql", "room", ("guest",), lock=True), "postgresql")
    assert "WHERE seats.room = any(" in statement
    assert "AND seats.guest = " in statement
    assert statement.endswith("ORDER BY seats.room, seats.number FOR UPDATE")


def test_sqlite_needs_no_row_locks() -> None:
    statement = sql(select_members(SEATS, "sqlite", "room", (), lock=True), "sqlite")
    assert "FOR UPDATE" not in statement


def test_statements_are_built_once_per_table() -> None:
    """Building one costs more than running it."""
    assert update_by_key(SEATS) is update_by_key(SEATS)
    assert upsert_row(SEATS, "sqlite", once=True) is upsert_row(SEATS, "sqlite", once=True)
    assert upsert_row(SEATS, "sqlite", once=True) is not upsert_row(SEATS, "sqlite", once=False)
    assert select_members(SEATS, "sqlite", "room", (), lock=False) is select_members(
        SEATS, "sqlite", "room", (), lock=False
    )


@pytest.mark.parametrize("wanted", [[], ["a"], ["a", "b"], ['"quoted"', "é", "[]"]])
def test_membership_is_one_parameter_whatever_the_number_of_members(wanted: list[str]) -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        METADATA.create_all(connection)
        names = ["a", "b", "c", '"quoted"', "é", "[]"]
        connection.execute(NAMES.insert(), [{"name": name} for name in names])
        statement = NAMES.select().where(member_of("sqlite", NAMES.c.name))
        found = connection.execute(statement, {"members": members("sqlite", wanted)}).scalars().all()
    engine.dispose()
    assert sorted(found) == sorted(wanted)


def test_postgresql_gets_a_list() -> None:
    assert members("postgresql", ("a", "b")) == ["a", "b"]


def test_many_rows_are_one_statement_with_an_array_for_each_column() -> None:
    """A type says nothing of a length: the column refuses what is too long, and a cast would cut it."""
    statement = bulk_statement(Operation.INSERT, SEATS)
    assert statement.text == (
        "INSERT INTO seats (room, number, guest, since, extras) SELECT * FROM unnest($1::VARCHAR[],"
        " $2::INTEGER[], $3::VARCHAR[], $4::TIMESTAMP WITH TIME ZONE[], $5::TEXT[])"
        " AS given(room, number, guest, since, extras)"
    )
    arrays = statement.arrays([SEAT, SeatRow("b", 8, None, None, None)])
    assert [*map(list, arrays)] == [["a", "b"], [7, 8], ["Ada", None], [AT, None], ['["lamp"]', None]]


@pytest.mark.parametrize(
    ("operation", "end"),
    [
        (Operation.ONCE, "ON CONFLICT (room, number) DO NOTHING"),
        (
            Operation.UPSERT,
            (
                "ON CONFLICT (room, number) DO UPDATE SET"
                " guest = excluded.guest, since = excluded.since, extras = excluded.extras"
            ),
        ),
        (Operation.UPDATE, "WHERE seats.room = given.room AND seats.number = given.number"),
    ],
)
def test_what_is_done_with_many_rows(operation: Operation, end: str) -> None:
    assert bulk_statement(operation, SEATS).text.endswith(end)


def test_many_rows_of_keys_alone_have_nothing_to_replace() -> None:
    assert bulk_statement(Operation.UPSERT, NAMES).text.endswith("ON CONFLICT (name) DO NOTHING")


@pytest.mark.parametrize(
    ("table", "keys", "arrays"),
    [(SEATS, [("a", 7), ("b", 8)], [("a", "b"), (7, 8)]), (NAMES, [("Ada",)], [("Ada",)])],
)
def test_a_bulk_delete_takes_keys(table: Table, keys: list[Any], arrays: list[Any]) -> None:
    statement = bulk_statement(Operation.DELETE, table)
    assert statement.text.startswith(f"DELETE FROM {table.name} USING unnest(")
    assert [*map(tuple, statement.arrays(keys))] == arrays


def test_a_table_with_one_column_gives_one_array() -> None:
    assert [*map(tuple, bulk_statement(Operation.INSERT, NAMES).arrays([NameRow("Ada")]))] == [("Ada",)]


@pytest.mark.parametrize(
    "instant",
    [
        AT,
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime.fromisoformat("2026-03-02T09:30:00.000001+05:30"),
    ],
)
def test_an_instant_is_stored_to_the_microsecond_in_sqlite(instant: datetime) -> None:
    """SQLite has no type for it; microseconds since 1970 sort as the instants do."""
    stored = UtcTime().process_bind_param(instant, DIALECTS["sqlite"])
    assert isinstance(stored, int)
    assert UtcTime().process_result_value(stored, DIALECTS["sqlite"]) == instant
    assert UtcTime().process_bind_param(instant, DIALECTS["postgresql"]) is instant


def test_the_column_types_of_an_instant() -> None:
    assert isinstance(UtcTime().load_dialect_impl(DIALECTS["sqlite"]), BigInteger)
    postgres_type = UtcTime().load_dialect_impl(DIALECTS["postgresql"])
    assert postgres_type.compile(DIALECTS["postgresql"]) == "TIMESTAMP WITH TIME ZONE"


def test_a_typed_value_is_stored_as_json_text() -> None:
    column = Json(dict[str, int])
    stored = column.process_bind_param({"a": 1}, DIALECTS["sqlite"])
    assert stored == '{"a":1}'
    assert column.process_result_value(stored, DIALECTS["sqlite"]) == {"a": 1}
    assert column.process_bind_param(None, DIALECTS["sqlite"]) is None
    assert column.process_result_value(None, DIALECTS["sqlite"]) is None
