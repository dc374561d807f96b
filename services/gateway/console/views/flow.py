"""What the page Flow shows: the picture of a policy with its counts, and the same as a table. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from services.gateway.console import words
from services.gateway.console.views.flow_layout import (
    CARD_WIDTH,
    CARD_X,
    QUEUE_WIDTH,
    QUEUE_X,
    TOP,
    TRUNK_X,
    WIDTH,
    EdgeShape,
    FlowShapes,
    QueueShape,
    StepLeads,
    StepShape,
    flow_shapes,
    own_path,
)
from services.gateway.console.views.flow_step import StepPanel
from services.gateway.console.views.flow_words import (
    FlowQuery,
    condition_of,
    late_share_of,
    leads_href,
    list_href,
    queue_lines,
    since_of,
)
from services.gateway.domain.reports.flow_paths import FlowPaths, FlowStepPath, QueuePath
from services.gateway.domain.reports.periods import PeriodName, Window

PERIODS: Final[Mapping[PeriodName, str]] = {"all": "All time", "30d": "30 d", "7d": "7 d", "24h": "24 h"}
_MINUS: Final = "\N{MINUS SIGN}"
_PERIOD_WORDS: Final[Mapping[PeriodName, str]] = {
    "all": "ever",
    "90d": "in 90 days",
    "30d": "in 30 days",
    "7d": "in 7 days",
    "24h": "in 24 hours",
}


class TabLink(Struct, frozen=True):
    """A tab: its text, its page, and whether that is shown."""

    name: str
    href: str
    current: bool


class VersionChoice(Struct, frozen=True):
    """A version in a picker."""

    version: str
    name: str
    chosen: bool


class StepCard(Struct, frozen=True):
    """A suppression or a rule in the picture. `change` is the difference from the other version."""

    key: str
    name: str
    says: str
    leads: int
    share: str
    change: str
    spoken: str
    href: str
    panel: str
    list_href: str
    shape: StepShape
    is_rule: bool
    in_policy: bool
    is_own: bool

    @classmethod
    def of(
        cls,
        step: FlowStepPath,
        shape: StepShape,
        total: int,
        query: FlowQuery,
        window: Window,
        *,
        is_own: bool,
    ) -> StepCard:
        """Return the card of a step."""
        name, is_rule = words.title(step.name), step.kind == "rule"
        key = step.key
        return cls(
            key,
            name,
            condition_of(step),
            step.leads,
            words.percent(step.leads / total) if total and step.leads else "",
            difference(step.leads, step.compared),
            f"{name}: {step.leads:,} of {step.reached:,} that came this far",
            query.href(step=key),
            query.href("/flow/step", step=key),
            list_href(step, since_of(query, window)),
            shape,
            is_rule,
            step.in_policy,
            is_own,
        )


class EdgeLink(Struct, frozen=True):
    """An edge to a queue; it leads to its leads."""

    href: str
    spoken: str
    hue: str
    shape: EdgeShape
    is_own: bool


class QueueCard(Struct, frozen=True):
    """A queue in the picture."""

    name: str
    leads: int
    change: str
    says: str
    href: str
    hue: str
    y: float
    height: float
    is_own: bool

    @classmethod
    def of(cls, queue: QueuePath, box: QueueShape, since: str, *, is_own: bool) -> QueueCard:
        """Return the card of a queue at the place of its box."""
        within = queue.accept_within
        return cls(
            queue.queue,
            queue.leads,
            difference(queue.leads, queue.compared),
            f"accept within {within}" if within else "no longer in the policy",
            leads_href(since, queue=queue.queue),
            words.queue_hue(queue.queue),
            box.y,
            box.height,
            is_own,
        )


class FlowTableRow(Struct, frozen=True):
    """A step as a row of the table."""

    name: str
    says: str
    reached: int
    leads: int
    no: int
    unknown: int | None
    queues: list[tuple[str, int, str]]
    late: str
    href: str


class OwnWay(Struct, frozen=True):
    """The way of the one lead that the page is about."""

    lead_id: str
    name: str
    step: str
    queue: str
    path: str
    hue: str


class FlowPicture(Struct, frozen=True):
    """The picture with everything on it."""

    total: int
    change: str
    width: int
    shapes: FlowShapes
    cards: list[StepCard]
    edges: list[EdgeLink]
    queues: list[QueueCard]
    rows: list[FlowTableRow]
    own: OwnWay | None
    trunk_x: float = TRUNK_X
    top: float = TOP
    card_x: float = CARD_X
    card_width: float = CARD_WIDTH
    queue_x: float = QUEUE_X
    queue_width: float = QUEUE_WIDTH


class FlowView(Struct, frozen=True):
    """The page Flow. `refresh` is the address of the picture alone."""

    version: str
    is_active: bool
    applied_by: str
    applied_at: datetime
    tabs: list[TabLink]
    versions: list[VersionChoice]
    compared: list[VersionChoice]
    query: FlowQuery
    notes: list[str]
    picture: FlowPicture
    panel: StepPanel | None
    refresh: str
    may_edit: bool


class OwnLead(Struct, frozen=True):
    """The lead that the page is about: its step, which may be a reason, and its queue."""

    lead_id: str
    name: str
    step: str
    queue: str


def flow_picture(
    paths: FlowPaths, query: FlowQuery, window: Window, own: OwnLead | None = None
) -> FlowPicture:
    """Return the picture of the way of leads through a policy."""
    steps = [
        StepLeads(step.name, True, {queue.queue: queue.leads for queue in step.queues})
        if step.kind == "rule"
        else StepLeads(step.name, False, {"": step.leads})
        for step in paths.steps
    ]
    shapes = flow_shapes(steps, [queue.queue for queue in paths.queues])
    since = since_of(query, window)
    way = None
    if own is not None:
        path = own_path(shapes, own.step, own.queue)
        hue = words.queue_hue(own.queue) if own.queue else ""
        way = OwnWay(own.lead_id, own.name, words.title(own.step), own.queue, path, hue)
    rules = (step for step in paths.steps if step.kind == "rule")
    leads = {(step.name, queue.queue): queue.leads for step in rules for queue in step.queues}
    edges = [
        EdgeLink(
            leads_href(since, rule=edge.step, queue=edge.queue),
            f"{words.title(edge.step)} to {edge.queue}: "
            + words.counted(leads[edge.step, edge.queue], "lead"),
            words.queue_hue(edge.queue),
            edge,
            own is not None and (own.step, own.queue) == (edge.step, edge.queue),
        )
        for edge in shapes.edges
    ]
    places = {box.queue: box for box in shapes.queues}
    queues = [
        QueueCard.of(queue, places[queue.queue], since, is_own=own is not None and own.queue == queue.queue)
        for queue in sorted(paths.queues, key=lambda one: places[one.queue].y)
    ]
    cards = [
        StepCard.of(step, shape, paths.leads, query, window, is_own=own is not None and own.step == step.name)
        for step, shape in zip(paths.steps, shapes.steps, strict=True)
    ]
    rows = [
        FlowTableRow(
            card.name,
            card.says,
            step.reached,
            step.leads,
            step.no,
            step.unknown,
            queue_lines(step, since),
            late_share_of(step),
            card.list_href,
        )
        for card, step in zip(cards, paths.steps, strict=True)
    ]
    change = difference(paths.leads, paths.compared)
    return FlowPicture(paths.leads, change, WIDTH, shapes, cards, edges, queues, rows, way)


def flow_notes(paths: FlowPaths, query: FlowQuery) -> list[str]:
    """Return what a reader of the picture should know first."""
    if not paths.leads:
        return []
    idle = [step for step in paths.steps if step.in_policy and not step.leads]
    if not idle:
        return []
    names = ", ".join(words.plain(step.name) for step in idle)
    when = _PERIOD_WORDS[query.period]
    said = "has never caught a lead" if query.period == "all" else f"caught no lead {when}"
    said = said if len(idle) == 1 else said.replace("has never", "have never")
    return [f"{words.counted(len(idle), 'step')} {said}: {names}."]


def difference(number: int, other: int | None) -> str:
    """Return the difference from the other version: `+3`, `±0`; empty without one."""
    if other is None:
        return ""
    return "±0" if number == other else f"{number - other:+,}".replace("-", _MINUS)
