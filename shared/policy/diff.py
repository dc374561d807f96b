"""The differences of two policies, by path; members of lists are identified by name, not by index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from shared.policy.models import Policy
from shared.rules.findings import Path, path_text
from shared.shortened import shortened

_KEYS: Final = ("id", "name", "reason")
_SHOWN_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Changed:
    """One change: `routing.rules[strategic].queue: "bdr" -> "sdr"`. A value of None is absent.

    `steps` are those of the path; that to a member of a list is its name in brackets.
    """

    path: str
    old: Any
    new: Any
    steps: Path = field(default=(), compare=False)

    def __str__(self) -> str:
        if self.old is None:
            return f"{self.path}: added {_text(self.new)}"
        if self.new is None:
            return f"{self.path}: removed {_text(self.old)}"
        return f"{self.path}: {_text(self.old)} -> {_text(self.new)}"


def diff(old: Policy, new: Policy) -> list[Changed]:
    """Return the changes, in the order of the files; an empty list when both policies mean the same."""
    return list(changes_between(old.model_dump(mode="json"), new.model_dump(mode="json")))


def changes_between(old: Any, new: Any, path: Path = ()) -> Iterator[Changed]:
    """Yield the changes between two values that are made of mappings, lists and plain values."""
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from changes_between(old.get(key), new.get(key), (*path, key))
        return
    key = _key(old, new)
    if key is None and _are_in_step(old, new):
        for at, (member, successor) in enumerate(zip(old, new, strict=True)):
            yield from changes_between(member, successor, (*path, at))
        return
    if key is None:
        yield Changed(_path(path), old, new, path)
        return
    before, after = _by(key, old), _by(key, new)
    for name in dict.fromkeys([*before, *after]):
        yield from changes_between(before.get(name), after.get(name), (*path, f"[{name}]"))
    old_order = [name for name in before if name in after]
    new_order = [name for name in after if name in before]
    if old_order != new_order:
        yield Changed(_path((*path, "order")), old_order, new_order, (*path, "order"))


def _key(old: Any, new: Any) -> str | None:
    """Return the field that identifies the members of both lists, None when no field does."""
    if not isinstance(old, list) or not isinstance(new, list):
        return None
    for key in _KEYS:
        has_key = all(isinstance(member, Mapping) and key in member for member in (*old, *new))
        if has_key and len(_by(key, old)) == len(old) and len(_by(key, new)) == len(new):
            return key
    return None


def _are_in_step(old: Any, new: Any) -> bool:
    """Tell whether both are lists of as many mappings, such as the levels of a criterion."""
    if not isinstance(old, list) or not isinstance(new, list) or len(old) != len(new):
        return False
    return all(isinstance(member, Mapping) for member in (*old, *new))


def _by(key: str, members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {str(member[key]): member for member in members}


def _path(path: Path) -> str:
    """Return the text of a path in which a member of a list is written by name: `rules[strategic]`."""
    text = ""
    for step in path:
        is_member = isinstance(step, str) and step.startswith("[")
        written = str(step) if is_member else path_text((step,))
        text += written if is_member or not text or written.startswith("[") else f".{written}"
    return text


def _text(value: Any) -> str:
    return shortened(msgspec.json.encode(value).decode(), _SHOWN_MAX)
