"""Errors of reading a file."""

from __future__ import annotations

from shared.errors import BatonError


class FileUnreadable(BatonError):
    """The file does not exist, is of no format that can be read, or has nothing in it."""
