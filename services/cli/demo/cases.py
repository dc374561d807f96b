"""The golden cases as values: what is sent, what must come of it, and whether it did. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, Literal
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


def golden_cases(only_decidable: bool = False) -> list[Case]:  # noqa: FBT001 - one switch
    """Return the committed golden cases; without those that need enrichment on demand."""
    document = YAML(typ="safe", pure=True).load(
        files(__package__).joinpath("golden-leads.yaml").read_text(encoding="utf-8")
    )
    groups = ("cases",) if only_decidable else ("cases", "needs_enrichment")
    return [_case(raw) for group in groups for raw in document[group]]


def prepared(case: Case, now: datetime, run: str) -> Case:
    """Fill in times and, where a body has none, an event id that is the same each time for this `run`."""
    steps = [
        Step(step.kind, _with_id(_filled(step.body, now), step.kind, f"{run}/{case.name}/{number}"))
        for number, step in enumerate(case.steps)
    ]
    return Case(case.name, steps, case.expect)


def differences(expect: Mapping[str, Any], seen: Seen) -> list[str]:
    """Return, in words, what is not as expected; nothing when the case holds."""
    return [
        f"{name}: expected {wanted!r}, got {got!r}"
        for name, wanted in expect.items()
        if name not in ("of", "account_lead")
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
    if name in ("same_lead", "different_lead", "same_owner"):
        return _compare(name, [seen.views[number - 1] for number in wanted])
    if name in ("webhooks", "rotation_credits"):
        count = seen.webhooks if name == "webhooks" else seen.credits
        return count == wanted, count
    got = _value(name, seen.subject or {})
    if name == "provenance":
        return all(field in (got or {}) for field in wanted), sorted(got or {})
    tests = {"rule_is_not": got != wanted, "brief_contains": str(wanted) in str(got)}
    return tests.get(name, got in wanted if isinstance(wanted, list) else got == wanted), got


def _compare(name: str, views: Sequence[Mapping[str, Any] | None]) -> tuple[bool, Any]:
    field = "owner" if name == "same_owner" else "lead_id"
    values = [view and view.get(field) for view in views]
    if None in values:
        return False, values
    alike = len(set(values)) == 1
    return alike is (name != "different_lead"), values


def _value(name: str, view: Mapping[str, Any]) -> Any:
    decision, score = view.get("decision") or {}, view.get("score") or {}
    trigger, brief = view.get("trigger") or {}, view.get("brief") or {}
    values = {
        "queue": decision.get("queue"),
        "motion": decision.get("motion"),
        "reason": decision.get("reason"),
        "rule_is_not": decision.get("rule"),
        "band": score.get("band"),
        "grade": score.get("grade"),
        "trigger": trigger.get("kind"),
        "trigger_type": trigger.get("type"),
        "brief_contains": brief.get("markdown"),
        "enrichment_status": (view.get("enrichment") or {}).get("status"),
    }
    return values[name] if name in values else view.get(name)
