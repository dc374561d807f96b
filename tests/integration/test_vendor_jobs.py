"""Jobs of vendors in the database, and the answers that vendors post to the gateway."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.enricher.domain.providers import LookupTarget, ProviderQuery
from services.enricher.domain.record import ROLE
from services.enricher.domain.vendor_jobs import VendorJobRow, job_row
from services.enricher.handlers import ENRICH_AGAIN
from services.enricher.vendor_jobs import CallbackAddresses, JobStore, VendorJobs
from services.gateway.domain.provider_posts import ProviderPostRow
from services.gateway.intake.provider_posts import forget_posts
from shared.storage.database import Database
from shared.storage.rows import IdentityMap, Put
from shared.vault import Vault
from shared.worker.rows import TimerRow
from tests.support.fixed_clock import FixedClock
from tests.support.vendor_jobs import JobsInMemory

AT = datetime(2026, 3, 1, tzinfo=UTC)
TARGET = LookupTarget("brightloom.example", "ana@brightloom.example", lead_id="lead")
QUESTION = ProviderQuery("slowdata", "person", "lead", TARGET, ("person.title",))
JOB = job_row(QUESTION, "job-1", "submission-1", AT, timedelta(minutes=5))


async def store(database: Database, *rows: Any) -> None:
    changes = IdentityMap()
    changes.apply([Put(row) for row in rows])
    async with database.begin() as tx:
        await tx.write(changes)


@pytest.fixture(params=["database", "memory"])
def clock_and_jobs(request, database) -> tuple[FixedClock, JobStore]:
    clock = FixedClock(AT)
    if request.param == "memory":
        return clock, JobsInMemory(clock)
    return clock, VendorJobs(database, clock)


async def test_a_job_answers_its_question_until_it_expires(clock_and_jobs):
    clock, jobs = clock_and_jobs
    assert await jobs.find(QUESTION) is None
    await jobs.keep([JOB])
    assert await jobs.find(QUESTION) == JOB
    assert await jobs.find(replace(QUESTION, provider="other")) is None
    assert await jobs.find(replace(QUESTION, subject="find_email")) is None
    clock.advance(JOB.expires_at - AT)
    assert await jobs.find(QUESTION) is None


async def test_a_job_that_is_lost_is_replaced_by_the_next(clock_and_jobs):
    _clock, jobs = clock_and_jobs
    await jobs.keep([JOB])
    await jobs.drop(JOB)
    assert await jobs.find(QUESTION) is None
    later = replace(JOB, job="job-2")
    await jobs.keep([later])
    assert await jobs.find(QUESTION) == later


async def test_nothing_is_posted_of_a_job_before_the_vendor_does(clock_and_jobs):
    _clock, jobs = clock_and_jobs
    await jobs.keep([JOB])
    assert await jobs.posted(JOB) is None


async def test_a_posted_answer_makes_the_lead_be_looked_up_at_once(database):
    jobs = VendorJobs(database, FixedClock(AT))
    timer = TimerRow("lead", ROLE, ENRICH_AGAIN, AT + timedelta(hours=1))
    await store(database, JOB, timer)
    assert await jobs.wake_waiting() is False
    assert await timers(database) == [timer]
    await store(database, ProviderPostRow("submission-1", "slowdata", b"{}", AT))
    await jobs.wake_waiting()
    assert await timers(database) == [replace(timer, due_at=AT)]
    assert await jobs.posted(JOB) == b"{}"
    async with database.read() as tx:
        assert [row.is_woken for row in await tx.load(VendorJobRow, "about", ["lead"])] == [True]


async def timers(database: Database) -> list[TimerRow]:
    async with database.read() as tx:
        return list(await tx.load(TimerRow, "subject", ["lead"], role=ROLE))


async def test_the_gateway_keeps_what_a_vendor_posts_to_the_address_it_was_given(gateway):
    addresses = CallbackAddresses("http://baton.example", gateway_vault(gateway).seal)
    path = addresses.address("slowdata", "submission-1").removeprefix("http://baton.example")
    for body in (b'{"state": "running"}', b'{"state": "done"}'):
        status, _body, _headers = await gateway.ask("POST", path, data=body)
        assert status == 204
    assert await VendorJobs(gateway.database, FixedClock(AT)).posted(JOB) == b'{"state": "done"}'


@pytest.mark.parametrize("change", ["token", "provider"])
async def test_nobody_else_can_answer_a_question(gateway, change):
    path = CallbackAddresses("", gateway_vault(gateway).seal).address("slowdata", "submission-1")
    path = path[:-4] + "AAAA" if change == "token" else path.replace("slowdata", "other")
    assert (await gateway.ask("POST", path, data=b"{}"))[0] == 404
    assert await VendorJobs(gateway.database, FixedClock(AT)).posted(JOB) is None


async def test_an_answer_that_is_too_large_is_refused(gateway):
    path = CallbackAddresses("", gateway_vault(gateway).seal).address("slowdata", "submission-1")
    assert (await gateway.ask("POST", path, data=io.BytesIO(b"x" * (2 * 1024 * 1024))))[0] == 413


async def test_an_erased_person_is_in_no_posted_answer(gateway):
    ana = ProviderPostRow("submission-1", "slowdata", b'{"mail": "ana@brightloom.example"}', AT)
    ben = ProviderPostRow("submission-2", "slowdata", b'{"mail": "ben@brightloom.example"}', AT)
    await store(gateway.database, ana, ben)
    await forget_posts(gateway.database, ["email:ana@brightloom.example"])
    jobs = VendorJobs(gateway.database, FixedClock(AT))
    assert await jobs.posted(JOB) is None
    assert await jobs.posted(replace(JOB, submission="submission-2")) == ben.body


def gateway_vault(gateway: Any) -> Vault:
    """Return a vault of another process with the gateway's secret."""
    return Vault(gateway.resources.secret, os.urandom)
