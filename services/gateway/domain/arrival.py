"""What an event takes from its request besides the body. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from shared.errors import FieldProblem, Reject
from shared.lead.normalise.domains import registrable_domain

SOURCE: Final = "/baton/gateway"

_MILLISECOND_BITS: Final = 48
_RANDOM_BYTES: Final = 10


class Arrival(Struct, frozen=True):
    """One item of a request: its time, its trace, and what its event id may be derived from.

    `scope` names the sender (an API key or a source) and the route, within which ids of the client count.
    `has_api_key` tells whether the sender has an API key. `index` is the position in a list, 0 for a single
    item; `random(n)` returns n random bytes. `shared_hosts` are those that the active policy adds to the
    hosts that are nobody's company.
    """

    at: datetime
    random: Callable[[int], bytes]
    traceparent: str
    idempotency_key: str = ""
    index: int = 0
    scope: tuple[str, ...] = ()
    has_api_key: bool = False
    shared_hosts: frozenset[str] = frozenset()


def uuid7(at: datetime, random: Callable[[int], bytes]) -> str:
    """Return a UUIDv7 (RFC 9562): milliseconds since 1970, then random bits."""
    milliseconds = int(at.timestamp() * 1000) & ((1 << _MILLISECOND_BITS) - 1)
    octets = bytearray(milliseconds.to_bytes(_MILLISECOND_BITS // 8, "big") + random(_RANDOM_BYTES))
    octets[6] = octets[6] & 0x0F | 0x70  # the version
    octets[8] = octets[8] & 0x3F | 0x80  # the variant
    digits = octets.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def refuse_unreal_times(times: Iterable[tuple[str, datetime | None]]) -> None:
    """Raise `Reject` for a time whose year in UTC is before 1 or after 9999: no table can store it."""
    for pointer, at in times:
        if at is None or 1 < at.year < 9999:
            continue
        try:
            at.astimezone(UTC)
        except OverflowError:
            raise invalid((FieldProblem(pointer, "This time is before year 1 or after year 9999"),)) from None


def refuse_too_large(what: str, encoded: bytes, bytes_max: int) -> None:
    """Raise `Reject` (422) for what some role could not publish for its size; see `shared/lead/bounds.py`."""
    if len(encoded) > bytes_max:
        detail = f"It takes {len(encoded)} bytes as JSON, {bytes_max} are allowed"
        raise Reject(422, f"{what}-too-large", f"The {what} is too large", detail)


def invalid(errors: tuple[FieldProblem, ...]) -> Reject:
    """Return the rejection of a body that is JSON but not valid, with all its faults."""
    return Reject(422, "invalid-body", "The body is not valid", errors=errors)


def domain_problem(pointer: str, domain: str | None) -> FieldProblem:
    """Return what is wrong with a domain that is no company's."""
    if registrable_domain(domain) is None:
        return FieldProblem(pointer, "This is not the domain of a company")
    return FieldProblem(pointer, "This host gives pages or mailboxes to anybody, so it is nobody's company")


def is_blank(text: str | None) -> bool:
    """Tell whether a field is missing, empty or white space: forms send empty strings."""
    return text is None or not text.strip()
