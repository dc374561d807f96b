"""Leads at a vendor that takes batches and answers later: each question once, its own answer, within the deadline."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from services.enricher.domain.providers import ProviderAnswer
from services.enricher.provider_client import Lane, ProviderClient
from shared.resilience.priority_limiter import Turn
from tests.support.made_up_vendors import JobVendorSimulator, LoopClock, person_query, vendor_client
from tests.support.vendor_jobs import JobsInMemory
from tests.support.virtual_time import run_in_virtual_time

names = st.sampled_from([f"person{number}" for number in range(12)] + ["nobody1", "nobody2"])
arrivals = st.lists(
    st.tuples(names, st.floats(0, 3), st.floats(0.5, 8)),
    min_size=1,
    max_size=25,
    unique_by=lambda one: one[0],
)
PRICE_CENTS = 4


@settings(max_examples=60)
@given(arrivals=arrivals, ready_after_s=st.floats(0.1, 40), retries=st.lists(st.floats(1, 20), max_size=3))
def test_every_question_is_asked_once_and_answered_for_whom_it_is_about(arrivals, ready_after_s, retries):
    async def look_up(
        name: str, begins_s: float, within_s: float, jobs: JobsInMemory
    ) -> list[ProviderAnswer]:
        await asyncio.sleep(begins_s)
        answers: list[ProviderAnswer] = []
        for pause_s in (0.0, *retries):
            await asyncio.sleep(pause_s)
            client = vendor_client(vendor, jobs=jobs) if pause_s else clients[0]
            began_s = asyncio.get_running_loop().time()
            answers.append(
                await client.query(person_query(name), within_s=within_s, turn=Turn(Lane.FRESH, 1.0))
            )
            assert asyncio.get_running_loop().time() <= began_s + within_s + 0.001
            if answers[-1].is_conclusive:
                break
        return answers

    async def main() -> None:
        jobs = JobsInMemory(LoopClock())
        clients.append(vendor_client(vendor, jobs=jobs))
        looked_up = await asyncio.gather(
            *(look_up(name, begins_s, within_s, jobs) for name, begins_s, within_s in arrivals)
        )
        for (name, _begins_s, _within_s), answers in zip(arrivals, looked_up, strict=True):
            assert len(answers) == 1 or not answers[-2].is_conclusive
            *failed, last = answers
            assert all(answer.cost == 0 for answer in failed)
            if last.outcome == "match":
                assert (last.facts.person.title, last.cost) == (f"Head of {name}", PRICE_CENTS)
            assert last.outcome in ("timeout", "no_match" if name.startswith("nobody") else "match")

    vendor, clients = JobVendorSimulator(ready_after_s=ready_after_s), list[ProviderClient]()
    run_in_virtual_time(main(), at_most_s=300)
    asked = Counter(item["ref"] for batch in vendor.asked for item in batch)
    assert set(asked.values()) == {1}
    assert len(asked) == len(arrivals)
    assert max(map(len, vendor.asked)) <= 10
