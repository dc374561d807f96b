"""Checks the conditions of all files against the answers that the sources give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from shared.lead.fields import FactKeys, field_named
from shared.policy.form_fields import ANSWER
from shared.policy.models import SourcePolicy
from shared.policy.policy_file import PolicyFile, comparisons_in
from shared.rules.findings import Path, did_you_mean, quoted
from shared.rules.syntax import Condition


def lint_answers(files: Iterable[PolicyFile[Any]], sources: SourcePolicy) -> None:
    """Warn, once a file, of answers that conditions ask for and that no source gives.

    A source gives the answers that its `map` names and those that its activities ask for. A form may have
    others, but a misspelled one looks the same.
    """
    given = {name for _path, name in _answers(sources)}
    given |= {
        _plain(field)
        for source in sources.sources.values()
        for field in source.map.values()
        if field.startswith(ANSWER)
    }
    for file in files:
        first: dict[str, Path] = {}
        for path, name in _answers(file.model):
            first.setdefault(name, path)
        for name, path in first.items():
            if name not in given:
                message = f"no source gives {quoted(name)}{did_you_mean(name, given)}"
                file.warning(path, f"{message}; a source names its answers in map or activities")


def _answers(model: BaseModel) -> Iterator[tuple[Path, str]]:
    """Yield the answers that the conditions of a file ask for, with their places."""
    for path, condition in _conditions(model, ()):
        for step, compare in comparisons_in(condition):
            if compare.field.startswith(FactKeys.ANSWERS):
                yield (*path, *step, "field"), _plain(compare.field)


def _conditions(value: Any, path: Path) -> Iterator[tuple[Path, Condition]]:
    """Yield the conditions within a model, with their paths in the file."""
    if isinstance(value, Condition):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _conditions(getattr(value, name), (*path, name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _conditions(item, (*path, key))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _conditions(item, (*path, index))


def _plain(name: str) -> str:
    """Return the name of an answer as it is stored: its label in plain form."""
    field = field_named(name)
    return field.name if field is not None else name
