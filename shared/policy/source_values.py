"""A YAML document as the values that the models validate, and the map from their paths to positions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

from shared.rules.document import Entries, Items, Node, Scalar
from shared.rules.findings import Path, SourcePosition

FILE_START: Final = SourcePosition(1, 1)


class SourceMapping(dict[str, Any]):
    """A mapping of a document, with the node that it was read from."""

    def __init__(self, values: Mapping[str, Any], node: Entries) -> None:
        super().__init__(values)
        self.node = node


class SourceList(tuple[Any, ...]):  # noqa: SLOT001 - a tuple with an attribute cannot have slots
    """A list of a document, with the node that it was read from."""

    node: Items

    def __new__(cls, values: Iterable[Any], node: Items) -> Self:
        made = super().__new__(cls, values)
        made.node = node
        return made


class SourceDocument:
    """A document: its values, the node of each path, and the positions of the keys of its mappings."""

    def __init__(self, root: Node) -> None:
        self.nodes: dict[Path, Node] = {}
        self.keys: dict[Path, SourcePosition] = {}
        self.value = self._add(root, ())

    def position(self, path: Path) -> SourcePosition:
        """Return where the value of a path begins, or else the nearest value that should hold it."""
        while path and path not in self.nodes:
            path = path[:-1]
        return self.nodes[path].position if path in self.nodes else FILE_START

    def _add(self, node: Node, path: Path) -> Any:
        self.nodes[path] = node
        if isinstance(node, Scalar):
            return node.value
        if isinstance(node, Items):
            items = [self._add(item, (*path, index)) for index, item in enumerate(node.items)]
            return SourceList(items, node)
        values: dict[str, Any] = {}
        for key, (position, value) in node.entries.items():
            self.keys[*path, key] = position
            values[key] = self._add(value, (*path, key))
        return SourceMapping(values, node)
