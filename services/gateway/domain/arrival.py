"""What is known of a request besides its body, and the ids of events that come from outside. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from shared.errors import FieldProblem, Reject
from shared.lead.ids import derive_id

SOURCE: Final = "/baton/gateway"

_MILLISECOND_BITS: Final = 48
_RANDOM_BYTES: Final = 10


class Arrival(Struct, frozen=True):
    """One item of a request: when it came, in which trace, and what its id may be made of.

    `index` is its place in a list, 0 when it stands alone; `random` gives that many random bytes.
    """

    at: datetime
    random: Callable[[int], bytes]
    traceparent: str
    idempotency_key: str = ""
    index: int = 0

    def event_id(self, type_: str) -> str:
        """Return the id of an event that has none of its own: by the idempotency key, else a new one."""
        if self.idempotency_key:
            return derive_id(type_, "", f"idempotency-key:{self.idempotency_key}", self.index)
        return uuid7(self.at, self.random)


def uuid7(at: datetime, random: Callable[[int], bytes]) -> str:
    """Return a UUIDv7 (RFC 9562): milliseconds since 1970, then random bits."""
    milliseconds = int(at.timestamp() * 1000) & ((1 << _MILLISECOND_BITS) - 1)
    octets = bytearray(milliseconds.to_bytes(_MILLISECOND_BITS // 8, "big") + random(_RANDOM_BYTES))
    octets[6] = octets[6] & 0x0F | 0x70  # the version
    octets[8] = octets[8] & 0x3F | 0x80  # the variant
    digits = octets.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def refuse_unreal_times(times: Iterable[tuple[str, datetime | None]]) -> None:
    """Reject a time whose year in UTC is before 1 or after 9999: no table and no other system takes it."""
    for pointer, at in times:
        if at is None or 1 < at.year < 9999:
            continue
        try:
            at.astimezone(UTC)
        except OverflowError:
            raise invalid((FieldProblem(pointer, "This time is before year 1 or after year 9999"),)) from None


def invalid(errors: tuple[FieldProblem, ...]) -> Reject:
    """Return the rejection of a body that can be read but does not say what it must."""
    return Reject(422, "invalid-body", "The body is not valid", errors=errors)


def is_blank(text: str | None) -> bool:
    """Tell whether a field says nothing; forms send empty strings."""
    return text is None or not text.strip()
