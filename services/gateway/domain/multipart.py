"""Multipart forms: names and values of the fields, and the names of the files, which are not kept. Pure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from services.gateway.domain.urlencoded import Pair, decoded_pairs
from shared.errors import Reject

FILES_MAX: Final = 20
_BOUNDARY_LENGTH_MAX: Final = 256
_AS_BYTES: Final = "latin-1"
"""Names are decoded in this character set and encoded again: what they are in is known only at the end."""


class MultipartForm(Struct, frozen=True):
    """The fields of a form in their order, and what its files are: `(field, file name)`."""

    fields: list[tuple[str, str]]
    files: list[tuple[str, str]]


def read_multipart(raw: bytes, content_type: str, fields_max: int) -> MultipartForm:
    """Return the fields of a multipart body. Raises `Reject` (400)."""
    _, options = parse_options_header(content_type)  # type: ignore[no-untyped-call]
    boundary = options.get("boundary", "")
    if not 0 < len(boundary) <= _BOUNDARY_LENGTH_MAX:
        raise _malformed("The Content-Type names no boundary")
    fields: list[Pair] = []
    files: list[Pair] = []
    try:
        with PushMultipartParser(boundary, header_charset=_AS_BYTES) as parser:
            value = b""
            segment: MultipartSegment | None = None
            for event in parser.parse(raw):
                if isinstance(event, MultipartSegment):
                    segment, value = event, b""
                elif event is not None:
                    value = event  # the body is parsed as a whole, so a value comes in one piece
                elif segment is not None:
                    name = (segment.name or "").encode(_AS_BYTES)
                    if segment.filename is None:
                        fields.append((name, bytes(value)))
                    else:
                        files.append((name, segment.filename.encode(_AS_BYTES)))
                    if len(fields) > fields_max or len(files) > FILES_MAX:
                        raise _malformed(f"{fields_max} fields and {FILES_MAX} files are allowed")
    except (MultipartError, UnicodeEncodeError) as error:
        raise _malformed(str(error)) from error
    charset = options.get("charset", "")
    return MultipartForm(decoded_pairs(fields, charset), decoded_pairs(files, charset))


def _malformed(detail: str) -> Reject:
    return Reject(400, "malformed-form", "The body is not a form", detail)
