"""Replaces a small file atomically: after a crash it is the old one or the new one, never a part of it."""

from __future__ import annotations

import os
from pathlib import Path


def replace_atomically(file: Path, text: str, *, mode: int) -> None:
    """Write `text` to `file` with exactly these permissions, whatever the umask is.

    The text is on disk before it takes the place of the old file, and the new name before this returns.
    """
    partial = file.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    # Created unreadable for others: a secret must not be readable before its mode is set.
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        os.fchmod(out.fileno(), mode)
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    partial.rename(file)
    directory = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
