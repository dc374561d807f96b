"""Maps SQLSTATEs and SQLite error names to Baton's errors."""

from __future__ import annotations

from shared.errors import BatonError, Crash, DataError, Retry

_UNIQUE_VIOLATIONS = ("23505", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE")
_RETRY_STATES = ("08", "40", "53", "55", "57", *_UNIQUE_VIOLATIONS)
"""SQLSTATE classes: connection, rollback (deadlock), resources, not ready, shut down. A unique violation:
another transaction was first."""
_DATA_STATES = ("22", "54", "23514", "SQLITE_CONSTRAINT_CHECK", "SQLITE_MISMATCH", "SQLITE_TOOBIG")
"""SQLSTATE classes: data exception, a limit exceeded (too long for an index); a check violated."""
_WRONG_STATEMENT = ("SQLITE_ERROR",)
_MESSAGE_LENGTH_MAX = 300


def error_for(state: str, message: str, *, transient: bool) -> BatonError:
    """Return the error to raise for an SQLSTATE or the name of an SQLite error.

    `transient`: for a state that is in no list, the connection failed and not the statement.
    """
    text = message.partition("\n")[0][:_MESSAGE_LENGTH_MAX]
    if state.startswith(_DATA_STATES):
        return DataError(text, kind="database")
    if state.startswith(_RETRY_STATES) or (transient and state not in _WRONG_STATEMENT):
        return Retry(text)
    return Crash(text)
