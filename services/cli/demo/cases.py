"""The golden cases as values: requests, expectations, and how a result differs. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, Final, Literal
from uuid import NAMESPACE_URL, uuid5

from msgspec import Struct
from ruamel.yaml import YAML

Kind = Literal["lead", "form", "signal", "outcome", "action"]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AGO = re.compile(r"\{now-(\d+)([smhd])\}")
_AHEAD = re.compile(r"\{day\+(\d+)d\}")
_DEMO = uuid5(NAMESPACE_URL, "urn:baton:demo")


class CaseStep(Struct, frozen=True):
    """One request."""

    kind: Kind
    body: dict[str, Any]


class GoldenCase(Struct, frozen=True):
    """Requests in order, and what is expected after the last of them."""

    name: str
    steps: list[CaseStep]
    expect: dict[str, Any]


class CaseResult(Struct, frozen=True):
    """The result of a case.

    `views`: the view of the lead of every step, None for a step without one. `subject`: the view of the
    lead that the expectations are about, `owner` the name of its owner. `webhooks` and `credits` count what
    the case brought about.
    """

    views: Sequence[Mapping[str, Any] | None]
    subject: Mapping[str, Any] | None
    webhooks: int
    credits: int
    owner: str | None = None


def golden_cases(named: str = "") -> list[GoldenCase]:
    """Return the committed golden cases whose name contains `named` (any case), in file order."""
    document = YAML(typ="safe", pure=True).load(
        files(__package__).joinpath("golden-leads.yaml").read_text(encoding="utf-8")
    )
    return [
        GoldenCase(
            raw["name"],
            [CaseStep(kind, dict(body)) for step in raw["steps"] for kind, body in step.items()],
            dict(raw["expect"]),
        )
        for group in ("cases", "needs_enrichment")
        for raw in document[group]
        if named.casefold() in raw["name"].casefold()
    ]


def prepare(case: GoldenCase, now: datetime, run: str) -> GoldenCase:
    """Return the case with times and, where a body has none, an event id that follows from `run`."""
    steps = [
        CaseStep(step.kind, _with_id(_fill(step.body, now), step.kind, f"{run}/{case.name}/{number}"))
        for number, step in enumerate(case.steps)
    ]
    return GoldenCase(case.name, steps, case.expect)


def differences(expect: Mapping[str, Any], result: CaseResult) -> list[str]:
    """Return a sentence for every expectation that the result does not meet.

    Raises `KeyError` for an expectation that is not known.
    """
    return [
        f"{name}: expected {expected!r}, got {got!r}"
        for name, expected in expect.items()
        if name not in SUBJECT_KEYS
        for holds, got in [_check(name, expected, result)]
        if not holds
    ]


def _fill(value: Any, now: datetime) -> Any:
    if isinstance(value, dict):
        return {key: _fill(item, now) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, now) for item in value]
    if isinstance(value, str):
        ago = _AGO.fullmatch(value)
        if ago:
            return (now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).isoformat()
        ahead = _AHEAD.fullmatch(value)
        if ahead:
            return (now + timedelta(days=int(ahead[1]))).date().isoformat()
        return value.replace("{person}", "demo.person")
    return value


def _with_id(body: dict[str, Any], kind: Kind, place: str) -> dict[str, Any]:
    name = {"lead": "event_id", "signal": "external_id"}.get(kind)
    return body if name is None or name in body else {**body, name: str(uuid5(_DEMO, place))}


def _check(name: str, expected: Any, result: CaseResult) -> tuple[bool, Any]:
    if name in _COMPARED:
        return _compare(name, [result.views[number - 1] for number in expected])
    if name in _COUNTED:
        count = _COUNTED[name](result)
        return count == expected, count
    got = _VALUES[name](result.subject or {})
    if name in _MATCHED:
        return _MATCHED[name](expected, got), sorted(got or ()) if name == "provenance" else got
    if name == "signed_by_owner":
        return (result.owner is not None and str(got).endswith(result.owner)) is expected, got
    return (got in expected if isinstance(expected, list) else got == expected), got


def _has_texts(expected: Any, got: Any) -> bool:
    texts = expected if isinstance(expected, list) else [expected]
    return all(str(text) in (got or "") for text in texts)


def _has_items(expected: Any, got: Any) -> bool:
    return isinstance(expected, dict) and expected.items() <= (got or {}).items()


def _compare(name: str, views: Sequence[Mapping[str, Any] | None]) -> tuple[bool, Any]:
    values = [view and view.get(_COMPARED[name]) for view in views]
    if None in values:
        return False, values
    alike = len(set(values)) == 1
    return alike is (name != "different_lead"), values


def _value_at(*path: str) -> Callable[[Mapping[str, Any]], Any]:
    def value(view: Mapping[str, Any]) -> Any:
        found: Any = view
        for name in path:
            found = (found or {}).get(name)
        return found

    return value


_COMPARED: Final = {"same_lead": "lead_id", "different_lead": "lead_id", "same_owner": "owner"}
_COUNTED: Final[Mapping[str, Callable[[CaseResult], int]]] = {
    "webhooks": lambda result: result.webhooks,
    "rotation_credits": lambda result: result.credits,
}
_VALUES: Final[Mapping[str, Callable[[Mapping[str, Any]], Any]]] = {
    "status": _value_at("status"),
    "owned": lambda view: view["owner"] is not None if "owner" in view else None,
    "revision": _value_at("revision"),
    "queue": _value_at("decision", "queue"),
    "motion": _value_at("decision", "motion"),
    "reason": _value_at("decision", "reason"),
    "rule_is_not": _value_at("decision", "rule"),
    "band": _value_at("score", "band"),
    "grade": _value_at("score", "grade"),
    "trigger": _value_at("trigger", "kind"),
    "trigger_type": _value_at("trigger", "type"),
    "brief_contains": _value_at("brief", "markdown"),
    "contact": _value_at("brief", "contact"),
    "trigger_says": _value_at("brief", "trigger", "details"),
    "handed_over_by": _value_at("brief", "hand_off", "by"),
    "notes": _value_at("brief", "hand_off", "notes"),
    "opening": _value_at("brief", "warm_intro"),
    "signed_by_owner": _value_at("brief", "warm_intro"),
    "enrichment_status": _value_at("enrichment", "status"),
    "provenance": _value_at("provenance"),
}
_MATCHED: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "provenance": lambda expected, got: set(expected) <= set(got or ()),
    "rule_is_not": lambda expected, got: got is not None and got != expected,
    "brief_contains": _has_texts,
    "trigger_says": _has_texts,
    "opening": _has_texts,
    "contact": _has_items,
    "notes": _has_items,
}
SUBJECT_KEYS: Final = frozenset({"of", "account_lead"})
"""What says which lead a case is about; all other names are expectations."""
