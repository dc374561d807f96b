"""Text from strangers, fit for an operator's terminal. Pure.

A terminal obeys control sequences wherever they come from: they move the cursor, recolour or hide text, set
the title, write to the clipboard. Directional overrides make text read otherwise than it is.
"""

from __future__ import annotations

import re
from typing import Final

# C0 but tab and line feed, DEL and C1; bidirectional marks, embeddings, overrides and isolates; line and
# paragraph separators; surrogates; interlinear annotation; invisible tags.
_CONTROL: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufff9-\ufffb"
    "\U000e0000-\U000e007f"
)
_UNPRINTABLE: Final = re.compile(f"[{_CONTROL}]")
_UNPRINTABLE_IN_LINE: Final = re.compile(f"[{_CONTROL}\t\n]")


def printable(text: str) -> str:
    """Return a text whose control characters are written as escapes; tabs and line feeds stay."""
    return _UNPRINTABLE.sub(_python_escape, text)


def printable_line(text: str) -> str:
    """Return a text as one line: as `printable`, and tabs and line feeds are escapes too."""
    return _UNPRINTABLE_IN_LINE.sub(_python_escape, text)


def printable_json(json: str) -> str:
    """Return JSON that means the same and has no control character: within strings they are escaped."""
    return _UNPRINTABLE.sub(_json_escape, json)


def _python_escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode("ascii")


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
