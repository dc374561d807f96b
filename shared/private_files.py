"""Folders and files that only their owner may read: they hold personal data and secrets.

Neither the umask of the process nor the mode of the folder around them matters.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700

# SQLite creates them with the mode of the database; those of an earlier version are changed here.
_SQLITE_SUFFIXES: Final = ("", "-wal", "-shm", "-journal")


def make_private_folder(folder: Path) -> None:
    """Create a folder for its owner alone, or take an existing one of ours from everybody else.

    A folder of somebody else, or one that is shared by design (with the sticky bit, as /tmp), stays as it is.
    """
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_uid == os.geteuid() and not found.st_mode & stat.S_ISVTX:
        folder.chmod(FOLDER_MODE)


def make_private_database(file: Path) -> None:
    """Create the file of an SQLite database for its owner alone, unless its folder is missing.

    Files that are there already, the database's own and those beside it, are taken from everybody else.
    """
    if not file.parent.is_dir():
        return  # SQLite reports it
    # A file that is there is not opened: closing it would end the locks that SQLite holds on it in this
    # process (POSIX), and another process that closes the database would remove the log that is in use here.
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
    for suffix in _SQLITE_SUFFIXES:
        beside = file.with_name(file.name + suffix)
        with suppress(FileNotFoundError):
            found = beside.stat()
            if stat.S_IMODE(found.st_mode) != FILE_MODE and found.st_uid == os.geteuid():
                beside.chmod(FILE_MODE)
