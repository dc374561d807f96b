"""Baton's two secrets, from the environment or from `secrets.env` in the data directory.

The environment takes precedence. `baton up` and `baton migrate` generate missing secrets; `baton serve`
raises `SettingsError` instead.
"""

from __future__ import annotations

import base64
import fcntl
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.atomic_file import replace_atomically
from shared.private_files import make_private_folder
from shared.settings import SettingsError

FILE = "secrets.env"
ADMIN_KEY = "BATON_ADMIN_KEY"
SECRET_KEY = "BATON_SECRET_KEY"  # noqa: S105 - the name of the variable

_NAMES = (ADMIN_KEY, SECRET_KEY)
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Secrets:
    """The key of the administrator and the key of keyed hashes and stored secrets."""

    admin_key: str = field(repr=False)
    secret_key: str = field(repr=False)

    def as_environ(self) -> dict[str, str]:
        """Return the variables that carry them, to be laid over an environment before it is loaded."""
        return {ADMIN_KEY: self.admin_key, SECRET_KEY: self.secret_key}


def ensure(data_dir: Path, environ: Mapping[str, str], random: Callable[[int], bytes]) -> Secrets:
    """Return both secrets; those that neither the environment nor the file has are generated.

    `random` returns that many unguessable bytes (`os.urandom`). Of several processes that start at once, one
    generates them and the others read them.
    """
    make_private_folder(data_dir)
    directory = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)  # the lock ends with the descriptor, also in a crash
        stored = read(data_dir)
        available = _available(stored, environ)
        made = {
            name: base64.urlsafe_b64encode(random(_KEY_BYTES)).rstrip(b"=").decode()
            for name in _NAMES
            if name not in available
        }
        if made:
            lines = (f"{name}={value}\n" for name, value in (stored | made).items())
            replace_atomically(data_dir / FILE, "".join(lines), mode=0o600)
    finally:
        os.close(directory)
    return _secrets(available | made)


def require(data_dir: Path, environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the named secrets as variables. Raises `SettingsError` with the names of the missing ones."""
    available = _available(read(data_dir), environ)
    missing = [name for name in names if name not in available]
    if missing:
        raise SettingsError(
            tuple(f"{name} is not set, and {data_dir / FILE} does not have it" for name in missing)
        )
    return {name: available[name] for name in names}


def share_secret_key(data_dir: Path, folder: Path) -> None:
    """Write the secret key of `data_dir`, and not the administrator's, to `secrets.env` in another folder.

    For roles that do not serve the API. A key that is in the environment is in no file.
    """
    stored = read(data_dir).get(SECRET_KEY)
    if stored is not None and read(folder) != {SECRET_KEY: stored}:
        make_private_folder(folder)
        replace_atomically(folder / FILE, f"{SECRET_KEY}={stored}\n", mode=0o600)


def read(data_dir: Path) -> dict[str, str]:
    """Return the variables in the file; none when there is no file."""
    try:
        text = (data_dir / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as unreadable:
        raise SettingsError((f"{data_dir / FILE} cannot be read: {unreadable}",)) from unreadable
    lines = (line.strip().partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name: value for name, equals, value in lines if equals and value}


def _available(stored: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name in _NAMES if (value := environ.get(name) or stored.get(name))}


def _secrets(available: Mapping[str, str]) -> Secrets:
    return Secrets(admin_key=available[ADMIN_KEY], secret_key=available[SECRET_KEY])
