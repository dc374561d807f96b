"""A server as a child process: started, awaited by a line of its log, stopped or killed by process id."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

from tests.support.services.debian import ServiceUnavailable

# Ends the server when the process that started it is gone: its end of the pipe closes then, even by SIGKILL.
_GUARD = ["/bin/sh", "-c", 'cat >/dev/null; kill -KILL "$0"']


class Server:
    """One server process; `start` after `stop` or `kill` runs the same command again."""

    def __init__(
        self,
        command: list[str],
        *,
        log: Path,
        ready_line: str,
        start_timeout_s: float,
        stop_signal: signal.Signals = signal.SIGTERM,
        user: str | None = None,
    ) -> None:
        self._command = command
        self._log = log
        self._ready_line = ready_line.encode()
        self._start_timeout_s = start_timeout_s
        self._stop_signal = stop_signal
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and return when its log says that it is ready."""
        if self.running:
            raise RuntimeError(f"{self._command[0]} is running already")
        with self._log.open("ab") as log:
            seen = log.tell()
            self._process = process = subprocess.Popen(
                self._command,
                cwd=self._log.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user else None,
            )
        self._guard = subprocess.Popen(
            [*_GUARD, str(process.pid)], stdin=subprocess.PIPE, start_new_session=True
        )
        self._await_ready(process, seen)

    def stop(self, *, timeout_s: float = 30) -> None:
        """Ask the server to end in good order; kill it if it does not in time."""
        if self._process is None:
            return
        self._process.send_signal(self._stop_signal)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
        self._dismiss_guard()

    def kill(self) -> None:
        """End the server and its children by SIGKILL, and return when all of them are gone."""
        if self._process is None:
            return
        if self.running:
            children = psutil.Process(self._process.pid).children(recursive=True)
            self._process.kill()
            for child in children:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
            psutil.wait_procs(children, timeout=10)
        self._process.wait(10)
        self._dismiss_guard()

    def _await_ready(self, process: subprocess.Popen[bytes], seen: int) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        while self._ready_line not in (said := self._log.read_bytes()[seen:]):
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                tail = said[-2000:].decode(errors="replace")
                raise ServiceUnavailable(f"{self._command[0]} did not become ready: {tail}")
            time.sleep(0.05)

    def _dismiss_guard(self) -> None:
        if self._guard is None:
            return
        self._guard.kill()
        self._guard.communicate()
        self._guard = None
