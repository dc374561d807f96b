"""`/v1/reports/fairness`: shares, bounds, and queues that the policy no longer has."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.router.domain.fairness import LEAD
from services.router.domain.state import QueueRow, RepQueueRow
from shared.policy.versions import seed_policy


@pytest.fixture
async def gateway(start_gateway):
    running = await start_gateway()
    await seed_policy(running.resources.database, Path("config"), running.resources.clock.now())
    return running


async def test_each_rep_has_the_exact_share_beside_what_was_assigned(gateway):
    await gateway.store(
        RepQueueRow("sdr", "sdr-1", 7, -LEAD // 2, 2, out_of_turn=1),
        RepQueueRow("sdr", "sdr-2", 6, LEAD // 2, 2),
        RepQueueRow("gone", "left", 3, 0, 0),
    )
    status, report, _ = await gateway.ask("GET", "/v1/reports/fairness")
    assert status == 200
    assert (
        report["in_words"]
        == "everybody is within the bound; furthest from the share is sdr-2 in sdr, by 0.5 leads"
    )
    queues = {one["queue"]: one for one in report["queues"]}
    assert [*queues] == ["bdr", "gone", "sdr", "senior-ae"]
    assert (queues["sdr"]["distribute"], queues["sdr"]["bound"]) == ("weighted", 1.0)
    first, second = queues["sdr"]["reps"][:2]
    assert first == {
        "rep": "sdr-1",
        "name": "Ana Ruiz",
        "weight": 100,
        "assigned": 7,
        "out_of_turn": 1,
        "share": 6.5,
        "deviation": 0.5,
        "within_bound": True,
    }
    assert (second["assigned"], second["share"], second["deviation"]) == (6, 6.5, -0.5)
    gone = queues["gone"]
    assert (gone["distribute"], gone["promises"]) == (None, None)
    assert (gone["reps"][0]["name"], gone["reps"][0]["weight"]) == (None, None)


async def test_a_queue_over_its_bound_says_so(gateway):
    await gateway.store(
        RepQueueRow("sdr", "sdr-1", 9, -2 * LEAD),
        RepQueueRow("sdr", "sdr-2", 5, 2 * LEAD),
        QueueRow("sdr", steady=False),
    )
    _, report, _ = await gateway.ask("GET", "/v1/reports/fairness?queue=sdr")
    (queue,) = report["queues"]
    assert (report["in_words"], queue["within_bound"], queue["bound"]) == ("over the bound: sdr", False, 1.5)


async def test_a_queue_without_leads_is_fair_and_an_unknown_one_is_not_found(gateway):
    _, report, _ = await gateway.ask("GET", "/v1/reports/fairness?queue=bdr")
    assert (report["in_words"], report["queues"][0]["reps"]) == ("everybody has exactly the share", [])
    status, problem, _ = await gateway.ask("GET", "/v1/reports/fairness?queue=nowhere")
    assert (status, problem["title"]) == (404, "There is no such queue")
