"""Values of form fields: what is stored of any value, and how the value of each field is read. Pure.

A reader returns None for a value that does not fit its field; the value then stays an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from services.gateway.domain.company_sizes import lower_bound
from shared.errors import Reject
from shared.lead.normalise.domains import company_host
from shared.lead.normalise.yes_no import yes_or_no

FIELDS_MAX: Final = 200
_VALUES_MAX: Final = 1_000
_DEPTH_MAX: Final = 5
_NAME_KEYS: Final = ("name", "label", "column_name", "question", "key", "title")
_VALUE_KEYS: Final = ("value", "values", "string_value", "answer")
WORD_LENGTH_MAX: Final = 200
TEXT_LENGTH_MAX: Final = 2_000
_MESSAGE_LENGTH_MAX: Final = 20_000
_LIST_MAX: Final = 500
_COUNT_MAX: Final = 10**12
_INTEGER_MAX: Final = 2**63 - 1

# No database has NUL, and no UTF-8 lone surrogates. Other control characters mean nothing in a form, and take
# six bytes of JSON each; tabs and line ends are text.
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_AMOUNT = re.compile(r"\$? ?(\d{1,3}(?:[.,'\u2019 \u00a0]\d{3})+|\d{1,12})", re.ASCII)
_EPOCH = re.compile(r"\d{9,13}(?:\.\d{1,9})?", re.ASCII)
_EPOCH_START_S: Final = 946_684_800
"""The year 2000; numbers below are no times of forms."""
_EPOCH_END_S: Final = 4_102_444_800
"""The year 2100; numbers beyond are milliseconds."""
_FORMS_OF_ADDRESS = re.compile(
    r"(?:(?:mr|mrs|ms|miss|mx|sir|dr|prof|professor|herrn?|frau|hr|fr|monsieur|madame|mademoiselle|mme|mlle|sra?|srta|señora?"
    r"|senhora?|sig|signora?|signore|dott|dott\.?ssa|dhr|mevr|meneer|mevrouw|pani?|ing|mag|dipl|med|jur|rer|nat|phil"
    r"|habil|inż|mgr|h\.?c)\b[\s.,/-]*)+"
)
_LIST_SEPARATOR = re.compile("[;,|\n]")

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


def storable(value: Any) -> Any:
    """Return a value, or a list of scalars, that JSON and every table can take."""
    if isinstance(value, list | tuple):
        return [storable_scalar(item) for item in value[:_VALUES_MAX]]
    return storable_scalar(value)


def form_pairs(body: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return labels and storable values of a form. Raises `Reject` (422) for too many fields or values."""
    pairs = list(islice(_flattened(body.items() if isinstance(body, Mapping) else body), FIELDS_MAX + 1))
    if len(pairs) > FIELDS_MAX:
        detail = f"{FIELDS_MAX} are allowed"
        raise Reject(422, "too-many-fields", "The form has too many fields", detail)
    return pairs


def _named_values(items: Sequence[Any]) -> list[tuple[str, Any]]:
    """Return the fields in a list of them (`[{"name": "email", "value": …}]`), nothing for any other list."""
    found: list[tuple[str, Any]] = []
    for item in items:
        names = [item[key] for key in _NAME_KEYS if key in item] if isinstance(item, Mapping) else []
        values = [item[key] for key in _VALUE_KEYS if key in item] if names else []
        if not values or not isinstance(names[0], str):
            return []
        found.append((names[0], values[0]))
    return found


def _flattened(pairs: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield labels and storable values. Objects within objects become dotted labels, lists of one an item."""
    for label, value in pairs:
        name = prefix + storable_text(str(label))
        if isinstance(value, Mapping) and depth < _DEPTH_MAX:
            yield from _flattened(value.items(), name + ".", depth + 1)
        elif isinstance(value, list | tuple) and depth < _DEPTH_MAX and (named := _named_values(value)):
            yield from _flattened(named, depth=depth + 1)
        elif isinstance(value, list | tuple):
            if len(value) > _VALUES_MAX:
                detail = f"{_VALUES_MAX} are allowed"
                raise Reject(422, "too-many-fields", "A field of the form has too many values", detail)
            scalars = [storable_scalar(item) for item in value]
            yield name, scalars[0] if len(scalars) == 1 else scalars
        else:
            yield name, storable_scalar(value)


def _text(value: Any, length_max: int) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    return text if 0 < len(text) <= length_max else None


def read_word(value: Any) -> str | None:
    """Return a text of at most 200 characters."""
    return _text(value, WORD_LENGTH_MAX)


def read_job_title(value: Any) -> str | None:
    """Return a text of at most 200 characters, None for a form of address or a degree (`Mr`, `Prof. Dr.`)."""
    title = read_word(value)
    return None if title is None or _FORMS_OF_ADDRESS.fullmatch(title.casefold()) else title


def read_url(value: Any) -> str | None:
    """Return a text of at most 2,000 characters. Whether it is a URL is not checked."""
    return _text(value, TEXT_LENGTH_MAX)


def read_message(value: Any) -> str | None:
    """Return a text of at most 20,000 characters."""
    return _text(value, _MESSAGE_LENGTH_MAX)


def read_domain(value: Any) -> str | None:
    """Return the domain in a URL, an address or a domain; `None` when it is no company's, as in a network."""
    return company_host(_text(value, TEXT_LENGTH_MAX))


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
    """Return what a ticked box or an answer such as `yes` means, of several whether one is, else None."""
    if isinstance(value, list | tuple):
        said = [yes_or_no(item) for item in value]
        return None if None in said or not said else True in said
    return None if value is None else yes_or_no(value)


def read_time(value: Any) -> datetime | None:
    """Return an RFC 3339 time, or one in seconds or milliseconds since 1970, between the years 2 and 9998.

    A time without a zone is none: nobody knows which one the form means.
    """
    try:
        if isinstance(value, str) and not _EPOCH.fullmatch(value.strip()):
            at = datetime.fromisoformat(value.strip())
            return at if at.tzinfo is not None and 1 < at.year < 9999 else None
        seconds = None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if seconds is None:
        return None
    if seconds >= _EPOCH_END_S:
        seconds /= 1_000
    return datetime.fromtimestamp(seconds, UTC) if _EPOCH_START_S <= seconds < _EPOCH_END_S else None


READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "message": read_message,
    "person.title": read_job_title,
    "person.linkedin_url": read_url,
    "company.domain": read_domain,
    "company.employees": read_employees,
    "company.revenue_usd": read_dollars,
    "company.technologies": read_words,
    "consent.marketing": read_consent,
    "consent.at": read_time,
    "consent.text": read_message,
    "source.page_url": read_url,
    "source.referrer": read_url,
    "source.submitted_at": read_time,
}
"""The reader of each field; all others are words."""


def read_values(fields: Sequence[tuple[str | None, Any]]) -> list[Any]:
    """Return what each value says under the field that it stands for, None where it says nothing there."""
    read: list[Any] = []
    for name, value in fields:
        reader: Callable[[Any], Any] = READERS.get(name or "", read_word)
        read.append(None if name is None else reader(value))
    return read
