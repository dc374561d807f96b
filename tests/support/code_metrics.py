"""Figures of the source code, each beside its aim: `make metrics` prints them.

What can be held at every change is held by `tests/contract/test_code_metrics.py`; the rest is for a reader who
wants to see where the code stands beside well-known projects.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import mean
from typing import Literal

from radon.complexity import cc_visit

ROOT = Path(__file__).resolve().parents[2]

# Names that say nothing to a reader who does not know the project; a module is named for its concept.
STOP_LIST = frozenset(
    [
        "about",
        "alone",
        "asking",
        "axes",
        "base",
        "cells",
        "drive",
        "endings",
        "falling",
        "finding",
        "helpers",
        "joined",
        "known",
        "lanes",
        "lenient",
        "looks",
        "manager",
        "misc",
        "named",
        "outlook",
        "panel",
        "placing",
        "plain",
        "reach",
        "readings",
        "regions",
        "remembered",
        "running",
        "standing",
        "starvation",
        "telling",
        "terms",
        "together",
        "utils",
        "wording",
    ]
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure with its aim; `sign` says on which side of the aim it should lie. Without an aim it informs.

    `reason` is one sentence for an aim that is missed: why the code stays as it is. It is printed only then.
    """

    name: str
    value: float
    sign: Literal["<=", ">="] = "<="
    aim: float | None = None
    reason: str = ""

    @property
    def reached(self) -> bool:
        return self.aim is None or (self.value <= self.aim if self.sign == "<=" else self.value >= self.aim)

    def __str__(self) -> str:
        mark = "  " if self.aim is None else "ok" if self.reached else "NO"
        aim = "" if self.aim is None else f"   aim {self.sign} {self.aim:g}"
        reason = "" if self.reached else f"\n     {self.reason or 'missed without a reason'}"
        return f"{mark} {self.name:58} {self.value:8.2f}{aim}{reason}"


@dataclass(frozen=True)
class SourceFile:
    """One Python file with its syntax tree."""

    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    @cached_property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return [node for node in ast.walk(self.tree) if isinstance(node, kinds)]

    @property
    def comments(self) -> int:
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return sum(token.type == tokenize.COMMENT for token in tokens)

    @property
    def private_functions_used_once(self) -> list[str]:
        """Names of private functions that occur twice in the file: where they are defined and where used."""
        words = Counter(re.findall(r"[A-Za-z_]\w*", self.text))
        names = [function.name for function in self.functions]
        return [name for name in names if name.startswith("_") and name[:2] != "__" and words[name] == 2]

    @property
    def each_loops(self) -> int:
        """How many loops and comprehensions call their variable `each`."""
        loops = (
            node
            for node in ast.walk(self.tree)
            if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension))
        )
        return sum(isinstance(loop.target, ast.Name) and loop.target.id == "each" for loop in loops)


def read_files(*folders: str) -> list[SourceFile]:
    """Return the Python files below these folders of the repository, in the order of their paths."""
    paths = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return [SourceFile(path, path.read_text(encoding="utf-8")) for path in paths]


def source_files() -> list[SourceFile]:
    """Return the files of the product."""
    return read_files("services", "shared")


def files_of_tests() -> list[SourceFile]:
    """Return the files of the tests, without what supports them and without the benchmarks."""
    return [
        file
        for file in read_files("tests")
        if not {"support", "bench"} & set(file.path.relative_to(ROOT).parts)
    ]


def repeated_class_names(files: Iterable[SourceFile]) -> Mapping[str, Sequence[Path]]:
    """Return the public class names that more than one module defines, each with those modules."""
    modules: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        classes = {node.name for node in ast.walk(file.tree) if isinstance(node, ast.ClassDef)}
        for name in sorted(classes):
            if not name.startswith("_"):
                modules[name].append(file.path.relative_to(ROOT))
    return {name: paths for name, paths in modules.items() if len(paths) > 1}


def stop_list_modules(files: Iterable[SourceFile]) -> list[Path]:
    """Return the modules whose name is in the stop list."""
    return [file.path.relative_to(ROOT) for file in files if file.path.stem in STOP_LIST]


def files_touched() -> Mapping[str, int]:
    """Return how many files each guide of docs/how-to says that a newcomer touches."""
    guides = sorted((ROOT / "docs" / "how-to").glob("*.md"))
    found = {guide.stem: re.search(r"(?m)^You write (\d+) files?\b", guide.read_text()) for guide in guides}
    return {name: int(match[1]) for name, match in found.items() if match}


def code_figures() -> list[Figure]:
    """Return every figure that the text of the repository gives."""
    sources, tests = source_files(), files_of_tests()
    functions = [function for file in sources for function in file.functions]
    lengths = sorted((function.end_lineno or function.lineno) - function.lineno + 1 for function in functions)
    classes = sum(isinstance(node, ast.ClassDef) for file in sources for node in ast.walk(file.tree))
    used_once = sum(len(file.private_functions_used_once) for file in sources)
    complexity = [block.complexity for file in sources for block in cc_visit(file.text)]
    source_lines, test_lines = sum(file.lines for file in sources), sum(file.lines for file in tests)
    return [
        Figure(
            "public class names in two or more modules, %",
            100 * len(repeated_class_names(sources)) / classes,
            aim=0,
        ),
        Figure("private functions used once, % of all functions", 100 * used_once / len(functions), aim=12),
        Figure("comments per 1,000 lines", 1000 * sum(file.comments for file in sources) / source_lines),
        Figure("loops over `each`", sum(file.each_loops for file in sources), aim=0),
        Figure("lines of a function, p50", lengths[len(lengths) // 2], aim=10),
        Figure("lines of a function, p90", lengths[int(0.9 * len(lengths))], aim=30),
        Figure("lines of a function, longest", lengths[-1], aim=60),
        Figure("lines of a file, longest", max(file.lines for file in sources), aim=420),
        Figure(
            "cyclomatic complexity, mean (radon)",
            mean(complexity),
            aim=2.5,
            reason=f"A private function that is used once stands where it is used, which raises the mean: "
            f"2.5 needs {sum(complexity) / 2.5 - len(complexity):.0f} more functions with the same branches.",
        ),
        Figure("lines of tests : lines of source", test_lines / source_lines, ">=", 0.8),
        Figure("modules of the stop list", len(stop_list_modules(sources)), aim=0),
        *(
            Figure(f"files touched to {name.replace('-', ' ')}", count)
            for name, count in files_touched().items()
        ),
    ]
