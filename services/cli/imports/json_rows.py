"""Objects in a JSON file: one in each line (JSON lines), or one array of them, read one by one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

import msgspec
from msgspec import Struct

from services.gateway.domain.csv_table import UnreadableRow
from services.gateway.domain.text_encoding import text_lines

_OBJECT_LENGTH_MAX: Final = 2 * 1024 * 1024
_NO_OBJECT: Final = "this is not an object"
_BETWEEN_ITEMS: Final = re.compile(r"[\s,]*")


class JsonRow(Struct, frozen=True):
    """One object of a file. `line` is the line in which it begins, counted from 1."""

    line: int
    body: Mapping[str, Any]


def json_rows(file: BinaryIO, encoding: str | None) -> Iterator[JsonRow | UnreadableRow]:
    """Yield the objects of a file: of an array in any layout, or one of each line, which stands by itself."""
    lines = (line.removeprefix("\ufeff") for line in text_lines(file, encoding))
    first = next((line for line in text_lines(file, encoding) if line.strip("\ufeff \t\r\n")), "")
    file.seek(0)
    begin = first.removeprefix("\ufeff").strip()
    yield from array_items(lines) if begin.startswith("[") or begin == "{" else json_lines(lines)


def json_lines(lines: Iterator[str]) -> Iterator[JsonRow | UnreadableRow]:
    """Yield the object of each line that is not blank."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                value = msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                yield UnreadableRow(number, f"this is not JSON: {error}")
            else:
                yield JsonRow(number, value) if isinstance(value, dict) else UnreadableRow(number, _NO_OBJECT)


def array_items(lines: Iterator[str]) -> Iterator[JsonRow | UnreadableRow]:
    """Yield the items of an array. One that is not JSON ends the reading: nobody knows where it ends."""
    decode = json.JSONDecoder().raw_decode
    text, line, is_inside, problem = "", 1, False, ""
    for more in lines:
        text += more
        at = 0
        while True:
            found = _BETWEEN_ITEMS.match(text, at)
            begin = found.end() if found else at
            line += text.count("\n", at, begin)
            at = begin
            if not is_inside and text[at : at + 1] == "[":
                at, is_inside = at + 1, True
                continue
            if text[at : at + 1] in {"", "]"}:
                break
            try:
                value, end = decode(text, at)
            except (ValueError, RecursionError) as error:
                problem = str(error)  # perhaps it goes on in the next line
                break
            yield JsonRow(line, value) if isinstance(value, dict) else UnreadableRow(line, _NO_OBJECT)
            line += text.count("\n", at, end)
            at = end
        text = text[at:]
        if len(text) > _OBJECT_LENGTH_MAX:
            yield UnreadableRow(line, "this object is too long, or is not JSON; what follows was not read")
            return
    if text.strip(" \t\r\n,]"):
        yield UnreadableRow(line, f"this is not JSON: {problem}; what follows was not read")
