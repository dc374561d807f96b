"""The way of leads through the policy: what each step caught adds up, in the order of the policy."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.reports.flow_paths import FlowPaths, FlowStepPath, PathSums, flow_paths
from shared.policy.load import load, texts_in
from shared.policy.models import Policy

POLICY = load(texts_in(Path(__file__).parents[3] / "config"))
SUPPRESSIONS = [rule.reason for rule in POLICY.routing.suppress]
RULES = [rule.name for rule in POLICY.routing.rules]


@pytest.fixture
def policy() -> Policy:
    return POLICY


def step(paths: FlowPaths, name: str) -> FlowStepPath:
    return next(one for one in paths.steps if one.name == name)


def test_leads_pass_the_steps_in_the_order_of_the_policy(policy: Policy):
    sums: PathSums = {
        ("spam", "", "suppressed"): {"leads": 2},
        ("new-market", "bdr", "assigned"): {"leads": 3, "assigned": 3, "late": 1},
        ("fits", "sdr", "assigned"): {"leads": 4, "assigned": 4, "accepted": 2},
        ("fits", "senior-ae", "assigned"): {"leads": 1, "assigned": 1},
    }
    paths = flow_paths(policy, sums, {"new-market": {"": 2, "company.employees": 2, "person.title": 2}})
    assert [one.name for one in paths.steps] == [*SUPPRESSIONS, *RULES]
    assert paths.leads == 10
    assert (step(paths, "opted_out").reached, step(paths, "opted_out").no) == (10, 10)
    assert step(paths, "spam").unknown is None
    market = step(paths, "new-market")
    assert (market.reached, market.leads, market.no, market.unknown) == (8, 3, 3, 2)
    assert market.unknown_fields == {"company.employees": 2}
    assert market.late_share.value == pytest.approx(0.333)
    fits = step(paths, "fits")
    assert (fits.reached, fits.leads, fits.accepted, fits.sends_to) == (5, 5, 2, "sdr")
    assert [(one.queue, one.leads) for one in fits.queues] == [("sdr", 4), ("senior-ae", 1)]
    assert {one.queue: one.leads for one in paths.queues} == {"sdr": 4, "bdr": 3, "senior-ae": 1}
    assert step(paths, "nurture").reached == 0


def test_a_step_that_the_policy_no_longer_has_comes_last_of_its_kind(policy: Policy):
    sums: PathSums = {
        ("old-rule", "se", "assigned"): {"leads": 1},
        ("old-reason", "", "suppressed"): {"leads": 1},
    }
    paths = flow_paths(policy, sums, {})
    assert [one.name for one in paths.steps if not one.in_policy] == ["old-reason", "old-rule"]
    assert paths.steps[len(SUPPRESSIONS)].name == "old-reason"
    assert paths.queues[-1].queue == "se"
    assert paths.queues[-1].accept_within is None


def test_another_version_stands_beside(policy: Policy):
    sums: PathSums = {("fits", "sdr", "assigned"): {"leads": 4}}
    other: PathSums = {
        ("fits", "sdr", "assigned"): {"leads": 1},
        ("partner", "bdr", "assigned"): {"leads": 2},
    }
    paths = flow_paths(policy, sums, {}, other)
    assert (paths.leads, paths.compared) == (4, 3)
    assert (step(paths, "fits").compared, step(paths, "partner").compared) == (1, 2)
    assert [(one.queue, one.leads, one.compared) for one in step(paths, "partner").queues] == [("bdr", 0, 2)]
    assert step(flow_paths(policy, sums, {}), "fits").compared is None


@given(
    st.dictionaries(
        st.sampled_from(
            [(reason, "", "suppressed") for reason in (*SUPPRESSIONS, "gone")]
            + [(rule, queue, "assigned") for rule in (*RULES, "gone") for queue in ("sdr", "bdr")]
        ),
        st.integers(0, 50).map(lambda number: {"leads": number}),
    ),
    st.dictionaries(st.sampled_from(RULES), st.integers(0, 80)),
)
def test_every_lead_is_caught_by_one_step(sums: PathSums, unknown: dict[str, int]):
    paths = flow_paths(POLICY, sums, {rule: {"": number} for rule, number in unknown.items()})
    assert sum(one.leads for one in paths.steps) == paths.leads == sum(row["leads"] for row in sums.values())
    left = paths.leads
    for one in paths.steps:
        assert one.reached == left
        assert one.leads + one.no + (one.unknown or 0) == one.reached
        assert sum(queue.leads for queue in one.queues) == (one.leads if one.kind == "rule" else 0)
        left -= one.leads
    assert left == 0
    routed = sum(one.leads for one in paths.steps if one.kind == "rule")
    assert sum(queue.leads for queue in paths.queues) == routed
