"""The golden cases as values: what is sent, what must come of it, and whether it did. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, Final, Literal
from uuid import NAMESPACE_URL, uuid5

from msgspec import Struct
from ruamel.yaml import YAML

Kind = Literal["lead", "form", "signal", "outcome"]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AGO = re.compile(r"\{now-(\d+)([smhd])\}")
_DEMO = uuid5(NAMESPACE_URL, "urn:baton:demo")


class Step(Struct, frozen=True):
    """One thing that is sent."""

    kind: Kind
    body: dict[str, Any]


class Case(Struct, frozen=True):
    """Steps in order, and what holds after the last of them."""

    name: str
    steps: list[Step]
    expect: dict[str, Any]


class Seen(Struct, frozen=True):
    """What came of a case: the view of the lead of each step (None: it made none), and two counts."""

    views: Sequence[Mapping[str, Any] | None]
    subject: Mapping[str, Any] | None
    webhooks: int
    credits: int


def golden_cases(named: str = "") -> list[Case]:
    """Return the committed golden cases whose name contains `named`, in the order of the file."""
    document = YAML(typ="safe", pure=True).load(
        files(__package__).joinpath("golden-leads.yaml").read_text(encoding="utf-8")
    )
    raws = (raw for group in ("cases", "needs_enrichment") for raw in document[group])
    return [_case(raw) for raw in raws if named.casefold() in raw["name"].casefold()]


def prepared(case: Case, now: datetime, run: str) -> Case:
    """Fill in times and, where a body has none, an event id that is the same each time for this `run`."""
    steps = [
        Step(step.kind, _with_id(_filled(step.body, now), step.kind, f"{run}/{case.name}/{number}"))
        for number, step in enumerate(case.steps)
    ]
    return Case(case.name, steps, case.expect)


def differences(expect: Mapping[str, Any], seen: Seen) -> list[str]:
    """Return, in words, what is not as expected; nothing when the case holds.

    Raises KeyError for an expectation that nobody checks.
    """
    return [
        f"{name}: expected {wanted!r}, got {got!r}"
        for name, wanted in expect.items()
        if name not in _NAMES_SUBJECT
        for holds, got in [_holds(name, wanted, seen)]
        if not holds
    ]


def _case(raw: Mapping[str, Any]) -> Case:
    steps = [Step(kind, dict(body)) for step in raw["steps"] for kind, body in step.items()]
    return Case(raw["name"], steps, dict(raw["expect"]))


def _filled(value: Any, now: datetime) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, now) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, now) for item in value]
    if isinstance(value, str):
        ago = _AGO.fullmatch(value)
        if ago:
            return (now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).isoformat()
        return value.replace("{person}", "demo.person")
    return value


def _with_id(body: dict[str, Any], kind: Kind, place: str) -> dict[str, Any]:
    name = {"lead": "event_id", "signal": "external_id"}.get(kind)
    return body if name is None or name in body else {**body, name: str(uuid5(_DEMO, place))}


def _holds(name: str, wanted: Any, seen: Seen) -> tuple[bool, Any]:
    if name in _COMPARED:
        return _compare(name, [seen.views[number - 1] for number in wanted])
    if name in _COUNTED:
        count = _COUNTED[name](seen)
        return count == wanted, count
    got = _VALUES[name](seen.subject or {})
    match name:
        case "provenance":
            return set(wanted) <= set(got or ()), sorted(got or ())
        case "rule_is_not":
            return got is not None and got != wanted, got
        case "brief_contains":
            return str(wanted) in (got or ""), got
    return (got in wanted if isinstance(wanted, list) else got == wanted), got


def _compare(name: str, views: Sequence[Mapping[str, Any] | None]) -> tuple[bool, Any]:
    values = [view and view.get(_COMPARED[name]) for view in views]
    if None in values:
        return False, values
    alike = len(set(values)) == 1
    return alike is (name != "different_lead"), values


def _within(*path: str) -> Callable[[Mapping[str, Any]], Any]:
    def value(view: Mapping[str, Any]) -> Any:
        found: Any = view
        for name in path:
            found = (found or {}).get(name)
        return found

    return value


_COMPARED: Final = {"same_lead": "lead_id", "different_lead": "lead_id", "same_owner": "owner"}
_COUNTED: Final[Mapping[str, Callable[[Seen], int]]] = {
    "webhooks": lambda seen: seen.webhooks,
    "rotation_credits": lambda seen: seen.credits,
}
_VALUES: Final[Mapping[str, Callable[[Mapping[str, Any]], Any]]] = {
    "status": _within("status"),
    "revision": _within("revision"),
    "queue": _within("decision", "queue"),
    "motion": _within("decision", "motion"),
    "reason": _within("decision", "reason"),
    "rule_is_not": _within("decision", "rule"),
    "band": _within("score", "band"),
    "grade": _within("score", "grade"),
    "trigger": _within("trigger", "kind"),
    "trigger_type": _within("trigger", "type"),
    "brief_contains": _within("brief", "markdown"),
    "enrichment_status": _within("enrichment", "status"),
    "provenance": _within("provenance"),
}
EXPECTATIONS: Final = frozenset((*_COMPARED, *_COUNTED, *_VALUES))
"""What a case may expect."""
_NAMES_SUBJECT: Final = frozenset({"of", "account_lead"})
