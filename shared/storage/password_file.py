"""Generates the password of a PostgreSQL server that runs beside Baton, so that nobody has to set one.

`python -m shared.storage.password_file FOLDER HOST:PORT:DATABASE:USER` writes two files, unless they are
there: `password` for the server (`POSTGRES_PASSWORD_FILE`; readable by the folder's group) and `pgpass` for
its clients (`PGPASSFILE`; readable by its owner, as clients insist).
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable
from pathlib import Path

SERVER_FILE = "password"
CLIENT_FILE = "pgpass"

_PASSWORD_BYTES = 32


def ensure(folder: Path, server_name: str, random: Callable[[int], bytes]) -> None:
    """Write what is missing. `server_name` is `HOST:PORT:DATABASE:USER`; `random` gives unguessable bytes.

    An existing password is kept: the server stored it in its data when it first started.
    """
    server, client = folder / SERVER_FILE, folder / CLIENT_FILE
    if not server.exists():
        # URL-safe, so that nothing in it needs escaping in a pgpass file.
        made = base64.urlsafe_b64encode(random(_PASSWORD_BYTES)).rstrip(b"=").decode()
        _write(server, made, mode=0o440)
    line = f"{server_name}:{server.read_text(encoding='ascii')}\n"
    if not client.exists() or client.read_text(encoding="utf-8") != line:
        _write(client, line, mode=0o600)


def _write(file: Path, text: str, *, mode: int) -> None:
    """Write the file atomically: after a crash it is the old one or the new one."""
    partial = file.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(
        os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as out:
        os.fchmod(out.fileno(), mode)  # whatever the umask is
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    partial.rename(file)


if __name__ == "__main__":
    ensure(Path(sys.argv[1]), sys.argv[2], os.urandom)
