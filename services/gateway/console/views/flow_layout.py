"""Where everything of the picture of a policy's flow stands, in pixels. Pure.

From left to right: the trunk, as wide as the leads that are still on their way; the cards of the steps, from
top to bottom in the order of the policy; the queues. An edge of a card's width leaves the trunk and bends
into the card, and from its right side edges run to the queues of its leads. Widths are leads times one scale,
and a little more where so few leads could not be seen. What enters a card leaves it, and what enters a queue
is what the cards sent there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

WIDTH: Final = 1_100
TRUNK_X: Final = 24.0
CARD_X: Final = 190.0
CARD_WIDTH: Final = 448.0
QUEUE_X: Final = 866.0
QUEUE_WIDTH: Final = 234.0
TOP: Final = 44.0
"""Where the trunk begins, below the number of all leads."""
SUPPRESSION_HEIGHT: Final = 31.0
RULE_HEIGHT: Final = 44.0
QUEUE_HEIGHT: Final = 96.0
EDGE_MAX: Final = 34.0
SUPPRESSED_MAX: Final = 26.0
EDGE_MIN: Final = 1.5
TRUNK_MAX: Final = 120.0
_TRUNK_EXTRA: Final = 24.0
"""How much wider the trunk may be because thin edges are drawn with `EDGE_MIN`."""
_HEADING: Final = 30.0
_SUPPRESSION_GAP: Final = 8.0
_RULE_GAP: Final = 10.0
_QUEUE_GAP: Final = 24.0
_BEND: Final = 8.0


class StepShape(Struct, frozen=True):
    """A card: its place, the edge from the trunk into it, and how wide that is (0: no lead)."""

    name: str
    y: float
    height: float
    edge: str
    width: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


class EdgeShape(Struct, frozen=True):
    """An edge from a card to a queue. `begin` and `end` are the places of its middle at both."""

    step: str
    queue: str
    width: float
    begin: float
    end: float
    path: str


class QueueShape(Struct, frozen=True):
    """The box of a queue."""

    queue: str
    y: float
    height: float


class FlowShapes(Struct, frozen=True):
    """The picture. `headings` are the places of the headings of suppressions and rules, None without any."""

    height: float
    trunk: str
    trunk_width: float
    steps: list[StepShape]
    edges: list[EdgeShape]
    queues: list[QueueShape]
    headings: tuple[float | None, float | None]


class StepLeads(Struct, frozen=True):
    """A step to draw: its leads by queue; those of a suppression are under the empty name."""

    name: str
    is_rule: bool
    leads: Mapping[str, int]


def flow_shapes(steps: Sequence[StepLeads], queues: Sequence[str]) -> FlowShapes:
    """Return the picture of steps and of the queues that their leads are in.

    The widest edge is `EDGE_MAX`, unless cards or trunk have less room.
    """
    rooms = [(EDGE_MAX if step.is_rule else SUPPRESSED_MAX, sum(step.leads.values())) for step in steps]
    edges_min = EDGE_MIN * sum(number > 0 for step in steps for number in step.leads.values())
    trunk_room = max(EDGE_MIN, TRUNK_MAX - max(0.0, edges_min - _TRUNK_EXTRA))
    rooms.append((trunk_room, sum(leads for _room, leads in rooms)))
    scale = min((room / leads for room, leads in rooms if leads), default=0.0)
    widths = [
        {queue: max(EDGE_MIN, number * scale) for queue, number in step.leads.items() if number > 0}
        for step in steps
    ]
    places, headings, bottom = _place_cards(steps)
    right = TRUNK_X + sum(sum(own.values()) for own in widths)
    trunk_width = right - TRUNK_X
    outline = [f"M{TRUNK_X:g} {TOP:g}H{right:.2f}"]
    shapes: list[StepShape] = []
    for step, (y, height), own in zip(steps, places, widths, strict=True):
        width = sum(own.values())
        middle, lane, bend = y + height / 2, right - width / 2, width / 2 + _BEND
        edge = f"M{lane:.2f} {middle - bend - 0.5:.2f}" + _into_card(lane, middle, bend)
        shapes.append(StepShape(step.name, y, height, edge if width else "", width))
        if width:
            right -= width
            outline.append(f"V{middle - bend:.2f}H{right:.2f}")
    outline.append(f"H{TRUNK_X:g}Z")
    boxes = _place_queues(shapes, widths, queues, (headings[1] or TOP) + _HEADING / 2, bottom)
    edges = _edges(shapes, widths, boxes)
    lowest = max([bottom, *(box.y + box.height for box in boxes)])
    return FlowShapes(
        lowest + 16, "".join(outline) if trunk_width else "", trunk_width, shapes, edges, boxes, headings
    )


def own_path(shapes: FlowShapes, step: str, queue: str) -> str:
    """Return the way of one lead through the picture, empty for a step that is not in it.

    It goes down the trunk where the edge of its step leaves it, and from the card on to its queue, if any.
    """
    right = TRUNK_X + shapes.trunk_width
    for shape in shapes.steps:
        if shape.name == step:
            lane, middle = right - shape.width / 2, shape.middle
            bend = shape.width / 2 + _BEND
            path = f"M{lane:.2f} {TOP:g}" + _into_card(lane, middle, bend)
            edge = next((one for one in shapes.edges if (one.step, one.queue) == (step, queue)), None)
            box = next((one for one in shapes.queues if one.queue == queue), None)
            if edge is not None:
                path += edge.path
            elif box is not None:
                path += _curve(middle, box.y + box.height / 2)
            return path
        right -= shape.width
    return ""


def _place_cards(
    steps: Sequence[StepLeads],
) -> tuple[list[tuple[float, float]], tuple[float | None, float | None], float]:
    """Return place and height of each card, the places of both headings, and where the last card ends."""
    y, places = TOP, list[tuple[float, float]]()
    headings: list[float | None] = [None, None]
    for step in steps:
        if headings[step.is_rule] is None:
            headings[step.is_rule] = y + _HEADING / 2 + (8 if step.is_rule and places else 0)
            y += _HEADING + (16 if step.is_rule and places else 0)
        height = RULE_HEIGHT if step.is_rule else SUPPRESSION_HEIGHT
        places.append((y, height))
        y += height + (_RULE_GAP if step.is_rule else _SUPPRESSION_GAP)
    return places, (headings[0], headings[1]), y


def _place_queues(
    shapes: Sequence[StepShape],
    widths: Sequence[Mapping[str, float]],
    queues: Sequence[str],
    top: float,
    bottom: float,
) -> list[QueueShape]:
    """Return the boxes of the queues, spread over the height; whose leads come from further up is higher."""
    entering = {
        queue: [(shape.middle, own.get(queue, 0.0)) for shape, own in zip(shapes, widths, strict=True)]
        for queue in queues
    }

    def height_of(queue: str) -> float:
        return max(QUEUE_HEIGHT, sum(width for _middle, width in entering[queue]) + 24)

    def source(queue: str) -> float:
        whole = sum(width for _middle, width in entering[queue])
        return sum(middle * width for middle, width in entering[queue]) / whole if whole else bottom

    ordered = sorted(queues, key=source)
    rest = bottom - top - sum(map(height_of, queues))
    gap = max(_QUEUE_GAP, rest / (len(queues) - 1)) if len(queues) > 1 else 0
    boxes: list[QueueShape] = []
    y = top
    for queue in ordered:
        boxes.append(QueueShape(queue, y, height_of(queue)))
        y += height_of(queue) + gap
    return boxes


def _edges(
    shapes: Sequence[StepShape], widths: Sequence[Mapping[str, float]], boxes: Sequence[QueueShape]
) -> list[EdgeShape]:
    """Return the edges from cards to queues. At both ends they lie side by side."""
    entered: dict[str, float] = {}
    for box in boxes:
        whole = sum(own.get(box.queue, 0.0) for own in widths)
        entered[box.queue] = box.y + (box.height - whole) / 2
    edges: list[EdgeShape] = []
    for shape, own in zip(shapes, widths, strict=True):
        left = shape.middle - shape.width / 2
        for box in boxes:
            width = own.get(box.queue, 0.0)
            if width:
                begin, end = left + width / 2, entered[box.queue] + width / 2
                edges.append(EdgeShape(shape.name, box.queue, width, begin, end, _curve(begin, end)))
                left += width
                entered[box.queue] += width
    return edges


def _curve(begin: float, end: float) -> str:
    x, across = CARD_X + CARD_WIDTH, (QUEUE_X - CARD_X - CARD_WIDTH) / 2
    return f"M{x:g} {begin:.2f}C{x + across:g} {begin:.2f} {x + across:g} {end:.2f} {QUEUE_X:g} {end:.2f}"


def _into_card(lane: float, middle: float, bend: float) -> str:
    """Return the rest of a path that goes down at `lane`, to the left side of a card."""
    return f"V{middle - bend:.2f}Q{lane:.2f} {middle:.2f} {lane + bend:.2f} {middle:.2f}H{CARD_X:g}"
