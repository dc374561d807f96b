"""Baton as processes, on either topology, as a test meets it: a URL, a key, and roles that can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from shared import secrets_file
from tests.support.services.ports import free_port

ROLES = ("gateway", "enricher", "scorer", "router", "ledger", "provider-stubs")
_READY_S = 300.0


class RoleProcess:
    """One `baton` process; it may be killed and started again with the same environment."""

    def __init__(
        self, name: str, command: list[str], environ: Mapping[str, str], ready_url: str, log: Path
    ) -> None:
        self.name = name
        self._command = command
        self._environ = dict(environ)
        self.ready_url = ready_url
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, extra: Mapping[str, str] | None = None) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.cli", *self._command],
                env={**self._environ, **(extra or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def await_ready(self, within_s: float = _READY_S) -> None:
        """Return when `/readyz` says so; fail with the log when the process ends or time is up."""
        deadline = time.monotonic() + within_s
        said = ""
        while time.monotonic() < deadline:
            if not self.running:
                break
            try:
                answer = httpx.get(self.ready_url, timeout=10)
                said = answer.text
                if answer.status_code == 200:
                    return
            except httpx.HTTPError as error:
                said = str(error)
            time.sleep(0.05)
        raise AssertionError(f"{self.name} is not ready: {said}\n{self.log_tail()}")

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(60)

    def stop(self, within_s: float = 120) -> int:
        """Ask it to finish; return its exit code."""
        assert self._process is not None
        if self.running:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop\n{self.log_tail()}") from None

    def wait(self, within_s: float) -> int:
        """Wait until it ends by itself; return its exit code."""
        assert self._process is not None
        return self._process.wait(within_s)

    def log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-6000:] if self._log.exists() else ""


class Topology:
    """Every role, on one database and one stream. With `stream_url=embedded:` all are one process."""

    def __init__(
        self,
        folder: Path,
        *,
        stream_url: str = "embedded:",
        database_url: str = "",
        prefix: str = "baton",
        copies: int = 1,
        demo: bool = False,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.secrets = secrets_file.ensure(self.data_dir, {}, os.urandom)
        self.http_port, self.stubs_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.embedded = stream_url == "embedded:"
        self.prefix = prefix
        self.database_url = database_url or f"sqlite+aiosqlite:///{self.data_dir / 'tables.db'}"
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BATON_")},
            "BATON_DATA_DIR": str(self.data_dir),
            "BATON_HTTP_PORT": str(self.http_port),
            "BATON_STUBS_PORT": str(self.stubs_port),
            "BATON_PROVIDERS_URL": f"http://127.0.0.1:{self.stubs_port}",
            "BATON_EGRESS_ALLOW": "127.0.0.0/8",
            "BATON_PROVIDERS_ALLOW": "127.0.0.0/8",
            "BATON_STREAM_URL": stream_url,
            "BATON_TOPIC_PREFIX": prefix,
            "BATON_LOG_LEVEL": "info",
            **({"BATON_DATABASE_URL": database_url} if database_url else {}),
            **(extra or {}),
        }
        self.processes: list[RoleProcess] = []
        if self.embedded:
            self.processes.append(
                self._process("baton", ["up", *(["--demo"] if demo else [])], f"{self.url}/readyz", {})
            )
            return
        for role in ROLES:
            for copy in range(1 if role in ("gateway", "provider-stubs") else copies):
                ops = free_port()
                ready = f"http://127.0.0.1:{ops}/readyz"
                name = f"{role}-{copy}"
                self.processes.append(
                    self._process(name, ["serve", role], ready, {"BATON_OPS_PORT": str(ops)})
                )

    def start(self) -> None:
        """Start every process and return when all are ready."""
        if not self.embedded:
            migrated = subprocess.run(
                [sys.executable, "-m", "services.cli", "migrate"],
                env=self.environ,
                capture_output=True,
                check=False,
            )
            assert migrated.returncode == 0, migrated.stderr.decode()
        for process in self.processes:
            process.start()
        for process in self.processes:
            process.await_ready()

    def topic(self, name: str) -> str:
        """Return the name that a topic of the manifest has on the broker."""
        return f"{self.prefix}.{name}"

    def named(self, role: str) -> list[RoleProcess]:
        return [process for process in self.processes if process.name.startswith(role)]

    def client(self) -> httpx.Client:
        """Return an HTTP client with the administrator's key."""
        headers = {"authorization": f"Bearer {self.secrets.admin_key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=120)

    def stop(self) -> list[int]:
        """Stop every process in good order; return their exit codes."""
        return [process.stop() for process in self.processes if process.running]

    def log_tails(self) -> str:
        """Return the last lines of every process, for the message of a test that fails."""
        return "\n".join(f"--- {process.name}\n{process.log_tail()[-1500:]}" for process in self.processes)

    def remove(self) -> None:
        """End whatever still runs."""
        for process in self.processes:
            if process.running:
                process.kill()

    def _process(self, name: str, command: list[str], ready: str, extra: Mapping[str, str]) -> RoleProcess:
        return RoleProcess(name, command, {**self.environ, **extra}, ready, self.folder / f"{name}.log")
