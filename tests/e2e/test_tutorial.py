"""docs/tutorial.md, command by command: each ends well and prints what the page says.

The page's ports and data directory are exchanged for free ones; nothing else of it is.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.api import eventually
from tests.support.services.ports import free_port

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATIENCE_S = 1200.0


@dataclass(frozen=True)
class Block:
    """Commands for one of the two terminals, and the lines that they print among others."""

    commands: str
    first_terminal: bool
    printed: tuple[str, ...]


def blocks(text: str) -> Iterator[Block]:
    found = [match.groups() for match in BLOCK.finditer(text)]
    for number, (language, terminal, content) in enumerate(found):
        if language == "sh":
            after = found[number + 1] if number + 1 < len(found) else ("", "", "")
            printed = tuple(after[2].splitlines()) if after[0] == "text" else ()
            yield Block(content, terminal.strip() == "first-terminal", printed)


class Shell:
    """A shell that stays, as a terminal's does; its output is read from a file."""

    def __init__(self, log: Path, environ: dict[str, str]) -> None:
        self._log = log
        self._blocks = 0
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                ["bash", "-e", "-o", "pipefail", "-s"],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,
                text=True,
            )

    def type(self, commands: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(commands)
        self._process.stdin.flush()

    def run(self, commands: str) -> str:
        """Run commands to their end; return what they printed. One that fails ends the shell."""
        self._blocks += 1
        begin, end = f"=== begin {self._blocks}", f"=== end {self._blocks}"
        self.type(f"echo '{begin}'\n{commands}\necho; echo '{end}'\n")
        self.await_line(end)
        return self._log.read_text().partition(begin)[2].partition(end)[0]

    def await_line(self, text: str) -> None:
        def look() -> bool:
            if text in self._log.read_text():
                return True
            assert self._process.poll() is None, f"a command failed:\n{self._log.read_text()}"
            return False

        eventually(look, within_s=PATIENCE_S, what=f"{text!r}")

    @property
    def output(self) -> str:
        return self._log.read_text()

    def interrupt(self) -> None:
        """Press Ctrl-C, and wait until what ran is over.

        A shell whose command ended well in spite of the signal waits for the next one, so its input ends too.
        """
        os.killpg(self._process.pid, signal.SIGINT)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(300)

    def close(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(300)
        if self._process.stdin is not None:
            self._process.stdin.close()


def holds(output: str, expected: str) -> bool:
    """Tell whether a line of the output has the fragments of an expected line, in order."""
    fragments = [part.strip() for part in expected.split("…") if part.strip()]
    pattern = re.compile(".*".join(r"\s+".join(map(re.escape, part.split())) for part in fragments))
    return any(pattern.search(line) for line in output.splitlines())


@pytest.fixture
def first_terminal(tmp_path: Path) -> Iterator[list[Shell]]:
    shells: list[Shell] = []
    yield shells
    for shell in shells:
        shell.close()


def test_every_command_of_the_page(tmp_path: Path, first_terminal: list[Shell]):
    http, stubs, listener = free_port(), free_port(), free_port()
    data_dir = tmp_path / "data"
    exchanged = {
        "127.0.0.1:8080": f"127.0.0.1:{http}",
        "9400": str(listener),
        ".baton/": f"{data_dir}/",
    }
    text = PAGE.read_text()
    for ours, theirs in exchanged.items():
        assert ours in text
        text = text.replace(ours, theirs)
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("BATON_")},
        "BATON_DATA_DIR": str(data_dir),
        "BATON_HTTP_PORT": str(http),
        "BATON_STUBS_PORT": str(stubs),
        "BATON_URL": f"http://127.0.0.1:{http}",
        "BATON_LOG_LEVEL": "error",
        "COLUMNS": "150",
    }
    second = Shell(tmp_path / "second.log", environ)
    try:
        for block in blocks(text):
            output = (
                started(tmp_path, first_terminal, environ, block)
                if block.first_terminal
                else second.run(block.commands)
            )
            for line in block.printed:
                assert holds(output, line), (
                    f"{line!r} is not in what this printed:\n{block.commands}\n{output}"
                )
    finally:
        second.close()


def started(folder: Path, shells: list[Shell], environ: dict[str, str], block: Block) -> str:
    """Run a block that stays in the foreground, after Ctrl-C to the one before."""
    if shells:
        shells[-1].interrupt()
        assert "Traceback" not in shells[-1].output
    shells.append(Shell(folder / f"first-{len(shells)}.log", environ))
    shells[-1].type(block.commands)
    shells[-1].await_line(block.printed[-1])
    return shells[-1].output
