"""Problem documents (RFC 9457): what a client gets with every 4xx and 5xx.

`type` is `urn:baton:problem:<kind>`: stable, and no domain is claimed for it. Nothing here knows the web
framework.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from shared.errors import FieldProblem, Reject

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:baton:problem:"

# Names of unknown fields come from the client and go back to it: as much as a person would read.
_QUOTED_LENGTH_MAX = 100

# A body may have as many faults as it has fields; nobody reads more than these.
_ERRORS_MAX = 100

_PLACED = re.compile(r"(?P<what>.*) - at (?P<in_key>`key` in )?`(?P<path>\$[^`]*)`", re.DOTALL)
_NAMED_FIELD = re.compile(
    r"Object (?P<fault>missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL
)
_PYDANTIC_DETAILS = {"missing": "This field is required", "extra_forbidden": "This field is unknown"}
_FAULTS = {"missing required": "This field is required", "contains unknown": "This field is unknown"}
_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>[0-9]+)\]")


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The members of a problem document; `instance` and `errors` are left out when there are none."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: tuple[FieldProblem, ...] = ()


def document(reject: Reject, instance: str | None = None) -> Problem:
    """Return the document that answers a rejected request; `instance` is a URI of this occurrence.

    There is always a `detail`: where the rejection has none, its first error, else its title once more.
    """
    errors = (f"{error.pointer}: {error.detail}".removeprefix(": ") for error in reject.errors)
    return Problem(
        type=TYPE_PREFIX + reject.kind,
        title=reject.title,
        status=reject.status,
        detail=reject.detail or next(errors, reject.title),
        instance=instance,
        errors=reject.errors,
    )


def from_reject(
    reject: Reject, instance: str | None = None
) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """Return status, headers and body of the answer to a rejected request."""
    body = msgspec.json.encode({**msgspec.to_builtins(document(reject, instance)), **reject.members})
    return reject.status, (("content-type", CONTENT_TYPE), *reject.headers), body


def from_msgspec(error: msgspec.ValidationError) -> tuple[FieldProblem, ...]:
    """Return the fault of a body from msgspec's message; msgspec reports the first one only.

    msgspec does not tell which key of a map it was in (`[...]`): the pointer then ends at the map and
    the detail names the rest of the way.
    """
    message = str(error)
    if placed := _PLACED.fullmatch(message):
        what, (pointer, rest) = placed["what"], _pointer(placed["path"])
    else:
        what, pointer, rest = message, "", ""
    if named := _NAMED_FIELD.fullmatch(what):
        what = _FAULTS[named["fault"]]
        name = named["name"][:_QUOTED_LENGTH_MAX]
        pointer, rest = (pointer, f"{rest}.{name}") if rest else (pointer + pointer_step(name), "")
    if placed and placed["in_key"]:
        rest += " (a key)"
    return (FieldProblem(pointer, f"{what}, at {rest.strip()}" if rest else what),)


def _pointer(path: str) -> tuple[str, str]:
    """Split msgspec's path (`$.company.tags[1]`) into a JSON pointer and the rest that has no pointer."""
    pointer, at = "", 1
    while step := _STEP.match(path, at):
        pointer += pointer_step(step["name"] or step["index"])
        at = step.end()
    return pointer, path[at:]


def pointer_step(name: str) -> str:
    """Return one step of a JSON pointer (RFC 6901)."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def field_problems(errors: Iterable[Mapping[str, Any]], body: Any) -> tuple[FieldProblem, ...]:
    """Return pydantic's errors about a body with their JSON pointers, each fault once, 100 at most.

    `loc` of each error begins with `body`. Along the way it also names members of unions and functions,
    which are no part of the body: they are left out by following `loc` along `body` itself.
    """
    problems: dict[FieldProblem, None] = {}
    for error in errors:
        detail = _PYDANTIC_DETAILS.get(error["type"]) or error["msg"].removeprefix("Value error, ")
        pointer = _pointer_along(error["loc"][1:], body, is_missing=error["type"] == "missing")
        # An event that is validated by msgspec knows the rest of the way.
        pointer += error.get("ctx", {}).get("pointer", "")
        problems[FieldProblem(pointer, detail)] = None
        if len(problems) == _ERRORS_MAX:
            break
    return tuple(problems)


def _pointer_along(loc: Sequence[int | str], body: Any, *, is_missing: bool) -> str:
    pointer, value = "", body
    for index, step in enumerate(loc):
        in_list = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if in_list or (isinstance(value, Mapping) and step in value):
            value = value[step]
        elif not (is_missing and index == len(loc) - 1):
            continue
        pointer += pointer_step(str(step)[:_QUOTED_LENGTH_MAX])
    return pointer
