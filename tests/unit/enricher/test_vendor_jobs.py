"""Batches and jobs of vendors, in virtual time: one request for many leads, one question for each, once."""

from __future__ import annotations

import asyncio
import json

import pytest

from services.enricher.domain.providers import ProviderAnswer
from services.enricher.provider_client import Lane, ProviderClient
from services.enricher.vendor_jobs import CallbackAddresses
from shared.resilience.priority_limiter import Turn
from tests.support.made_up_vendors import (
    BATCHED,
    JobVendorSimulator,
    LoopClock,
    person_query,
    vendor_client,
)
from tests.support.vendor_jobs import JobsInMemory
from tests.support.virtual_time import run_in_virtual_time

PRICED_BY_POLL = {**BATCHED, "price": {"match": 4, "polled": 1}}


async def ask(client: ProviderClient, name: str, *, within_s: float = 8.0) -> ProviderAnswer:
    return await client.query(person_query(name), within_s=within_s, turn=Turn(Lane.FRESH, 1.0))


def test_queries_of_the_same_moment_are_one_request_and_each_gets_its_own_answer():
    async def main() -> None:
        vendor = JobVendorSimulator()
        client = vendor_client(vendor, jobs=JobsInMemory(LoopClock()))
        answers = await asyncio.gather(*(ask(client, name) for name in ("ana", "ben", "nobody", "cleo")))
        assert [answer.facts.person.title for answer in answers] == [
            "Head of ana",
            "Head of ben",
            None,
            "Head of cleo",
        ]
        assert [(answer.outcome, answer.cost) for answer in answers] == [
            ("match", 4),
            ("match", 4),
            ("no_match", 0),
            ("match", 4),
        ]
        assert len(vendor.asked) == 1
        assert len(vendor.polled_at) == 2  # for all of them together

    run_in_virtual_time(main(), at_most_s=20)


def test_a_batch_has_no_more_questions_than_the_vendor_takes():
    async def main() -> None:
        vendor = JobVendorSimulator()
        client = vendor_client(vendor, jobs=JobsInMemory(LoopClock()))
        answers = await asyncio.gather(*(ask(client, f"person{number}") for number in range(25)))
        assert sorted(map(len, vendor.asked)) == [5, 10, 10]
        assert {answer.outcome for answer in answers} == {"match"}

    run_in_virtual_time(main(), at_most_s=20)


def test_an_answer_that_comes_after_the_deadline_is_polled_later_and_never_asked_for_again():
    async def main() -> None:
        vendor, jobs = JobVendorSimulator(ready_after_s=20.0), JobsInMemory(LoopClock())
        first = vendor_client(vendor, jobs=jobs)
        answer = await ask(first, "ana", within_s=5.0)
        assert (answer.outcome, answer.cost, answer.detail) == ("timeout", 0, "the vendor still looks")
        assert asyncio.get_running_loop().time() < 5.0
        await asyncio.sleep(16)
        another_process = vendor_client(vendor, jobs=jobs)
        answer = await ask(another_process, "ana")
        assert (answer.outcome, answer.facts.person.title) == ("match", "Head of ana")
        assert len(vendor.asked) == 1

    run_in_virtual_time(main(), at_most_s=60)


def test_a_job_that_is_not_answered_is_given_up_and_its_question_stays_asked():
    async def main() -> None:
        vendor, jobs = JobVendorSimulator(ready_after_s=1e9), JobsInMemory(LoopClock())
        client = vendor_client(vendor, jobs=jobs)
        await ask(client, "ana", within_s=5.0)
        await asyncio.sleep(60)
        polls = len(vendor.polled_at)
        answer = await ask(client, "ana")
        assert (answer.outcome, answer.detail) == ("failed", "its job gave no answer in time")
        assert (len(vendor.asked), len(vendor.polled_at)) == (1, polls)

    run_in_virtual_time(main(), at_most_s=90)


def test_a_job_that_the_vendor_lost_is_asked_for_anew_by_the_next_look_up():
    async def main() -> None:
        vendor, jobs = JobVendorSimulator(), JobsInMemory(LoopClock())
        client = vendor_client(vendor, jobs=jobs)
        vendor.lost.add("0")
        assert (await ask(client, "ana")).outcome == "failed"
        assert (await ask(client, "ana")).outcome == "match"
        assert len(vendor.asked) == 2

    run_in_virtual_time(main(), at_most_s=60)


def test_what_the_vendor_posts_is_used_without_a_poll():
    async def main() -> None:
        vendor, jobs = JobVendorSimulator(ready_after_s=1e9), JobsInMemory(LoopClock())
        addresses = CallbackAddresses("https://baton.example/", lambda text, purpose: f"{purpose}/{text}")
        client = vendor_client(vendor, jobs=jobs, callbacks=addresses)
        await ask(client, "ana", within_s=1.0)
        (address,) = vendor.webhooks
        assert address is not None
        assert address.startswith("https://baton.example/hooks/providers/slowdata/provider-post:slowdata/")
        jobs.bodies[address.rpartition("/")[2]] = json.dumps(vendor.results(0)).encode()
        answer = await ask(client, "ana", within_s=1.0)
        assert (answer.outcome, answer.facts.person.title) == ("match", "Head of ana")
        assert vendor.polled_at == []

    run_in_virtual_time(main(), at_most_s=20)


def test_a_poll_that_costs_is_paid_by_the_lead_that_made_it():
    async def main() -> None:
        vendor = JobVendorSimulator(ready_after_s=3.0)
        client = vendor_client(vendor, PRICED_BY_POLL, jobs=JobsInMemory(LoopClock()))
        answers = await asyncio.gather(ask(client, "ana"), ask(client, "ben"))
        assert sum(answer.cost for answer in answers) == 4 + 4 + len(vendor.polled_at)

    run_in_virtual_time(main(), at_most_s=20)


@pytest.mark.parametrize("given_up_after_s", [0.01, 0.055, 1.0])
def test_a_query_that_is_given_up_leaves_the_others_of_its_batch_alone(given_up_after_s):
    async def main() -> None:
        vendor = JobVendorSimulator()
        client = vendor_client(vendor, jobs=JobsInMemory(LoopClock()))
        other = asyncio.create_task(ask(client, "ben"))
        given_up = asyncio.create_task(ask(client, "ana"))
        await asyncio.sleep(given_up_after_s)
        given_up.cancel()
        assert (await other).outcome == "match"

    run_in_virtual_time(main(), at_most_s=20)
