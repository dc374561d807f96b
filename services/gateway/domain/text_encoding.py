"""Lines of a text file in whatever encoding it was written. Pure.

A byte order mark says the encoding. Else UTF-16 shows by its NUL bytes, and each line that is valid UTF-8 is
UTF-8: a line in another encoding does not spoil the rest. For those lines one 8-bit or East Asian encoding is
guessed from a sample. Windows-1252 wins where it is plausible: it is what Excel writes in Western Europe and
America, and short texts give a detector little to go by.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from io import TextIOWrapper
from typing import BinaryIO, Final

from charset_normalizer import from_bytes

LINE_LENGTH_MAX: Final = 1024 * 1024
"""A longer line is cut into lines, so that a file without line ends takes no more memory than this."""

_SAMPLE_BYTES: Final = 64 * 1024
_SCANNED_BYTES: Final = 64 * 1024 * 1024
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WESTERN: Final = "cp1252"
_OTHERS: Final = ("cp1250", "cp1251", "shift_jis", "gb18030", "mac_roman")
_PLAUSIBLE: Final = 0.1
"""The measure of disorder below which Windows-1252 is believed; for other texts it is 0.2 and more."""


def text_lines(file: BinaryIO, encoding: str | None = None) -> Iterator[str]:
    """Yield the lines of a file with their line ends, from its beginning. `encoding` overrides the guess.

    What cannot be decoded becomes U+FFFD. Raises `LookupError` for an unknown encoding.
    """
    encoding = encoding or marked_encoding(file)
    if encoding is not None:
        yield from _lines(TextIOWrapper(file, encoding, errors="replace", newline=""))
        return
    fallback = _WESTERN
    sample = _sample(file)
    if sample:
        fallback = guessed_encoding(sample)
    # Latin-1 maps bytes to characters one by one, so that the lines are split before they are decoded.
    for line in _lines(TextIOWrapper(file, "latin-1", newline="")):
        raw = line.encode("latin-1")
        try:
            yield raw.decode()
        except UnicodeDecodeError:
            yield raw.decode(fallback, "replace")


def marked_encoding(file: BinaryIO) -> str | None:
    """Return the encoding that a byte order mark or NUL bytes show, None when neither does."""
    begin = file.read(512)
    file.seek(0)
    for mark, encoding in _BYTE_ORDER_MARKS:
        if begin.startswith(mark):
            return encoding
    for place, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        nuls = begin[place::2].count(0)
        if nuls > 4 and nuls > len(begin) // 4:
            return encoding
    return None


def guessed_encoding(sample: bytes) -> str:
    """Return the encoding that a sample of text, which is not UTF-8, was most probably written in."""
    disorder: dict[str, float] = {}
    for name in (_WESTERN, *_OTHERS):
        found = from_bytes(
            sample, cp_isolation=[name], threshold=1.0, preemptive_behaviour=False, enable_fallback=False
        ).best()
        # It may name another encoding, in which the sample looks the same, or none that can decode it.
        disorder[name] = 2.0 if found is None or found.encoding != name else found.chaos
    if disorder[_WESTERN] < _PLAUSIBLE:
        return _WESTERN
    return min(disorder, key=lambda name: disorder[name])


def _sample(file: BinaryIO) -> bytes:
    """Return lines of the file that are not UTF-8, as far as the scan goes, and rewind the file."""
    sample = bytearray()
    scanned = 0
    while len(sample) < _SAMPLE_BYTES and scanned < _SCANNED_BYTES and (line := file.readline(_SAMPLE_BYTES)):
        scanned += len(line)
        try:
            line.decode()
        except UnicodeDecodeError:
            sample += line
    file.seek(0)
    return bytes(sample)


def _lines(text: TextIOWrapper) -> Iterator[str]:
    try:
        while line := text.readline(LINE_LENGTH_MAX):
            yield line
    finally:
        text.detach()  # the file belongs to the caller
