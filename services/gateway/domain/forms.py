"""Makes a lead of whatever a form sends: known labels become fields, all others answers. Pure.

Nothing that somebody typed is lost: a value that does not fit its field (a phone number of 300 characters, a
company size of "many") stays among the answers under its own label.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from services.gateway.domain.labels import FIELD_OF
from services.gateway.domain.sources import HookSource
from services.gateway.domain.trust import (
    SERVER_SIDE_FIELDS,
    refuse_reserved_fields,
    without_server_side_facts,
)
from shared.errors import Reject
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Answers
from shared.lead.normalise.answers import with_answers
from shared.lead.normalise.domains import company_host
from shared.lead.normalise.labels import plain_label
from shared.policy.form_fields import ANSWER

FIELDS_MAX: Final = 200
_UTM_MAX: Final = 30
_VALUES_MAX: Final = 1_000
_DEPTH_MAX: Final = 5
WORD_LENGTH_MAX: Final = 200
TEXT_LENGTH_MAX: Final = 2_000
_MESSAGE_LENGTH_MAX: Final = 20_000
_LIST_MAX: Final = 500
_COUNT_MAX: Final = 10**12
_INTEGER_MAX: Final = 2**63 - 1

# No database has NUL, and no UTF-8 lone surrogates. Other control characters mean nothing in a form, and take
# six bytes of JSON each; tabs and line ends are text.
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_NUMBER = re.compile(r"\d{1,3}(?:[.,'\u2019 \u00a0]\d{3})+(?!\d)|\d{1,12}", re.ASCII)
_AMOUNT = re.compile(r"\$? ?(\d{1,3}(?:[.,'\u2019 \u00a0]\d{3})+|\d{1,12})", re.ASCII)
_LIST_SEPARATOR = re.compile("[;,|\n]")
_THOUSANDS = re.compile(r"\s?k\b", re.IGNORECASE)
_UP_TO = re.compile(r"\s*(?:<|up to\b|under\b|less than\b|fewer than\b|below\b)", re.IGNORECASE)
_YES = frozenset(
    [
        "yes",
        "y",
        "true",
        "t",
        "1",
        "x",
        "on",
        "checked",
        "agree",
        "i agree",
        "ja",
        "wahr",
        "oui",
        "vrai",
        "si",
        "sí",
        "sì",
        "verdadero",
        "vero",
        "sim",
        "verdadeiro",
    ]
)
_NO = frozenset(
    [
        "",
        "no",
        "n",
        "false",
        "f",
        "0",
        "off",
        "unchecked",
        "nein",
        "falsch",
        "non",
        "faux",
        "falso",
        "não",
        "nao",
    ]
)

Scalar = str | int | float | bool | None
Pairs = Sequence[tuple[str, Any]]


def is_intake_shape(body: Mapping[str, Any]) -> bool:
    """Tell whether a JSON body is a lead as the API takes it, rather than a flat form."""
    return isinstance(body.get("person"), Mapping) or isinstance(body.get("company"), Mapping)


def read_form(body: Mapping[str, Any] | Pairs, source: HookSource) -> LeadReceivedV1:
    """Return the lead that a form describes. Raises `Reject` (422) only for too many fields or values.

    A label that comes more than once (checkboxes) becomes a list among the answers.
    """
    flattened = _flattened(body.items() if isinstance(body, Mapping) else body)
    pairs = list(islice(flattened, FIELDS_MAX + 1))
    if len(pairs) > FIELDS_MAX:
        detail = f"{FIELDS_MAX} are allowed"
        raise Reject(422, "too-many-fields", "The form has too many fields", detail)
    labels = [plain_label(label) for label, _ in pairs]
    form = _FormReader(source)
    form.check_honeypot(pairs)
    # Labels that the source maps itself come first, so that no mere synonym fills their field.
    for is_mapped in (True, False):
        for plain, (label, value) in zip(labels, pairs, strict=True):
            if (plain in source.fields) is is_mapped:
                form.read(plain, label, value)
    return with_defaults(form.lead(), source)


def lead_from_source(lead: LeadReceivedV1, source: HookSource) -> LeadReceivedV1:
    """Return a lead in the API's shape as its source may send it.

    Raises `Reject` (422) for a field that only Baton may set, or when the answers become too many.
    """
    refuse_reserved_fields(lead)
    if source.is_caught_by_honeypot(lead.answers.items()):
        lead = replace(lead, source=replace(lead.source, honeypot=True))
    if source.trust == "public":
        lead = without_server_side_facts(lead)
    return with_defaults(lead, source)


def with_defaults(lead: LeadReceivedV1, source: HookSource) -> LeadReceivedV1:
    """Return the lead with its source's channel, name and campaign where the form does not give them."""
    given, defaults = lead.source, source.defaults
    origin = replace(
        given,
        channel=given.channel or (defaults and defaults.channel),
        name=given.name or (defaults and defaults.name) or source.name,
        campaign=given.campaign or (defaults and defaults.campaign),
    )
    return replace(lead, source=origin)


