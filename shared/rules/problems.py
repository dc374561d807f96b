"""What is wrong with a policy file, and exactly where: the one form in which every check speaks.

A `Problem` prints as `routing.yaml:14:9 rules[2].when.field: unknown field "company.employes"; did you mean
"company.employees"?`. Reading goes on after a problem, so that one run names all of them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

PROBLEMS_MAX = 200
"""A file with more problems than this is named by the first ones."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SHOWN_MAX = 80

Path = tuple[str | int, ...]
"""Keys and indices from the top of a file."""


class Severity(StrEnum):
    """An error keeps a policy from being applied; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a value begins; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong or doubtful."""

    file: str
    line: int
    column: int
    path: str
    message: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where} {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class Report:
    """The problems of one file, in the order in which they were found."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def error(self, place: Place, path: Path, message: str) -> None:
        self._add(place, path, message, Severity.ERROR)

    def warning(self, place: Place, path: Path, message: str) -> None:
        self._add(place, path, message, Severity.WARNING)

    @property
    def errors(self) -> int:
        return sum(problem.severity is Severity.ERROR for problem in self.problems)

    def _add(self, place: Place, path: Path, message: str, severity: Severity) -> None:
        if len(self.problems) < PROBLEMS_MAX:
            problem = Problem(self.file, place.line, place.column, path_text(path), message, severity)
            self.problems.append(problem)


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
    """Return what was written, in quotes, on one line and not too long."""
    text = " ".join(str(word).split())
    return f'"{text[: _SHOWN_MAX - 1]}…"' if len(text) > _SHOWN_MAX else f'"{text}"'


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean "…"?` for the known word that is nearest, or nothing."""
    near = difflib.get_close_matches(word[:_SHOWN_MAX], sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {quoted(near[0])}?" if near else ""
