"""Text of strangers within Markdown: read as it was written, and without any markup, link or mention. Pure.

Backslashes would do in CommonMark, but Slack and most CRMs show them. So what CommonMark or Slack read as
markup is replaced by a character that looks alike, and a zero-width space breaks what a renderer would make
a link, a mention, an emoji or an entity of. Ordinary text has neither and stays as it is.
"""

from __future__ import annotations

import re
from typing import Final

from shared.shortened import shortened

_LENGTH_MAX: Final = 300
_BREAK: Final = "\u200b"
LOOK_ALIKES: Final = {
    "*": "\N{ASTERISK OPERATOR}",
    "_": "\N{MODIFIER LETTER LOW MACRON}",
    "`": "\N{MODIFIER LETTER GRAVE ACCENT}",
    "~": "\N{TILDE OPERATOR}",
    "<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}",
    ">": "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
    "\\": "\N{SET MINUS}",
}
"""What stands for a character that would be markup."""
# Each alternative matches one character, one of `_SUSPECT`: a class is found many times faster than these.
_SPECIAL = re.compile(
    r"""
    [*`~<>\\]
    | _(?!(?<=[^\W_]_)[^\W_])                                 # not within a word, like in first_name
    | [\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069]    # control, and direction
    | &(?=\#?\w{1,40};)                                       # entity
    | \](?=[(\[:])                                            # link, or definition of one
    | @(?=\w)                                                 # mention, e-mail address
    | /(?=/)                                                  # URL
    | :(?:(?<=[A-Za-z]:)(?=\S)|(?=[A-Za-z+_-][\w+-]{0,60}:))     # scheme, emoji
    | \.(?:(?<=[Ww]{3}\.)|(?<=\w\.)(?=(?!(?i:example|test|invalid|local)\b)[^\W\d_]{2}))    # host name
    """,
    re.VERBOSE,
)
_SUSPECT = re.compile(
    r"[*`~<>\\_&\]@/:.\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_WRITTEN: Final = str.maketrans({**{alike: char for char, alike in LOOK_ALIKES.items()}, _BREAK: None})


def literal_text(text: str, length_max: int = _LENGTH_MAX) -> str:
    """Return a text as one line of at most `length_max` characters that is shown as it was written.

    It must not begin a line, where it could begin a list, a heading or a quotation; see `literal_line`.
    """
    return _SUSPECT.sub(_harmless, shortened(" ".join(text.split()), length_max))


def literal_line(text: str) -> str:
    """Return a text as `literal_text` does, and so that it may begin a line or an item of a list."""
    line = literal_text(text)
    return line if line[:1].isalpha() else _BREAK + line


def written_text(line: str) -> str:
    """Return a line of Markdown with its literal texts as they were written, to be searched."""
    return line.translate(_WRITTEN)


def code_text(text: str) -> str:
    """Return a text as Markdown code: it can be copied, and no renderer makes a link of it."""
    shown = _HIDDEN.sub("", shortened(" ".join(text.split()), _LENGTH_MAX))
    line = written_text(shown).replace("`", LOOK_ALIKES["`"])
    return f"`{line}`" if line else ""


def _harmless(found: re.Match[str]) -> str:
    char = found[0]
    if _SPECIAL.match(found.string, found.start()) is None:
        return char
    if char < " " or char > "~":
        return ""
    # A host may end or begin with a zero-width space, but no part of one is between two.
    return LOOK_ALIKES.get(char) or (f"{_BREAK}.{_BREAK}" if char == "." else char + _BREAK)