class _FormReader:
    """Collects the fields, UTM parameters and answers of one form.

    The source's own mapping of plain labels to fields goes before the common synonyms. Of a public source,
    what only a server can know becomes an answer.
    """

    def __init__(self, source: HookSource) -> None:
        self._source = source
        self._fields: dict[str, Any] = {}
        self._utm: dict[str, str] = {}
        self._answers: Answers = {}

    def read(self, plain: str, label: str, value: Any) -> None:
        """Put one value where its plain label says, or among the answers when it does not fit there."""
        if isinstance(value, str) and not value.strip():
            return
        field = self._source.fields.get(plain) or FIELD_OF.get(plain)
        if field is None or (self._source.trust == "public" and field in SERVER_SIDE_FIELDS):
            fits = plain.startswith("utm ") and self._read_utm(plain.removeprefix("utm "), value)
        elif field.startswith(ANSWER):
            label, fits = field.removeprefix(ANSWER), False
        elif field == "person.name":
            fits = self._read_name(value)
        else:
            reader: Callable[[Any], Any] = READERS.get(field, read_word)
            fits = field not in self._fields and (read := reader(value)) is not None
            if fits:
                self._fields[field] = read
        if not fits:
            self._answers = with_answers(self._answers, ((label, value),))

    def _read_name(self, value: Any) -> bool:
        """Split a full name at its last space: most family names are one word."""
        name = read_word(value)
        if name is None or {"person.first_name", "person.last_name"} & self._fields.keys():
            return False
        first, _, last = name.rpartition(" ")
        self._fields["person.first_name"] = first.rstrip() or last
        if first:
            self._fields["person.last_name"] = last
        return True

    def _read_utm(self, words: str, value: Any) -> bool:
        name = words.replace(" ", "_")
        if not isinstance(value, str) or name in self._utm or len(self._utm) == _UTM_MAX:
            return False
        if len(text := value.strip()) > TEXT_LENGTH_MAX:
            return False
        self._utm[name[:WORD_LENGTH_MAX]] = text
        return True

    def check_honeypot(self, pairs: Pairs) -> None:
        """Remember whether a field was filled in that people do not see."""
        if self._source.is_caught_by_honeypot(pairs):
            self._fields["source.honeypot"] = True

    def lead(self) -> LeadReceivedV1:
        """Return what was read as a lead."""
        if "campaign" in self._utm:
            self._fields.setdefault("source.campaign", self._utm["campaign"][:WORD_LENGTH_MAX])
        shape: dict[str, Any] = {"answers": self._answers}
        for field, value in self._fields.items():
            part, _, name = field.partition(".")
            if name:
                shape.setdefault(part, {})[name] = value
            else:
                shape[part] = value
        shape.setdefault("source", {})["utm"] = self._utm
        return msgspec.convert(shape, LeadReceivedV1)


def _flattened(pairs: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield labels and storable values. Objects within objects become dotted labels, lists of one an item."""
    for label, value in pairs:
        name = prefix + storable_text(str(label))
        if isinstance(value, Mapping) and depth < _DEPTH_MAX:
            yield from _flattened(value.items(), name + ".", depth + 1)
        elif isinstance(value, list | tuple):
            if len(value) > _VALUES_MAX:
                detail = f"{_VALUES_MAX} are allowed"
                raise Reject(422, "too-many-fields", "A field of the form has too many values", detail)
            scalars = [storable_scalar(item) for item in value]
            yield name, scalars[0] if len(scalars) == 1 else scalars
        else:
            yield name, storable_scalar(value)


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
    """Return what a ticked box or an answer such as `yes` means, None for any other text."""
    word = str(value).strip().casefold()
    if word in _YES:
        return True
    return False if word in _NO else None


def read_opt_out(value: Any) -> bool:
    """Return whether a value under an opt-out label opts out: all does (a date, `e-mail`) but a no."""
    return read_consent(value) is not False


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
    "consent.opted_out": read_opt_out,
    "consent.at": read_time,
    "consent.text": read_message,
    "source.page_url": read_url,
    "source.referrer": read_url,
    "source.submitted_at": read_time,
}
"""The reader of each field; all others are words."""
