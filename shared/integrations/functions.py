"""The functions that expressions of presets have besides JMESPath's own. Pure: no clock, no I/O.

None of them raises: a value of the wrong type, or one that cannot be read, gives null.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final

import re2
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature
from msgspec import Struct

from shared.lead.normalise.phones import normalise_phone
from shared.lead.normalise.yes_no import yes_or_no

TEXT_LENGTH_MAX: Final = 20_000
"""Longer texts are not searched or split, and longer results are cut."""
_PATTERN_LENGTH_MAX: Final = 500
_PARTS_MAX: Final = 1_000
_NAME_LENGTH_MAX: Final = 200
"""What follows from a longer name is not kept, so that nobody can fill the memory with names."""
_NAME_PARTS_MAX: Final = 10
_EPOCH_UNITS: Final = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))
"""From which size on a number counts nanoseconds, microseconds or milliseconds instead of seconds."""
_EPOCH_S_MIN: Final = 100_000_000
"""1973. A smaller number is no time, but perhaps a year or a count."""
_EPOCH_S_MAX: Final = 253_402_300_799
_LINE_END: Final = re.compile(r"(?i)<br\s*/?>|</(?:p|div|li|h[1-6]|tr)\s*>")
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_ANY: Final[Any] = {"types": []}
_EXPRESSION: Final[Any] = {"types": ["expref"]}
_ANY_NUMBER: Final[Any] = {"types": [], "variadic": True}


FUNCTION_ERRORS: Final = (JMESPathError, AttributeError, TypeError, ValueError, ArithmeticError)
"""What a function raises for values that it cannot be called with: it then gives null."""


class ExpressionScope(Struct, frozen=True):
    """What the functions read besides the value that an expression is evaluated at.

    `at` is now, `body` the whole body, `headers` are in lower case, `tables` the word lists of the preset and
    `asked` what a provider was asked. `read_range` reads a text such as `51-200`: people are taken at their
    word, a vendor's range is an estimate.
    """

    at: datetime
    body: Any = None
    headers: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    asked: Mapping[str, str | None] = {}
    tables: Mapping[str, Mapping[str, Any]] = {}
    read_range: Callable[[str], int | None] | None = None


class PresetFunctions(Functions):
    """JMESPath's functions and those of presets."""

    def __init__(self, scope: ExpressionScope) -> None:
        self._scope = scope

    def call_function(self, function_name: str, resolved_args: Iterable[Any]) -> Any:
        """Return what a function gives; None when its arguments have the wrong type or number."""
        try:
            return super().call_function(function_name, resolved_args)
        except FUNCTION_ERRORS:
            return None

    @signature(_ANY)
    def _func_names(self, text: Any) -> dict[str, str] | None:
        """Return `{first, last}` of a full name, split at its last space: most family names are one word."""
        words = " ".join(_text(text).split())
        first, _, last = words.rpartition(" ")
        return ({"first": first, "last": last} if first else {"first": last}) if words else None

    @signature(_ANY)
    def _func_epoch(self, value: Any) -> str | None:
        """Return the RFC 3339 text of seconds (ms, us, ns) since 1970, of a date or an ISO 8601 time."""
        at = instant(value)
        return None if at is None else at.isoformat().replace("+00:00", "Z")

    @signature(_ANY)
    def _func_range(self, value: Any) -> int | None:
        """Return the whole number of `51-200`, `1.5k`, `[51, 200]` or `{min, max}`."""
        if isinstance(value, dict):
            value = [value.get("min", value.get("from")), value.get("max", value.get("to"))]
        if isinstance(value, list):
            value = "-".join(_text(part) for part in value[:2] if part is not None)
        if isinstance(value, float) and value == int(value):
            value = int(value)
        read = self._scope.read_range
        return None if read is None or isinstance(value, bool) else read(_text(value))

    @signature(_ANY_NUMBER)
    def _func_phone(self, *arguments: Any) -> str | None:
        """Return the number in E.164. A second argument is the country of a national number."""
        number, *countries = (_text(argument) or None for argument in arguments)
        return normalise_phone(number, *countries)

    @signature(_ANY)
    def _func_bool(self, value: Any) -> bool | None:
        """Return true or false of a yes or no in the languages that Baton reads."""
        return None if value is None else yes_or_no(value)

    @signature(_ANY, _ANY, _EXPRESSION, _EXPRESSION)
    def _func_join_by(self, items: Any, others: Any, item_key: Any, other_key: Any) -> list[Any] | None:
        """Return a list of `[item, other]` with equal keys; other is null for an item without one."""
        if not isinstance(items, list):
            return None
        by_key: dict[str, Any] = {}
        for other in others if isinstance(others, list) else ():
            by_key.setdefault(_text(other_key.visit(other_key.expression, other)), other)
        keys = [_text(item_key.visit(item_key.expression, item)) for item in items]
        return [[item, by_key.get(key) if key else None] for item, key in zip(items, keys, strict=True)]

    @signature(_ANY, _EXPRESSION)
    def _func_unnest(self, items: Any, children: Any) -> list[Any] | None:
        """Return a list of `[item, child]` for each child of each item: a child alone has lost its item."""
        if not isinstance(items, list):
            return None
        found = [(item, children.visit(children.expression, item)) for item in items]
        return [[item, child] for item, listed in found if isinstance(listed, list) for child in listed]

    @signature(_ANY_NUMBER)
    def _func_first_nonempty(self, *values: Any) -> Any:
        """Return the first value that is not null, an empty text, list or object."""
        return next((value for value in values if not is_empty(value)), None)

    @signature(_ANY, _ANY)
    def _func_after_prefix(self, text: Any, prefix: Any) -> str | None:
        """Return what follows a prefix; null for a text that does not begin with it."""
        whole, start = _text(text), _text(prefix)
        return whole.removeprefix(start) if whole.startswith(start) else None

    @signature(_ANY)
    def _func_text(self, value: Any) -> str | None:
        """Return the text of a value; the values of a list with commas between."""
        return _text(value) or None

    @signature(_ANY_NUMBER)
    def _func_pairs(self, value: Any, pattern: Any = None) -> list[dict[str, Any]] | None:
        """Return the members of an object as a list of `{key, value}`.

        With an RE2 pattern only those whose key it matches, as `{key, value, match}`: see `regex`.
        """
        if not isinstance(value, dict):
            return None
        if pattern is None:
            return [{"key": key, "value": member} for key, member in value.items()]
        expression = _text(pattern)
        return [
            {"key": key, "value": member, "match": match}
            for key, member in value.items()
            if (match := name_match(expression, key)) is not None
        ]

    @signature(_ANY)
    def _func_nested(self, value: Any) -> dict[str, Any] | None:
        """Return an object with its bracketed members as objects: `a[b][c]` becomes member `c` of `b` of `a`.

        That is how forms of PHP and Ruby write what is nested. A name that cannot be read so stays whole.
        """
        if not isinstance(value, dict):
            return None
        groups: dict[str, Any] = {}
        others: dict[str, Any] = {}
        for name, member in value.items():
            *outer, last = name_path(name)
            node: Any = groups
            for part in outer:
                node = node.setdefault(part, {}) if isinstance(node, dict) else None
            if not outer:
                others[last] = member
            elif isinstance(node, dict) and last not in node and not isinstance(member, dict):
                node[last] = member
            else:
                others[name] = member
        return others | groups

    @signature(_ANY, _ANY)
    def _func_lookup(self, table: Any, value: Any) -> Any:
        """Return what a word means by a table of the preset. Case does not matter."""
        return self._scope.tables.get(_text(table), {}).get(_text(value).strip().casefold())

    @signature(_ANY)
    def _func_days_since(self, value: Any) -> int | None:
        """Return the whole days from a time until now; negative for a time to come."""
        at = instant(value)
        return None if at is None else (self._scope.at - at).days

    @signature(_ANY, _ANY)
    def _func_multiply(self, number: Any, factor: Any) -> float | int | None:
        """Multiply two numbers, such as a share by 100."""
        if isinstance(number, bool) or isinstance(factor, bool):
            return None
        product = number * factor if isinstance(number, int | float) else None
        return round(product, 6) if isinstance(product, float) else product

    @signature(_ANY)
    def _func_lower(self, value: Any) -> str | None:
        return _text(value).lower() or None

    @signature(_ANY)
    def _func_plain_text(self, value: Any) -> str | None:
        """Return the text of HTML, a line for each paragraph."""
        if not isinstance(value, str):
            return None
        text = html.unescape(_TAG.sub("", _LINE_END.sub("\n", value)))
        return "\n".join(line.strip() for line in text.splitlines() if line.strip()) or None

    @signature(_ANY, _ANY)
    def _func_split(self, text: Any, separator: Any) -> list[str] | None:
        """Return the parts of a text between separators, trimmed, without the empty ones."""
        whole, between = _text(text), _text(separator)
        parts = whole.split(between, _PARTS_MAX) if between else whole.split(None, _PARTS_MAX)
        return [part.strip() for part in parts if part.strip()]

    @signature(_ANY, _ANY)
    def _func_regex(self, text: Any, pattern: Any) -> str | None:
        """Return the first group of the first match of an RE2 pattern, or the match where it has no group."""
        return matched(_text(pattern), _text(text))

    @signature()
    def _func_body(self) -> Any:
        return self._scope.body

    @signature(_ANY)
    def _func_header(self, name: Any) -> str | None:
        return self._scope.headers.get(_text(name).lower())

    @signature(_ANY)
    def _func_query(self, name: Any) -> str | None:
        return self._scope.query.get(_text(name))

    @signature(_ANY)
    def _func_asked(self, name: Any) -> str | None:
        return self._scope.asked.get(_text(name))


