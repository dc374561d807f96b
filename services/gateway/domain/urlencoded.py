"""Urlencoded forms in whatever character set the page had. Pure.

Pages of today send UTF-8. Old ones send the character set of the page, which the Content-Type or a field
`_charset_` may name; where nothing does, bytes that are no UTF-8 are windows-1252, as browsers take them.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

_CHARSET_FIELD: Final = b"_charset_"
FALLBACK: Final = "windows-1252"
_NAME_LENGTH_MAX: Final = 200
"""Longer names are decoded each time, so that nobody can fill the memory with them."""

# Python has more codecs than these; some of them are no character sets, and some take long.
_CHARSETS = re.compile(
    r"utf-?8|(?:us-?)?ascii|latin-?[1-9]|iso-?8859-?\d{1,2}|(?:windows|cp)-?(?:125\d|874|1252)|koi8-?[ru]"
    r"|mac-?roman|shift-?jis|sjis|euc-?(?:jp|kr)|iso-?2022-?jp|gb(?:k|2312|18030)|big5",
    re.IGNORECASE,
)
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]{1,40})", re.IGNORECASE)
_WESTERN: Final = frozenset({"ascii", "iso8859-1", "latin_1"})

Pair = tuple[bytes, bytes]


def read_urlencoded(raw: bytes, content_type: str, fields_max: int) -> list[tuple[str, str]] | None:
    """Return names and values of an urlencoded body, None when there are more than `fields_max`.

    A form that a page sends as text/plain (`enctype=text/plain`) has a line for each field instead.
    """
    raw = raw.removeprefix(codecs.BOM_UTF8)
    lines = raw.strip().splitlines() if content_type.lower().startswith("text/plain") else []
    is_lines = len(lines) > 1 and all(b"=" in line for line in lines) and b"&" not in raw and b"%" not in raw
    if is_lines:
        pairs = [(name, value) for line in lines for name, _, value in [line.partition(b"=")]]
    else:
        parts = raw.replace(b"+", b" ").split(b"&", fields_max) if raw else []
        pairs = [
            (
                decoded_name(name) if len(name) <= _NAME_LENGTH_MAX else unquote_to_bytes(name),
                unquote_to_bytes(value) if b"%" in value else value,
            )
            for part in parts
            if part.strip()
            for name, _, value in [part.partition(b"=")]
        ]
    if len(pairs) > fields_max:
        return None
    charset = _CHARSET.search(content_type)
    return decoded_pairs(pairs, charset[1] if charset else "")


@lru_cache(maxsize=4096)
def decoded_name(name: bytes) -> bytes:
    """Return the percent-decoded name of a field: a form sends the same names each time."""
    return unquote_to_bytes(name)


def decoded_pairs(pairs: list[Pair], charset: str) -> list[tuple[str, str]]:
    """Return names and values as text, without the field that names the character set.

    `charset` is that of the Content-Type, "" when it has none.
    """
    named = next((value for name, value in pairs if name == _CHARSET_FIELD), None)
    fields = pairs if named is None else [pair for pair in pairs if pair[0] != _CHARSET_FIELD]
    for candidate in (charset, (named or b"").decode("ascii", "replace"), "utf-8"):
        codec = codec_of(candidate)
        if codec is None:
            continue
        try:
            return [(name.decode(codec), value.decode(codec)) for name, value in fields]
        except UnicodeDecodeError:
            continue
    return [(name.decode(FALLBACK, "replace"), value.decode(FALLBACK, "replace")) for name, value in fields]


def codec_of(charset: str) -> str | None:
    """Return Python's codec for a character set, None for one that forms do not have.

    What calls itself ASCII or latin-1 is windows-1252 on the web, which has more letters.
    """
    name = charset.strip().strip("\"'").replace("_", "-")
    if not _CHARSETS.fullmatch(name):
        return None
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        return None
    return FALLBACK if codec in _WESTERN else codec
