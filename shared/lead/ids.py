"""Ids that Baton derives instead of drawing at random, and the partition of a key.

An id is a UUID of version 5, so a pure function of what it is derived from: the same input gives the same
id on every machine and in every replay, which makes processing idempotent.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import uuid_utils

NS: Final = uuid_utils.uuid5(uuid_utils.NAMESPACE_URL, "urn:baton")
"""The UUID namespace of all derived ids."""


def derive_id(type_: str, subject: str, cause: str, ordinal: int) -> str:
    """Return the id of the `ordinal`-th thing of `type_` about `subject` that `cause` brought about."""
    return _uuid5(f"{type_}\n{subject}\n{cause}\n{ordinal}")


def event_cause(source: str, id_: str) -> str:
    """Return the cause for what an event brings about: its CloudEvents source and id."""
    return f"{source}\n{id_}"


@lru_cache(maxsize=1_024)
def timer_cause(kind: str, due: datetime) -> str:
    """Return the cause for what a timer brings about. Raises `ValueError` for a naive `due`."""
    if due.tzinfo is None:
        raise ValueError("due must be an aware datetime")
    in_utc = due if due.tzinfo is UTC else due.astimezone(UTC)
    return f"timer:{kind}:{in_utc.isoformat()[:-6]}Z"


def lead_id_of(identifier: str) -> str:
    """Return the lead id that follows from an identifier such as `email:ana@kestrel.example`."""
    return _uuid5(identifier)


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a record key: crc32 of its bytes, modulo the number of partitions."""
    return zlib.crc32(key) % partitions


def _uuid5(name: str) -> str:
    # A lone surrogate has no UTF-8 encoding, so its escape sequence is hashed instead.
    valid = name if name.isascii() else name.encode("utf-8", "backslashreplace").decode()
    return str(uuid_utils.uuid5(NS, valid))