def is_empty(value: Any) -> bool:
    """Return whether a value is null, an empty text, list or object."""
    return value is None or value in ("", [], {})


def matched(pattern: str, text: str) -> str | None:
    """Return the first group of the first match of a pattern in a text, or the match where it has no group.

    None where nothing matches, and for what is no pattern or is too long.
    """
    compiled, group = compiled_pattern(pattern)
    found = None if compiled is None else compiled.search(text.encode())
    part = None if found is None else found[group]
    return None if part is None else part.decode()


@lru_cache(maxsize=2_048)
def compiled_pattern(pattern: str) -> tuple[Any, int]:
    """Return a compiled RE2 pattern and the group that is wanted of it; None for what is no pattern.

    It is one of bytes: RE2 works on UTF-8, and of a text it would count the characters again and again.
    """
    if len(pattern) > _PATTERN_LENGTH_MAX:
        return None, 0
    try:
        compiled: Any = re2.compile(pattern.encode())  # type: ignore[no-untyped-call]
    except re2.error:
        return None, 0
    return compiled, min(compiled.groups, 1)


def name_match(pattern: str, name: str) -> str | None:
    """Return what `matched` gives for the name of a member, kept: a form sends the same names each time."""
    return (_name_match if len(name) <= _NAME_LENGTH_MAX else matched)(pattern, name[:TEXT_LENGTH_MAX])


