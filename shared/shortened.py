"""Long texts where there is room for a part of them only. Pure."""

from __future__ import annotations


def shortened(text: str, length_max: int) -> str:
    """Return a text of at most `length_max` characters, the last one of which is “…” where it was longer."""
    return text if len(text) <= length_max else f"{text[: length_max - 1].rstrip()}…"
