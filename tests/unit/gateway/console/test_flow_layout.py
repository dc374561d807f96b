"""The picture of a policy's flow: what enters leaves, nothing lies upon another, whatever the numbers are."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.gateway.console.views.flow_layout import (
    CARD_X,
    EDGE_MAX,
    EDGE_MIN,
    TRUNK_MAX,
    TRUNK_X,
    FlowShapes,
    StepLeads,
    flow_shapes,
    own_path,
)

QUEUES = ("sdr", "bdr", "senior-ae", "csm")
NUMBERS = st.one_of(st.just(0), st.integers(1, 50), st.integers(1, 1_000_000))
STEPS = st.tuples(
    st.lists(NUMBERS.map(lambda number: {"": number}), max_size=8),
    st.lists(st.dictionaries(st.sampled_from(QUEUES), NUMBERS, max_size=4), min_size=1, max_size=12),
).map(
    lambda parts: [
        *(StepLeads(f"reason-{n}", False, leads) for n, leads in enumerate(parts[0])),
        *(StepLeads(f"rule-{n}", True, leads) for n, leads in enumerate(parts[1])),
    ]
)


def shapes_of(*rules: dict[str, int], suppressed: int = 0) -> FlowShapes:
    steps = [StepLeads(f"rule-{n}", True, leads) for n, leads in enumerate(rules)]
    return flow_shapes([StepLeads("spam", False, {"": suppressed}), *steps], ("sdr", "bdr"))


@given(STEPS)
def test_what_enters_leaves(steps: list[StepLeads]):
    shapes = flow_shapes(steps, QUEUES)
    assert sum(step.width for step in shapes.steps) == pytest.approx(shapes.trunk_width)
    for step, shape in zip(steps, shapes.steps, strict=True):
        leaving = sum(edge.width for edge in shapes.edges if edge.step == step.name)
        assert leaving == pytest.approx(shape.width if step.is_rule else 0)
        assert bool(shape.width) == bool(shape.edge) == any(step.leads.values())
    for edge in shapes.edges:
        leads = next(step.leads for step in steps if step.name == edge.step)[edge.queue]
        assert leads > 0
        assert edge.width >= EDGE_MIN


MANY_THIN_EDGES = [
    *(StepLeads(f"wide-{n}", True, {"sdr": 1_000_000, "bdr": 1, "senior-ae": 1, "csm": 1}) for n in range(4)),
    *(StepLeads(f"thin-{n}", True, dict.fromkeys(QUEUES, 1)) for n in range(8)),
]


@given(STEPS)
@example(MANY_THIN_EDGES)
def test_nothing_lies_upon_another(steps: list[StepLeads]):
    shapes = flow_shapes(steps, QUEUES)
    for above, below in pairwise(shapes.steps):
        assert above.y + above.height < below.y
        assert above.middle + above.width / 2 < below.middle - below.width / 2 + 1e-6
    for above_box, below_box in pairwise(shapes.queues):
        assert above_box.y + above_box.height < below_box.y
    for box in shapes.queues:
        entering = [edge for edge in shapes.edges if edge.queue == box.queue]
        for first, second in pairwise(entering):
            assert first.end + first.width / 2 <= second.end - second.width / 2 + 1e-6
        for edge in entering:
            assert box.y <= edge.end - edge.width / 2
            assert edge.end + edge.width / 2 <= box.y + box.height
    for step in shapes.steps:
        leaving = [edge for edge in shapes.edges if edge.step == step.name]
        for first, second in pairwise(leaving):
            assert first.begin + first.width / 2 <= second.begin - second.width / 2 + 1e-6
        assert step.width <= step.height
    lowest = max(
        *(step.y + step.height for step in shapes.steps), *(box.y + box.height for box in shapes.queues)
    )
    assert lowest <= shapes.height
    assert TRUNK_X + shapes.trunk_width < CARD_X - 20


def test_the_widest_edge_has_its_width_and_the_others_their_share():
    shapes = shapes_of({"sdr": 200}, {"bdr": 50}, suppressed=100)
    assert [shape.width for shape in shapes.steps] == pytest.approx([EDGE_MAX / 2, EDGE_MAX, EDGE_MAX / 4])


def test_many_equal_steps_share_the_widest_trunk():
    shapes = shapes_of(*({"sdr": 10} for _ in range(10)))
    assert shapes.trunk_width == pytest.approx(TRUNK_MAX)


def test_one_lead_of_many_can_be_seen_and_none_is_not_drawn():
    shapes = shapes_of({"sdr": 1_000_000}, {"bdr": 1}, {})
    assert [shape.width for shape in shapes.steps[1:]] == pytest.approx([EDGE_MAX, EDGE_MIN, 0])
    assert shapes.steps[-1].edge == ""


def test_a_policy_without_leads_has_cards_and_no_edges():
    shapes = shapes_of({}, {})
    assert shapes.trunk == ""
    assert shapes.edges == []
    assert len(shapes.queues) == 2


def test_queues_stand_in_the_order_of_where_their_leads_come_from():
    assert [box.queue for box in shapes_of({"bdr": 5}, {"sdr": 5}).queues] == ["bdr", "sdr"]
    assert [box.queue for box in shapes_of({"sdr": 5}, {"bdr": 5}).queues] == ["sdr", "bdr"]


def test_the_way_of_one_lead_goes_through_its_card_to_its_queue():
    shapes = shapes_of({"sdr": 5}, {"bdr": 5})
    edge = next(one for one in shapes.edges if one.step == "rule-1")
    assert own_path(shapes, "rule-1", "bdr").endswith(edge.path)
    assert own_path(shapes, "spam", "").endswith(f"H{CARD_X:g}")
    assert own_path(shapes, "rule-1", "sdr") != own_path(shapes, "rule-1", "bdr")
    assert own_path(shapes, "unknown", "sdr") == ""
