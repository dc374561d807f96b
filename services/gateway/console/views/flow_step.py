"""The panel of a step on the page Flow: its condition, how it was decided, its newest leads. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from services.gateway.console import words
from services.gateway.console.views.flow_words import (
    FlowQuery,
    condition_of,
    late_share_of,
    list_href,
    queue_lines,
    since_of,
)
from services.gateway.domain.reports.flow_paths import FlowStepPath
from services.gateway.domain.reports.periods import Window


class FieldLine(Struct, frozen=True):
    """A field that a rule asks for and that had no value, for how many leads."""

    name: str
    leads: int


class LeadLine(Struct, frozen=True):
    """One of the newest leads of a step."""

    href: str
    name: str
    company: str
    grade: str
    queue: str
    at: datetime


class StepPanel(Struct, frozen=True):
    """What the panel says of a step. `others` are fields that it asks for and that nobody can look up."""

    key: str
    name: str
    kind: str
    says: str
    reached: int
    leads: int
    no: int
    unknown: int | None
    fields: list[FieldLine]
    others: str
    queues: list[tuple[str, int, str]]
    late: str
    newest: list[LeadLine]
    list_href: str
    edit_href: str
    in_policy: bool
    close_href: str


def step_panel(
    step: FlowStepPath, query: FlowQuery, window: Window, newest: Sequence[Mapping[str, Any]]
) -> StepPanel:
    """Return what the panel says of a step; `newest` are rows of its leads."""
    since = since_of(query, window)
    return StepPanel(
        key=step.key,
        name=words.title(step.name),
        kind="Rule" if step.kind == "rule" else "Suppression",
        says=condition_of(step),
        reached=step.reached,
        leads=step.leads,
        no=step.no,
        unknown=step.unknown,
        fields=[FieldLine(words.field(name), number) for name, number in step.unknown_fields.items()],
        others=", ".join(words.field(name) for name in step.other_fields) if step.unknown else "",
        queues=queue_lines(step, since),
        late=late_share_of(step),
        newest=[
            LeadLine(
                f"/leads/{row['lead_id']}",
                row["name"] or row["email"] or row["account"],
                row["company"] or row["account"],
                row["grade"] or "",
                row["queue"] or "",
                row["first_at"],
            )
            for row in newest
        ],
        list_href=list_href(step, since),
        edit_href="/policy?" + urlencode({"file": "routing.yaml", "step": step.name}),
        in_policy=step.in_policy,
        close_href=query.href(),
    )
