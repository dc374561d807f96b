"""The errors of both databases, named for what the caller does next."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.errors import BatonError, Crash, DataError, Fenced, Retry
from shared.storage.database import Database, DatabaseErrorTranslation
from shared.storage.errors import error_for

STATES = {
    "08006": Retry,  # connection failure
    "40001": Retry,  # serialisation failure
    "40P01": Retry,  # deadlock
    "53300": Retry,  # too many connections
    "55P03": Retry,  # lock not available
    "57P01": Retry,  # the server shuts down
    "23505": Retry,  # another transaction inserted the key first
    "22001": DataError,  # text too long for its column
    "22P05": DataError,  # a character that cannot be stored
    "54000": DataError,  # row too large for an index
    "23514": DataError,  # a check
    "23502": Crash,  # null where there may be none: our mistake
    "23503": Crash,  # a foreign key
    "42703": Crash,  # no such column
    "42P01": Crash,  # no such table
    "SQLITE_CONSTRAINT_PRIMARYKEY": Retry,
    "SQLITE_CONSTRAINT_UNIQUE": Retry,
    "SQLITE_CONSTRAINT_CHECK": DataError,
    "SQLITE_MISMATCH": DataError,
    "SQLITE_TOOBIG": DataError,
    "SQLITE_CONSTRAINT_NOTNULL": Crash,
    "SQLITE_ERROR": Crash,
    "": Crash,
}


@pytest.mark.parametrize(("state", "expected"), STATES.items())
def test_each_state_is_one_kind_of_error(state: str, expected: type[BatonError]) -> None:
    assert type(error_for(state, "message", transient=False)) is expected


def test_a_data_error_is_dead_lettered_as_the_databases() -> None:
    error = error_for("22001", "too long", transient=False)
    assert isinstance(error, DataError)
    assert error.kind == "database"


@pytest.mark.parametrize("state", ["", "SQLITE_BUSY", "SQLITE_IOERR", "XX000"])
def test_a_state_that_is_in_no_list_is_tried_again_when_the_connection_failed(state: str) -> None:
    assert type(error_for(state, "message", transient=True)) is Retry
    assert type(error_for(state, "message", transient=False)) is Crash


def test_sqlites_wrong_statement_is_a_crash_though_its_driver_calls_it_operational() -> None:
    assert type(error_for("SQLITE_ERROR", "no such table", transient=True)) is Crash


def test_a_data_error_stays_one_on_a_broken_connection() -> None:
    """Repeating could not help, and the record must not be tried for ever."""
    assert type(error_for("22001", "too long", transient=True)) is DataError


def test_the_message_is_one_short_line() -> None:
    """PostgreSQL's details follow on further lines and repeat the row, which holds personal data."""
    error = error_for("23514", "violates check\nDETAIL: Failing row contains (Ada)", transient=False)
    assert str(error) == "violates check"
    assert len(str(error_for("23514", "x" * 1_000, transient=False))) == 300


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (OSError("name or service not known"), Retry),
        (ConnectionRefusedError(), Retry),
        (TimeoutError(), Retry),
        (PoolTimeoutError(), Retry),
        (OverflowError("int too large"), DataError),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), DataError),
        (OperationalError("select 1", {}, Exception("gone")), Retry),
        (InterfaceError("select 1", {}, Exception("closed")), Retry),
        (DBAPIError("select 1", {}, Exception("?"), connection_invalidated=True), Retry),
        (DBAPIError("select 1", {}, Exception("?")), Crash),
    ],
)
def test_the_drivers_errors_are_translated(raised: Exception, expected: type[BatonError]) -> None:
    with pytest.raises(expected) as translated, DatabaseErrorTranslation():
        raise raised
    assert translated.value.__cause__ is raised


@pytest.mark.parametrize("raised", [ZeroDivisionError(), Fenced("ours"), KeyboardInterrupt()])
def test_other_errors_pass_unchanged(raised: BaseException) -> None:
    with pytest.raises(type(raised)) as passed, DatabaseErrorTranslation():
        raise raised
    assert passed.value is raised


def test_no_error_is_no_error() -> None:
    with DatabaseErrorTranslation():
        pass


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("insert into note values (1, 'x')", Retry),
        ("insert into note values (2, 'longer than three')", DataError),
        ("insert into note values ('no number', 'x')", DataError),
        ("insert into note values (3, null)", Crash),
        ("insert into nowhere values (1)", Crash),
        ("select from where", Crash),
    ],
)
def test_what_sqlite_itself_refuses(statement: str, expected: type[BatonError]) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(
            text("create table note (id integer primary key, text text not null check (length(text) <= 3))")
        )
        connection.execute(text("insert into note values (1, 'one')"))
        with pytest.raises(expected), DatabaseErrorTranslation():
            connection.execute(text(statement))
    engine.dispose()


async def test_an_error_in_the_block_rolls_back(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'tables.db'}")
    async with database.begin() as tx:
        await tx.execute(text("create table note (id integer)"))

    async def failing() -> None:
        async with database.begin() as tx:
            await tx.execute(text("insert into note values (1)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await failing()
    async with database.read() as tx:
        assert (await tx.execute(text("select count(*) from note"))).scalar_one() == 0
    await database.close()
