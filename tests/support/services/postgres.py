"""One PostgreSQL server for tests, durable as in production (fsync stays on)."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import signal
import tempfile
import uuid
from pathlib import Path

import asyncpg
from sqlalchemy.engine import URL, make_url

from tests.support.services.debian import ServiceUnavailable, install, run
from tests.support.services.ports import free_port
from tests.support.services.server import Server

_BINARIES = Path("/usr/lib/postgresql")


class Postgres:
    """A server that somebody runs; `url` names a database in which others may be created."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+asyncpg")

    def url(self, database: str) -> str:
        """Return SQLAlchemy's URL of a database."""
        return self._url.set(database=database).render_as_string(hide_password=False)

    async def create_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"baton_{uuid.uuid4().hex[:12]}"
        await self._execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    async def drop_database(self, url: str) -> None:
        """Drop a database that `create_database` made, whoever is still connected."""
        await self._execute(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')

    async def _execute(self, statement: str) -> None:
        dsn = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(dsn, timeout=120)
        try:
            await connection.execute(statement, timeout=300)
        finally:
            await connection.close()


class PostgresServer(Postgres):
    """A server of our own; after `stop` or `kill`, `start` opens the same data on the same port.

    `options` are added to its command line.
    """

    def __init__(self, *options: str) -> None:
        binaries = _binaries()
        # It refuses to run as root.
        user = "postgres" if os.geteuid() == 0 else None
        port = free_port()
        super().__init__(_url(port))
        self._folder = Path(tempfile.mkdtemp(prefix="baton-postgres-"))
        if user:
            account = pwd.getpwnam(user)
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        data = self._folder / "data"
        _initialise(binaries, data, user)
        listen = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-p", str(port)]
        self._server = Server(
            [str(binaries / "postgres"), "-D", str(data), *listen, "-c", "max_connections=200", *options],
            log=self._folder / "server.log",
            ready_line="database system is ready to accept connections",
            start_timeout_s=300,
            stop_signal=signal.SIGINT,  # "fast": it does not wait for clients to leave
            user=user,
        )

    @property
    def running(self) -> bool:
        return self._server.running

    def start(self) -> None:
        """Start the server and return when it serves."""
        self._server.start()

    def stop(self) -> None:
        """End the server in good order."""
        self._server.stop()

    def kill(self) -> None:
        """End the server and every backend by SIGKILL."""
        self._server.kill()

    def remove(self) -> None:
        """Stop the server and delete its data."""
        self._server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _url(port: int) -> str:
    url = URL.create("postgresql", username="postgres", host="127.0.0.1", port=port, database="postgres")
    return url.render_as_string()


def _initialise(binaries: Path, data: Path, user: str | None) -> None:
    command = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust"]
    run([*command, "-E", "UTF8", "--locale=C.UTF-8"], timeout_s=300, user=user, cwd=data.parent)


def _binaries() -> Path:
    """Return the folder of the newest installed version's programs."""
    found = _installed()
    if not found:
        install("postgresql")
        found = _installed()
    if not found:
        raise ServiceUnavailable(f"PostgreSQL's programs are not under {_BINARIES} ({getpass.getuser()})")
    return found[-1]


def _installed() -> list[Path]:
    folders = (program.parent for program in _BINARIES.glob("*/bin/postgres"))
    return sorted(folders, key=lambda folder: int(folder.parent.name))
