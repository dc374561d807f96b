"""What changed between two policies, for people: by path, members of lists by their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from shared.policy.models import Policy
from shared.rules.findings import Path, path_text

_KEYS: Final = ("id", "name", "reason")
_SHOWN_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Changed:
    """One change: `routing.rules[strategic].queue: "bdr" -> "sdr"`. None: not there."""

    path: str
    old: Any
    new: Any

    def __str__(self) -> str:
        if self.old is None:
            return f"{self.path}: added {_text(self.new)}"
        if self.new is None:
            return f"{self.path}: removed {_text(self.old)}"
        return f"{self.path}: {_text(self.old)} -> {_text(self.new)}"


def diff(old: Policy, new: Policy) -> list[Changed]:
    """Return what changed, in the order of the files; nothing when both mean the same."""
    return list(_between(old.model_dump(mode="json"), new.model_dump(mode="json"), ()))


def _between(old: Any, new: Any, path: Path) -> Iterator[Changed]:
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from _between(old.get(key), new.get(key), (*path, key))
        return
    key = _key(old, new)
    if key is None:
        yield Changed(_path(path), old, new)
        return
    yield from _lists(_by(key, old), _by(key, new), path)


def _lists(old: Mapping[str, Any], new: Mapping[str, Any], path: Path) -> Iterator[Changed]:
    for name in dict.fromkeys([*old, *new]):
        yield from _between(old.get(name), new.get(name), (*path, f"[{name}]"))
    stayed = [name for name in old if name in new]
    order = [name for name in new if name in old]
    if stayed != order:
        yield Changed(_path((*path, "order")), stayed, order)


def _key(old: Any, new: Any) -> str | None:
    """Return by which field the members of both lists are told apart, if by any."""
    members = [*_members(old), *_members(new)]
    if not members or not isinstance(old, list) or not isinstance(new, list):
        return None
    for key in _KEYS:
        if all(isinstance(member, Mapping) and key in member for member in members) and all(
            len(_by(key, each)) == len(each) for each in (old, new)
        ):
            return key
    return None


def _members(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _by(key: str, members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {str(member[key]): member for member in members}


def _path(path: Path) -> str:
    """Write a path in which a member of a list stands by its name: `rules[strategic]`."""
    text = ""
    for step in path:
        is_member = isinstance(step, str) and step.startswith("[")
        written = str(step) if is_member else path_text((step,))
        text += written if is_member or not text or written.startswith("[") else f".{written}"
    return text


def _text(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return f"{text[: _SHOWN_MAX - 1]}…" if len(text) > _SHOWN_MAX else text
