"""The answers (404) for ids and names that do not exist: what was looked for, and which list has the ids."""

from __future__ import annotations

from shared.errors import Reject

_QUOTED_LENGTH_MAX = 100


def not_found(kind: str, noun: str, name: str, listed: str, *, key: str = "id") -> Reject:
    """Return the rejection of a name or an id under which there is no `noun`.

    `listed` is the request whose answer lists those that exist.
    """
    detail = f"No {noun} has the {key} {name[:_QUOTED_LENGTH_MAX]!r}; {listed} lists those that exist"
    return Reject(404, f"unknown-{kind}", f"There is no such {noun}", detail)


def lead_not_found() -> Reject:
    """Return the rejection of a page's lead."""
    detail = "It may have been erased, or is not recorded yet"
    return Reject(404, "unknown-lead", "There is no such lead", detail)
