"""Findings: the errors and warnings about a policy file, each with its exact position.

A `Finding` prints as `routing.yaml:14:9 rules[2].when.field: unknown field "company.employes"; did you mean
"company.employees"?`. Parsing goes on after a finding, so that one run reports all of them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from shared.shortened import shortened

FINDINGS_MAX = 200
"""Only the first findings of a file are kept."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_QUOTED_LENGTH_MAX = 80

Path = tuple[str | int, ...]
"""Keys and indices from the top of a file to a value."""


class Severity(StrEnum):
    """An error keeps a policy from being applied, a warning does not; a note is on what is often intended."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, order=True)
class SourcePosition:
    """Where a value begins in its file; line and column count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One error, warning or note about a policy file. `path` is the text of a path (`path_text`)."""

    file: str
    line: int
    column: int
    path: str
    message: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        position = f"{self.file}:{self.line}:{self.column}"
        return f"{position} {self.path}: {self.message}" if self.path else f"{position}: {self.message}"


class FindingReport:
    """Collects the findings of one file in the order in which they are added, `FINDINGS_MAX` at most."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.findings: list[Finding] = []

    def error(self, position: SourcePosition, path: Path, message: str) -> None:
        self._add(position, path, message, Severity.ERROR)

    def warning(self, position: SourcePosition, path: Path, message: str) -> None:
        self._add(position, path, message, Severity.WARNING)

    def note(self, position: SourcePosition, path: Path, message: str) -> None:
        self._add(position, path, message, Severity.NOTE)

    @property
    def errors(self) -> int:
        """How many of the findings are errors."""
        return sum(finding.severity is Severity.ERROR for finding in self.findings)

    def _add(self, position: SourcePosition, path: Path, message: str, severity: Severity) -> None:
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(
                Finding(self.file, position.line, position.column, path_text(path), message, severity)
            )


def path_text(path: Path) -> str:
    """Return a path as it is written: `rules[2].when.field`, `fields["company.employees"].order`."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif _PLAIN_KEY.fullmatch(step):
            parts.append(f".{step}" if parts else step)
        else:
            parts.append(f"[{quoted(step)}]")
    return "".join(parts)


def quoted(word: object) -> str:
    """Return a text of a file in quotes, on one line and shortened to 80 characters."""
    return f'"{shortened(" ".join(str(word).split()), _QUOTED_LENGTH_MAX)}"'


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean "…"?` with the most similar known word, or nothing when none is."""
    near = difflib.get_close_matches(word[:_QUOTED_LENGTH_MAX], sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {quoted(near[0])}?" if near else ""
