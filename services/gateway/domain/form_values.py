"""Reads the values of a form: each reader returns a value fit for its field of a lead, or None. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from shared.lead.normalise.domains import normalise_domain

WORD_LENGTH_MAX: Final = 200
TEXT_LENGTH_MAX: Final = 2_000
_MESSAGE_LENGTH_MAX: Final = 20_000
_LIST_MAX: Final = 500
_COUNT_MAX: Final = 10**12
_INTEGER_MAX: Final = 2**63 - 1

# NUL and lone surrogates: no database and no UTF-8 has them.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_NUMBER = re.compile(r"\d{1,3}(?:[.,'\u2019 \u00a0]\d{3})+(?!\d)|\d{1,12}", re.ASCII)
_AMOUNT = re.compile(r"\$? ?(\d{1,3}(?:[.,'\u2019 \u00a0]\d{3})+|\d{1,12})", re.ASCII)
_LIST_SEPARATOR = re.compile("[;,|\n]")
_THOUSANDS = re.compile(r"\s?k\b", re.IGNORECASE)
_UP_TO = re.compile(r"\s*(?:<|up to\b|under\b|less than\b|fewer than\b|below\b)", re.IGNORECASE)
_YES = frozenset({"yes", "y", "true", "1", "on", "checked", "agree", "i agree", "ja", "oui", "si"})
_NO = frozenset({"no", "n", "false", "0", "off", "unchecked", "", "nein", "non"})

Scalar = str | int | float | bool | None


def storable_text(text: str) -> str:
    """Return a text without the characters that cannot be stored."""
    return _UNSTORABLE.sub("", text)


def storable_scalar(value: Any) -> Scalar:
    """Return a value that JSON and every table can take; what is nested becomes JSON text."""
    if isinstance(value, str):
        return storable_text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _INTEGER_MAX else str(value)[:TEXT_LENGTH_MAX]
    if isinstance(value, float) and abs(value) < float("inf"):
        return value
    try:
        return json.dumps(value, default=str)
    except (RecursionError, TypeError, ValueError):
        return "(nested too deep)"


def lower_bound(text: str) -> int | None:
    """Return the least number that a company size allows: `51-200` is 51, `1,000+` is 1000, `< 50` is 1.

    Only the lower bound is certain: a middle would be an invention.
    """
    if _UP_TO.match(text):
        return 1
    found = _NUMBER.search(text)
    if found is None:
        return None
    number = int(re.sub(r"\D", "", found[0]))
    return number * 1000 if _THOUSANDS.match(text, found.end()) else number


def _text(value: Any, length_max: int) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    return text if 0 < len(text) <= length_max else None


def read_word(value: Any) -> str | None:
    """Return a text of at most 200 characters."""
    return _text(value, WORD_LENGTH_MAX)


def read_url(value: Any) -> str | None:
    """Return a text of at most 2,000 characters. Whether it is a URL is not checked."""
    return _text(value, TEXT_LENGTH_MAX)


def read_message(value: Any) -> str | None:
    """Return a text of at most 20,000 characters."""
    return _text(value, _MESSAGE_LENGTH_MAX)


def read_domain(value: Any) -> str | None:
    """Return the domain in a URL, an address or a domain."""
    return normalise_domain(_text(value, TEXT_LENGTH_MAX))


def read_employees(value: Any) -> int | None:
    """Return the number of employees that a company size says at least."""
    text = read_word(value)
    number = None if text is None else lower_bound(text)
    return number if number is not None and number <= _COUNT_MAX else None


def read_dollars(value: Any) -> int | None:
    """Return a whole amount. A range or `$5M` stays an answer: a guess would be an invention."""
    amount = _AMOUNT.fullmatch(read_word(value) or "")
    number = int(re.sub(r"\D", "", amount[1])) if amount else None
    return number if number is not None and number <= _COUNT_MAX else None


def read_words(value: Any) -> list[str] | None:
    """Return the values of ticked boxes, or the words of a text with commas, semicolons or bars between."""
    parts = value if isinstance(value, list) else _LIST_SEPARATOR.split(read_message(value) or "")
    given = [part for part in parts if str(part or "").strip()]
    words = [word for word in map(read_word, given) if word is not None]
    return words if 0 < len(words) == len(given) <= _LIST_MAX else None


def read_consent(value: Any) -> bool | None:
    """Return what a ticked box or an answer such as `yes` means, None for any other text."""
    word = str(value).strip().casefold()
    if word in _YES:
        return True
    return False if word in _NO else None


def read_time(value: Any) -> datetime | None:
    """Return an RFC 3339 time whose year is from 2 to 9998, so that it is one in UTC too."""
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo is not None and 1 < at.year < 9999 else None


READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "message": read_message,
    "person.linkedin_url": read_url,
    "company.domain": read_domain,
    "company.employees": read_employees,
    "company.revenue_usd": read_dollars,
    "company.technologies": read_words,
    "consent.marketing": read_consent,
    "consent.opted_out": read_consent,
    "consent.at": read_time,
    "consent.text": read_message,
    "source.page_url": read_url,
    "source.referrer": read_url,
    "source.submitted_at": read_time,
}
"""The reader of each field; all others are words."""
