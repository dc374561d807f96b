"""Multipart forms: names and values of the fields, and the names of the files, which are not kept. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from services.gateway.domain.urlencoded import Pair, decoded_pairs
from shared.errors import Reject

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FILES_MAX: Final = 20
_BOUNDARY_LENGTH_MAX: Final = 256


class MultipartForm(Struct, frozen=True):
    """The fields of a form in their order, and what its files are: `(field, file name)`."""

    fields: list[tuple[str, str]]
    files: list[tuple[str, str]]


def read_multipart(raw: bytes, content_type: str, fields_max: int) -> MultipartForm:
    """Return the fields of a multipart body. Raises `Reject` (400)."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= _BOUNDARY_LENGTH_MAX:
        raise _malformed("The Content-Type names no boundary")
    parts = _Parts(fields_max)
    try:
        parser = MultipartParser(boundary, parts.callbacks())
        parser.write(raw)
        parser.finalize()
    except FormParserError as error:
        raise _malformed(str(error)) from error
    charset = options.get(b"charset", b"").decode("ascii", "replace")
    files = decoded_pairs(parts.files, charset)
    return MultipartForm(decoded_pairs(parts.fields, charset), files)


class _Parts:
    """Collects the parts that the parser finds."""

    def __init__(self, fields_max: int) -> None:
        self.fields: list[Pair] = []
        self.files: list[Pair] = []
        self._fields_max = fields_max
        self._header = b""
        self._headers: dict[bytes, bytes] = {}
        self._value = bytearray()
        self._data: list[bytes] = []
        self._disposition: dict[bytes, bytes] = {}

    def callbacks(self) -> MultipartCallbacks:
        """Return what the parser calls."""
        return {
            "on_part_begin": self.begin_part,
            "on_header_field": lambda data, start, end: self.extend_header(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self.end_header,
            "on_headers_finished": self.end_headers,
            "on_part_data": self.extend_data,
            "on_part_end": self.end_part,
        }

    def begin_part(self) -> None:
        self._headers, self._data = {}, []

    def extend_header(self, data: bytes) -> None:
        self._header += data

    def end_header(self) -> None:
        self._headers[self._header.lower()] = bytes(self._value)
        self._header, self._value = b"", bytearray()

    def end_headers(self) -> None:
        _, self._disposition = parse_options_header(self._headers.get(b"content-disposition", b""))

    def extend_data(self, data: bytes, start: int, end: int) -> None:
        if b"filename" not in self._disposition:
            self._data.append(data[start:end])

    def end_part(self) -> None:
        name = self._disposition.get(b"name")
        if name is None:
            raise _malformed("A part has no name")
        file = self._disposition.get(b"filename")
        if file is not None:
            self.files.append((name, file))
        else:
            self.fields.append((name, b"".join(self._data)))
        if len(self.fields) > self._fields_max or len(self.files) > FILES_MAX:
            raise _malformed(f"{self._fields_max} fields and {FILES_MAX} files are allowed")


def _malformed(detail: str) -> Reject:
    return Reject(400, "malformed-form", "The body is not a form", detail)
