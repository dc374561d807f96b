"""From whatever a form sends to a lead: labels are read, values are cleaned, the rest becomes answers. Pure.

Nothing that somebody typed is lost: what does not fit its field (a phone number of 300 characters, a company
size of "many") stays, under its own label, among the answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from services.gateway.domain.labels import FIELD_OF, plain_label
from services.gateway.domain.sources import HookSource
from shared.errors import Reject
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.normalise.domains import normalise_domain
from shared.policy.form_fields import ANSWER

FIELDS_MAX: Final = 200
_WORD_LENGTH_MAX: Final = 200
_TEXT_LENGTH_MAX: Final = 2_000
_MESSAGE_LENGTH_MAX: Final = 20_000
_UTM_MAX: Final = 30
_LIST_MAX: Final = 500
_COUNT_MAX: Final = 10**12
_DEPTH_MAX: Final = 5
_INTEGER_MAX: Final = 2**63 - 1

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_NUMBER = re.compile(r"\d{1,3}(?:[.,'\u2019 \u00a0]\d{3})+(?!\d)|\d{1,12}", re.ASCII)
_AMOUNT = re.compile(r"\$? ?(\d{1,3}(?:[.,'\u2019 \u00a0]\d{3})+|\d{1,12})", re.ASCII)
_BETWEEN_ITEMS = re.compile("[;,|\n]")
_THOUSANDS = re.compile(r"\s?k\b", re.IGNORECASE)
_UP_TO = re.compile(r"\s*(?:<|up to\b|under\b|less than\b|fewer than\b|below\b)", re.IGNORECASE)
_YES = frozenset({"yes", "y", "true", "1", "on", "checked", "agree", "i agree", "ja", "oui", "si"})
_NO = frozenset({"no", "n", "false", "0", "off", "unchecked", "", "nein", "non"})

Scalar = str | int | float | bool | None
Pairs = Sequence[tuple[str, Any]]


def is_intake_shape(body: Mapping[str, Any]) -> bool:
    """Tell whether a JSON body is a lead as the API takes it, rather than a flat form."""
    return isinstance(body.get("person"), Mapping) or isinstance(body.get("company"), Mapping)


def read_form(body: Mapping[str, Any] | Pairs, source: HookSource) -> LeadReceivedV1:
    """Return the lead that a form means. Raises `Reject` when it has too many fields, and nothing else.

    A label that comes more than once (checkboxes) becomes a list among the answers.
    """
    pairs = list(_flattened(body.items() if isinstance(body, Mapping) else body))
    if len(pairs) > FIELDS_MAX:
        detail = f"{FIELDS_MAX} are allowed"
        raise Reject(422, "too-many-fields", f"The form has {len(pairs)} fields", detail)
    reading = _Reading(source.fields)
    # What the source says of its labels comes first: a label that is merely a synonym may not take the place.
    for label, value in sorted(pairs, key=lambda pair: plain_label(pair[0]) not in source.fields):
        reading.take(label, value)
    return with_defaults(reading.lead(), source)


def with_defaults(lead: LeadReceivedV1, source: HookSource) -> LeadReceivedV1:
    """Return the lead with what its source says of itself, where it says nothing else."""
    said, defaults = lead.source, source.defaults
    origin = msgspec.structs.replace(
        said,
        channel=said.channel or (defaults and defaults.channel),
        name=said.name or (defaults and defaults.name) or source.name,
        campaign=said.campaign or (defaults and defaults.campaign),
    )
    return msgspec.structs.replace(lead, source=origin)


def lower_bound(text: str) -> int | None:
    """Return the number that a company size says at least: `51-200` is 51, `1,000+` is 1000, `< 50` is 1.

    The lower bound is what is known; a middle would be an invention.
    """
    if _UP_TO.match(text):
        return 1
    found = _NUMBER.search(text)
    if found is None:
        return None
    number = int(re.sub(r"\D", "", found[0]))
    return number * 1000 if _THOUSANDS.match(text, found.end()) else number


class _Reading:
    """What has been read so far, by dotted field name."""

    def __init__(self, meant: Mapping[str, str]) -> None:
        self._meant = meant
        self._fields: dict[str, Any] = {}
        self._utm: dict[str, str] = {}
        self._answers: dict[str, Any] = {}

    def take(self, label: str, value: Any) -> None:
        plain = plain_label(label)
        field = self._meant.get(plain) or FIELD_OF.get(plain)
        if isinstance(value, str) and not value.strip():
            return
        if field is not None and field.startswith(ANSWER):
            label, taken = field.removeprefix(ANSWER), False
        elif field is None and plain.startswith("utm ") and isinstance(value, str):
            taken = self._take_utm(plain.removeprefix("utm ").replace(" ", "_"), value.strip())
        else:
            taken = field is not None and field not in self._fields and self._take_field(field, value)
        if not taken:
            self._answer(label, value)

    def lead(self) -> LeadReceivedV1:
        if "campaign" in self._utm:
            self._fields.setdefault("source.campaign", self._utm["campaign"][:_WORD_LENGTH_MAX])
        shape: dict[str, Any] = {"answers": self._answers}
        for field, value in self._fields.items():
            part, _, name = field.partition(".")
            if name:
                shape.setdefault(part, {})[name] = value
            else:
                shape[part] = value
        shape.setdefault("source", {})["utm"] = self._utm
        return msgspec.convert(shape, LeadReceivedV1)

    def _take_field(self, field: str, value: Any) -> bool:
        if field == "person.name":
            return self._take_name(value)
        reader: Callable[[Any], Any] = _READERS.get(field, _word)
        read = reader(value)
        if read is None:
            return False
        self._fields[field] = read
        return True

    def _take_name(self, value: Any) -> bool:
        """Split a full name at its last space: most family names are one word."""
        name = _word(value)
        if name is None or {"person.first_name", "person.last_name"} & self._fields.keys():
            return False
        first, _, last = name.rpartition(" ")
        self._fields["person.first_name"] = first.rstrip() or last
        if first:
            self._fields["person.last_name"] = last
        return True

    def _take_utm(self, name: str, value: str) -> bool:
        if name in self._utm or len(self._utm) == _UTM_MAX or len(value) > _TEXT_LENGTH_MAX:
            return False
        self._utm[name[:_WORD_LENGTH_MAX]] = value
        return True

    def _answer(self, label: str, value: Any) -> None:
        name = label.strip()[:_WORD_LENGTH_MAX] or "unnamed"
        if name not in self._answers:
            self._answers[name] = value
            return
        before = self._answers[name]
        together = before if isinstance(before, list) else [before]
        self._answers[name] = [*together, *(value if isinstance(value, list) else [value])]


def _flattened(pairs: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Give labels and values; objects within objects become dotted labels, text is made fit to be stored."""
    for label, value in pairs:
        name = prefix + _clean(str(label))
        if isinstance(value, Mapping) and depth < _DEPTH_MAX:
            yield from _flattened(value.items(), name + ".", depth + 1)
        elif isinstance(value, list | tuple):
            yield name, _single([_scalar(item) for item in value])
        else:
            yield name, _scalar(value)


