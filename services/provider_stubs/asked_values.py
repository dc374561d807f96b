"""Reads from a request what a vendor is asked, by the templates that its preset makes requests from. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from msgspec import Struct

from shared.integrations.preset_types import Template, TemplateTree
from shared.integrations.provider_preset import Ask, JobPoll

ITEMS: Final = "{items}"
VALUE_LENGTH_MAX: Final = 2_000
ITEMS_MAX: Final = 1_000
_PLACE: Final = re.compile(r"\{([a-z_]+)\}")


class StubRequest(Struct, frozen=True):
    """A request as far as answers depend on it; `body` is a JSON value or the fields of a form."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None


class TextReader:
    """Reads the values out of a text that a template made."""

    def __init__(self, template: Template, value: str = "(.*)") -> None:
        pieces = _PLACE.split(template.text)
        self._names = pieces[1::2]
        pattern = "".join(value if index % 2 else re.escape(piece) for index, piece in enumerate(pieces))
        self._pattern = re.compile(pattern, re.DOTALL)

    def read(self, text: Any) -> dict[str, str] | None:
        """Return the values by name; None for a text that the template cannot have made."""
        if isinstance(text, int | float) and not isinstance(text, bool):
            text = str(text)
        if not isinstance(text, str) or len(text) > VALUE_LENGTH_MAX:
            return None
        found = self._pattern.fullmatch(text.strip())
        if found is None:
            return None
        return {
            name: unquote(value) for name, value in zip(self._names, found.groups(), strict=True) if value
        }


class AskReader:
    """Reads the questions of one ask. Parameters may be in the query string or in the body."""

    def __init__(self, ask: Ask | JobPoll) -> None:
        self._path = TextReader(ask.path, "([^/]+)")
        members = {**ask.query, **(ask.form if isinstance(ask, Ask) else {})}
        self._members = {name: TextReader(template) for name, template in members.items()}
        self._body = _readers(ask.body.value) if ask.body is not None else None
        batch = ask.batch if isinstance(ask, Ask) else None
        self._each = None if batch is None else _readers(batch.each.value)

    def read(self, request: StubRequest) -> tuple[dict[str, str], list[dict[str, str]]] | None:
        """Return what is asked, and each question of a batch; None for a request of another path."""
        asked = self._path.read(request.path)
        if asked is None:
            return None
        fields = request.body if isinstance(request.body, Mapping) else {}
        for name, reader in self._members.items():
            text = fields.get(name, request.query.get(name))
            asked |= reader.read(text) or {}
        listed: list[Any] = []
        if self._body is not None:
            _collect(self._body, request.body, asked, listed)
        items: list[dict[str, str]] = []
        for member in listed[:ITEMS_MAX]:
            item: dict[str, str] = {}
            _collect(self._each, member, item, [])
            items.append(item)
        return asked, items


def _readers(tree: Any) -> Any:
    """Return a tree of templates as one of readers; `ITEMS` stays, as a list stands in its place."""
    if isinstance(tree, TemplateTree):
        tree = tree.value
    if isinstance(tree, Template):
        return ITEMS if tree.text == ITEMS else TextReader(tree)
    if isinstance(tree, Mapping):
        return {name: _readers(member) for name, member in tree.items()}
    return [_readers(member) for member in tree] if isinstance(tree, list) else None


def _collect(readers: Any, value: Any, asked: dict[str, str], listed: list[Any]) -> None:
    """Add the values of a JSON body to `asked`, and the members of the list in the place of `ITEMS`."""
    if readers == ITEMS:
        listed += value if isinstance(value, list) else []
    elif isinstance(readers, TextReader):
        asked |= readers.read(value) or {}
    elif isinstance(readers, Mapping) and isinstance(value, Mapping):
        for name, reader in readers.items():
            _collect(reader, value.get(name), asked, listed)
    elif isinstance(readers, list) and isinstance(value, Sequence) and not isinstance(value, str):
        for reader, member in zip(readers, value, strict=False):
            _collect(reader, member, asked, listed)
