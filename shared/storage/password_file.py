"""Generates the password of a PostgreSQL server that runs beside Baton, so that nobody has to set one.

`python -m shared.storage.password_file FOLDER HOST:PORT:DATABASE:USER` writes two files, unless they are
there: `password` for the server (`POSTGRES_PASSWORD_FILE`; readable by the folder's group) and `pgpass` for
its clients (`PGPASSFILE`; readable by its owner alone, as clients require).
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable
from pathlib import Path

from shared.atomic_file import replace_atomically

SERVER_FILE = "password"
CLIENT_FILE = "pgpass"

_PASSWORD_BYTES = 32


def ensure(folder: Path, server_name: str, random: Callable[[int], bytes]) -> None:
    """Write what is missing. `server_name` is `HOST:PORT:DATABASE:USER`; `random` returns unguessable bytes.

    An existing password is kept: the server stored it in its data when it first started.
    """
    server, client = folder / SERVER_FILE, folder / CLIENT_FILE
    if not server.exists():
        # URL-safe, so that nothing in it needs escaping in a pgpass file.
        made = base64.urlsafe_b64encode(random(_PASSWORD_BYTES)).rstrip(b"=").decode()
        replace_atomically(server, made, mode=0o440)
    line = f"{server_name}:{server.read_text(encoding='ascii')}\n"
    if not client.exists() or client.read_text(encoding="utf-8") != line:
        replace_atomically(client, line, mode=0o600)


if __name__ == "__main__":
    ensure(Path(sys.argv[1]), sys.argv[2], os.urandom)