_name_match: Final = lru_cache(maxsize=8_192)(matched)


def name_path(name: str) -> tuple[str, ...]:
    """Return the parts of a name: `("a", "b")` of `a[b]` and of `a[b][]`, the name alone of any other."""
    if "[" not in name or len(name) > _NAME_LENGTH_MAX:
        return (name,)
    return _name_path(name)


@lru_cache(maxsize=4_096)
def _name_path(name: str) -> tuple[str, ...]:
    outer, _, rest = name.partition("[")
    inner = rest[:-1].split("][") if outer and rest.endswith("]") else []
    if not 0 < len(inner) <= _NAME_PARTS_MAX or any("[" in part or "]" in part for part in inner):
        return (name,)
    return (outer, *inner[:-1], *filter(None, inner[-1:]))


def instant(value: Any) -> datetime | None:
    """Return the time that a number, a date or an ISO 8601 text names, in UTC; None for anything else.

    Numbers, and texts of digits, count seconds, milli-, micro- or nanoseconds since 1970, by their size.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _from_epoch(float(value))
    if not isinstance(value, str) or len(value) > 100:
        return None
    text = value.strip()
    try:
        if text.lstrip("-").replace(".", "", 1).isdecimal() and not _is_compact_date(text):
            return _from_epoch(float(text))
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return at.astimezone(UTC) if at.tzinfo and 1 < at.year < 9999 else at.replace(tzinfo=UTC)


def _is_compact_date(digits: str) -> bool:
    """Return whether eight digits are a date such as 20260131."""
    try:
        return len(digits) == 8 and date.fromisoformat(digits) is not None
    except ValueError:
        return False


def _from_epoch(number: float) -> datetime | None:
    divisor = next((unit for least, unit in _EPOCH_UNITS if abs(number) >= least), 1)
    seconds = number / divisor
    if not _EPOCH_S_MIN <= seconds <= _EPOCH_S_MAX:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _text(value: Any) -> str:
    """Return the text of a scalar, of a list with commas between; empty for anything else."""
    if isinstance(value, str):
        return value[:TEXT_LENGTH_MAX]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if isinstance(value, list):
        return ", ".join(filter(None, map(_text, value[:_PARTS_MAX])))[:TEXT_LENGTH_MAX]
    return ""
