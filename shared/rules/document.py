"""Reads YAML text to nodes, each with its position in the file.

YAML 1.2, core schema: `NO` and `on` are text, only true and false are booleans. Anchors and aliases, tags,
several documents, duplicate keys, and more than a bounded size and depth are errors: they make a file hard
to read or dangerous to load. The nodes are built from the parser's events by a loop, not by recursion, so
that no nesting exhausts the stack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from shared.rules.findings import FindingReport, SourcePosition, quoted

TEXT_LENGTH_MAX: Final = 1_000_000
NODES_MAX: Final = 100_000
DEPTH_MAX: Final = 40
SCALAR_LENGTH_MAX: Final = 10_000
DIGITS_MAX: Final = 18

_TOP = SourcePosition(1, 1)
_INTEGER = re.compile(r"[-+]?[0-9]+")
_PREFIXED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value; `text` is how it was written."""

    value: str | int | float | bool | None
    text: str
    position: SourcePosition


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    position: SourcePosition


@dataclass(frozen=True, slots=True)
class Entries:
    """A mapping; keys are text, each at most once, in the order in which they were written."""

    entries: dict[str, tuple[SourcePosition, Node]]
    position: SourcePosition


Node = Scalar | Items | Entries


class _InvalidDocument(Exception):
    """The text is not a valid document; the report holds the reason."""


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end event has not been read yet."""

    position: SourcePosition
    mapping: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, tuple[SourcePosition, Node]] = field(default_factory=dict)
    key: Scalar | None = None

    def close(self) -> Node:
        if self.mapping:
            return Entries(self.entries, self.position)
        return Items(tuple(self.items), self.position)


def read_document(text: str, report: FindingReport) -> Node | None:
    """Return the document's top node, or `None` with the reason in the report."""
    if len(text) > TEXT_LENGTH_MAX:
        report.error(_TOP, (), f"the file is longer than {TEXT_LENGTH_MAX:,} characters")
        return None
    try:
        return _Builder(report).build(text)
    except _InvalidDocument:
        return None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = SourcePosition(mark.line + 1, mark.column + 1) if mark is not None else _TOP
        report.error(position, (), f"not YAML: {error.problem or error.context or 'it cannot be read'}")
    except (YAMLError, ValueError, OverflowError) as error:
        # The scanner lets `ValueError` through for some broken escapes.
        report.error(_TOP, (), f"not YAML: {str(error).splitlines()[0][:200]}")
    return None


class _Builder:
    def __init__(self, report: FindingReport) -> None:
        self._report = report
        self._open: list[_Open] = []
        self._nodes = 0
        self._root: Node | None = None

    def build(self, text: str) -> Node:
        """Return the top node; an empty document is a null scalar."""
        documents = 0
        for event in YAML(typ="safe", pure=True).parse(text):
            position = SourcePosition(event.start_mark.line + 1, event.start_mark.column + 1)
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse(position, "there is more than one document; a policy file has one")
            elif isinstance(event, AliasEvent):
                self._refuse(position, "aliases (*name) are not read; name a condition and use it instead")
            elif isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent):
                self._start(event, position)
            elif isinstance(event, MappingEndEvent | SequenceEndEvent):
                self._attach(self._open.pop().close())
        return self._root or Scalar(None, "", _TOP)

    def _start(self, event: Any, position: SourcePosition) -> None:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            self._refuse(position, f"there are more than {NODES_MAX:,} values")
        if event.anchor is not None:
            self._refuse(position, "anchors (&name) are not read; name a condition and use it instead")
        if event.tag is not None:
            self._refuse(position, f"tags are not read; leave out {quoted(event.tag)}")
        if isinstance(event, ScalarEvent):
            self._attach(self._scalar(event, position))
        elif len(self._open) >= DEPTH_MAX:
            self._refuse(position, f"values are nested deeper than {DEPTH_MAX}")
        else:
            self._open.append(_Open(position, isinstance(event, MappingStartEvent)))

    def _attach(self, node: Node) -> None:
        """Add a complete node: as the root, to the open list, or as key or value to the open mapping."""
        if not self._open:
            self._root = node
            return
        holder = self._open[-1]
        if not holder.mapping:
            holder.items.append(node)
        elif holder.key is None:
            if not isinstance(node, Scalar):
                self._refuse(node.position, "a key is text, not a list or a mapping")
            if node.text in holder.entries:
                first = holder.entries[node.text][0].line
                self._refuse(node.position, f"the key {quoted(node.text)} is there already, in line {first}")
            holder.key = node
        else:
            holder.entries[holder.key.text] = (holder.key.position, node)
            holder.key = None

    def _scalar(self, event: Any, position: SourcePosition) -> Scalar:
        text: str = event.value
        if len(text) > SCALAR_LENGTH_MAX:
            self._refuse(position, f"a value is longer than {SCALAR_LENGTH_MAX:,} characters")
        plain, _ = event.implicit
        if not plain:
            return Scalar(text, text, position)
        if len(text) > DIGITS_MAX and (_INTEGER.fullmatch(text) or text.startswith(("0x", "0o"))):
            self._refuse(position, f"a number has more than {DIGITS_MAX} digits; text goes in quotes")
        return Scalar(core_schema_value(text), text, position)

    def _refuse(self, position: SourcePosition, message: str) -> NoReturn:
        self._report.error(position, (), message)
        raise _InvalidDocument


def core_schema_value(text: str) -> str | int | float | bool | None:
    """Return the value of a plain (unquoted) scalar in the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _PREFIXED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
