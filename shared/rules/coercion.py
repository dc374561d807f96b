"""Coercion of facts: the conversion of a fact before it is compared.

Text is compared without case, so it is folded. A field without a declared type is coerced to the type that
it is compared with: `answers.team_size` with the text "50" is 50 for `gte`, and of a list (several boxes
ticked) any member can satisfy `eq` and `in`. A fact that cannot be coerced is missing. Every coercion maps
`None`, the missing fact, to `None`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

import re2

PATTERN_LENGTH_MAX: Final = 200
MATCHED_LENGTH_MAX: Final = 10_000
"""How many characters of a text a pattern searches at most."""

_PATTERN_BYTES_MAX: Final = 1 << 20
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_AMOUNT = re.compile(
    r"(?:[$€£] ?)?([0-9]{1,3}(?:[.,'\u2019 \u00a0][0-9]{3}){1,5}|[0-9]{1,15})( ?[kK])?(?: ?[$€£])?"
)
_TRUTHS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Coercion(Enum):
    """The conversions. Those that are called open are for fields without a declared type."""

    PLAIN = "as it is"
    FOLDED = "text without case"
    FOLDED_SET = "set of texts without case"
    OPEN_PRESENT = "whether there is anything"
    OPEN_RAW_TEXT = "open, as text"
    OPEN_TEXT = "open, as text without case"
    OPEN_INTEGER = "open, as integer"
    OPEN_BOOLEAN = "open, as true or false"
    OPEN_SET = "open, as set"
    OPEN_TEXT_OR_SET = "open, as text or, of a list, as set"
    OPEN_TIME = "open, as time"

    @property
    def is_set(self) -> bool:
        return self in {Coercion.FOLDED_SET, Coercion.OPEN_SET}


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return a function that searches a text for an RE2 pattern, ignoring case, in time linear in the text.

    Raises `ValueError` for an invalid or too long pattern.
    """
    if len(pattern) > PATTERN_LENGTH_MAX:
        raise ValueError(f"a pattern has {PATTERN_LENGTH_MAX} characters at most")
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _PATTERN_BYTES_MAX
    try:
        search = re2.compile(pattern.encode("utf-8", "replace"), options).search  # type: ignore[no-untyped-call]
    except re2.error as error:
        reason = error.args[0] if error.args else "it cannot be read"
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"not a pattern: {text}") from error

    def found(text: str) -> bool:
        return search(text[:MATCHED_LENGTH_MAX].encode("utf-8", "replace")) is not None

    return found


def fold_set(value: Any) -> frozenset[str] | None:
    """Return the texts of a collection without case."""
    return None if value is None else frozenset(map(str.casefold, value))


def open_present(value: Any) -> Any:
    """Return the value, or None for an empty text or list."""
    return None if value in ("", [], ()) else value


def open_raw_text(value: Any) -> str | None:
    """Return a text or number as text."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) and abs(value) < 10**18 else None


def open_text(value: Any) -> str | None:
    """Return a text or number as text without case."""
    text = open_raw_text(value)
    return None if text is None else text.strip().casefold() or None


def open_integer(value: Any) -> int | None:
    """Return an integer, also of a float without fraction, a text of digits, and an amount as people type it.

    `45,000`, `€45.000` and `45k` are 45000: three digits after a separator are thousands. A range is none.
    """
    if isinstance(value, str):
        text = value.strip()
        if _INTEGER.fullmatch(text):
            return int(text)
        amount = _AMOUNT.fullmatch(text)
        digits = re.sub("[^0-9]", "", amount[1]) if amount else ""
        return int(digits) * (1_000 if amount and amount[2] else 1) if digits else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def open_boolean(value: Any) -> bool | None:
    """Return a boolean, also of the texts that forms send for one: yes, on, true, no, off, false."""
    if isinstance(value, str):
        return _TRUTHS.get(value.strip().casefold())
    return value if isinstance(value, bool) else None


def open_set(value: Any) -> frozenset[str] | None:
    """Return the texts of a list, or a single text as a set of one, without case."""
    if isinstance(value, list | tuple | set | frozenset):
        texts = (open_text(item) for item in value)
        return frozenset(text for text in texts if text is not None) or None
    text = open_text(value)
    return None if text is None else frozenset((text,))


def open_text_or_set(value: Any) -> str | frozenset[str] | None:
    """Return a text without case, or of a list the set of its texts."""
    return open_text(value) if isinstance(value, str) else open_set(value)


def open_time(value: Any) -> datetime | None:
    """Return an aware time, also of an ISO 8601 text; a date without a time is midnight UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.utcoffset() is not None else value.replace(tzinfo=UTC)


COERCERS: Final[dict[Coercion, Callable[[Any], Any]]] = {
    Coercion.FOLDED_SET: fold_set,
    Coercion.OPEN_PRESENT: open_present,
    Coercion.OPEN_RAW_TEXT: open_raw_text,
    Coercion.OPEN_TEXT: open_text,
    Coercion.OPEN_INTEGER: open_integer,
    Coercion.OPEN_BOOLEAN: open_boolean,
    Coercion.OPEN_SET: open_set,
    Coercion.OPEN_TEXT_OR_SET: open_text_or_set,
    Coercion.OPEN_TIME: open_time,
}
"""The coercions that need a function call; generated code writes `PLAIN` and `FOLDED` itself."""


def coerce(coercion: Coercion, fact: Any) -> Any:
    """Return a coerced fact, `None` when it is missing or cannot be coerced."""
    if fact is None or coercion is Coercion.PLAIN:
        return fact
    if coercion is Coercion.FOLDED:
        return fact.casefold()
    return COERCERS[coercion](fact)