def _single(values: list[Scalar]) -> Any:
    return values[0] if len(values) == 1 else values


def _scalar(value: Any) -> Scalar:
    if isinstance(value, str):
        return _clean(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _INTEGER_MAX else str(value)[:_TEXT_LENGTH_MAX]
    if isinstance(value, float) and abs(value) < float("inf"):
        return value
    return _nested(value)


def _nested(value: Any) -> str:
    """Return as text what is nested deeper than an answer can be."""
    try:
        return json.dumps(value, default=str)
    except (RecursionError, TypeError, ValueError):
        return "(nested too deep)"


def _clean(text: str) -> str:
    return _UNSTORABLE.sub("", text)


def _text(value: Any, length_max: int) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    return text if 0 < len(text) <= length_max else None


def _word(value: Any) -> str | None:
    return _text(value, _WORD_LENGTH_MAX)


def _url(value: Any) -> str | None:
    return _text(value, _TEXT_LENGTH_MAX)


def _message(value: Any) -> str | None:
    return _text(value, _MESSAGE_LENGTH_MAX)


def _domain(value: Any) -> str | None:
    return normalise_domain(_text(value, _TEXT_LENGTH_MAX))


def _employees(value: Any) -> int | None:
    text = _word(value)
    number = None if text is None else lower_bound(text)
    return number if number is not None and number <= _COUNT_MAX else None


def _dollars(value: Any) -> int | None:
    """Read a whole amount; a range or `$5M` stays an answer, since guessing would be an invention."""
    amount = _AMOUNT.fullmatch(_word(value) or "")
    number = int(re.sub(r"\D", "", amount[1])) if amount else None
    return number if number is not None and number <= _COUNT_MAX else None


def _words(value: Any) -> list[str] | None:
    """Read boxes that were ticked, or a text with commas between its words."""
    parts = value if isinstance(value, list) else _BETWEEN_ITEMS.split(_message(value) or "")
    given = [part for part in parts if str(part or "").strip()]
    words = [word for word in map(_word, given) if word is not None]
    return words if 0 < len(words) == len(given) <= _LIST_MAX else None


def _consent(value: Any) -> bool | None:
    word = str(value).strip().casefold()
    if word in _YES:
        return True
    return False if word in _NO else None


def _time(value: Any) -> datetime | None:
    """Read an RFC 3339 time whose year stays one in UTC too."""
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo is not None and 1 < at.year < 9999 else None


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "message": _message,
    "person.linkedin_url": _url,
    "company.domain": _domain,
    "company.employees": _employees,
    "company.revenue_usd": _dollars,
    "company.technologies": _words,
    "consent.marketing": _consent,
    "consent.opted_out": _consent,
    "consent.at": _time,
    "consent.text": _message,
    "source.page_url": _url,
    "source.referrer": _url,
    "source.submitted_at": _time,
}
