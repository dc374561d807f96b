"""A brief as Slack shows it, for a terminal."""

from __future__ import annotations

import re
from typing import Final

from rich.text import Text

_STYLES: Final = {"*": "bold", "`": "magenta"}
_STYLED = re.compile(r"\*([^*\n]+)\*|`([^`\n]+)`|(https://\S+)")


def slack_text(markdown: str) -> Text:
    """Return Markdown of a brief with its emphases, code and links as styles, and a bar before quotations."""
    shown = Text()
    for line in markdown.splitlines():
        quoted = line.startswith("> ")
        shown.append("▎ " if quoted else "", style="dim")
        at, text = 0, line.removeprefix("> ")
        for found in _STYLED.finditer(text):
            shown.append(text[at : found.start()])
            shown.append(found[1] or found[2] or found[3], style=_STYLES.get(found[0][0], "underline"))
            at = found.end()
        shown.append(f"{text[at:]}\n")
    shown.rstrip()
    return shown
