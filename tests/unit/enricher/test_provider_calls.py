"""Calls of providers in virtual time: who is served first, how long a lead waits, what happens in a pause."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median

import httpx2
import pytest
from msgspec import Struct

from services.enricher.daily_budget import DailyBudget
from services.enricher.domain.providers import LookupTarget, ProviderAnswer, ProviderQuery
from services.enricher.provider_calls import ProviderCalls, Wait
from services.enricher.provider_client import Lane, ProviderClient
from services.enricher.provider_registry import ProviderSet
from shared.storage.database import Database
from tests.support.fixed_clock import FixedClock
from tests.support.vendor_simulator import VendorSimulator, client_of
from tests.support.virtual_time import run_in_virtual_time
from tests.support.waterfall import registry_of

VENDORS = ("peopledatalabs", "apollo", "clearbit")
CALLS = [
    ("peopledatalabs", "company"),
    ("apollo", "company"),
    ("clearbit", "company"),
    ("peopledatalabs", "person"),
]
"""What the default policy asks about a lead that nobody knows."""
NOBODY = httpx2.Response(404)
DEADLINE_S, PATIENCE_S = 8.0, 1.0
CALL_S = 0.05


class LookedUp(Struct):
    """A lead: how long it waited, for which turns, and what it got."""

    took_s: float
    began_s: float
    outcomes: Sequence[str]


class Lookups:
    """Looks leads up that nobody knows, one call after the other, as the waterfall does."""

    def __init__(self, vendors: Mapping[str, VendorSimulator], *, per_second: int = 10) -> None:
        clients = {
            name: client_of(vendor, name=name, price_cents=0, per_second=per_second, in_flight=5)
            for name, vendor in vendors.items()
        }
        self.clients: Mapping[str, ProviderClient] = clients
        self.providers: ProviderSet = registry_of(clients).current
        clock = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))
        # Nothing costs anything, so the budget never asks its database.
        database = Database("sqlite+aiosqlite:///unused")
        self.now_s = asyncio.get_running_loop().time
        self.calls = ProviderCalls(database, DailyBudget(database, clock), clock, monotonic_s=self.now_s)
        self.done: list[tuple[str, Lane]] = []

    async def look_up(self, name: str, lane: Lane = Lane.FRESH) -> LookedUp:
        began_s = self.now_s()
        outcomes: list[str] = []
        patience_s = PATIENCE_S if lane is Lane.FRESH else DEADLINE_S
        wait = Wait(lane, patience_s, began_s + DEADLINE_S)
        for provider, subject in CALLS:
            if provider in self.clients:
                answer, wait = await self.ask(name, wait, provider, subject)
                outcomes.append(answer.outcome)
        self.done.append((name, lane))
        return LookedUp(self.now_s() - began_s, began_s, outcomes)

    async def ask(
        self, name: str, wait: Wait, provider: str = "apollo", subject: str = "company"
    ) -> tuple[ProviderAnswer, Wait]:
        target = LookupTarget(f"{name}.example", f"ana@{name}.example", "Ana", "Lopez")
        query = ProviderQuery(provider, subject, f"{subject} {name}", target, ("company.employees",))  # type: ignore[arg-type]
        [answer], wait = await self.calls.answers(self.providers, {query: 0}, wait, is_public=False)
        return answer, wait


def in_virtual_time(main: Callable[[], Awaitable[None]], *, at_most_s: float = 200) -> None:
    async def run() -> None:
        await main()

    run_in_virtual_time(run(), at_most_s=at_most_s)


def unknowing(**latency_s: float) -> dict[str, VendorSimulator]:
    return {name: VendorSimulator(NOBODY, takes_s=latency_s.get(name, CALL_S)) for name in VENDORS}


async def at_20_a_second(lookups: Lookups, seconds: int) -> list[LookedUp]:
    async with asyncio.TaskGroup() as tasks:
        leads = []
        for number in range(20 * seconds):
            leads.append(tasks.create_task(lookups.look_up(f"new{number}")))
            await asyncio.sleep(1 / 20)
    return [lead.result() for lead in leads]


def test_no_lead_waits_longer_than_its_patience_though_twice_as_many_come_as_the_vendors_take():
    async def main() -> None:
        vendors = unknowing()
        leads = await at_20_a_second(Lookups(vendors), 30)
        longest_s = PATIENCE_S + len(CALLS) * CALL_S
        assert max(lead.took_s for lead in leads) <= longest_s + 0.01
        assert median(lead.took_s for lead in leads) < PATIENCE_S
        assert {outcome for lead in leads for outcome in lead.outcomes} == {"no_match", "skipped"}
        for vendor in vendors.values():
            assert len(vendor.called_at) > 0.9 * 30 * 10  # what they take is used

    in_virtual_time(main)


def test_single_leads_are_served_at_once_while_second_looks_use_what_is_left():
    async def main() -> None:
        lookups = Lookups(unknowing())
        old = [asyncio.create_task(lookups.look_up(f"old{number}", Lane.WORK)) for number in range(16)]
        await asyncio.sleep(0.5)
        for number in range(5):
            lead = await lookups.look_up(f"single{number}")
            assert lead.outcomes == ["no_match"] * len(CALLS)
            assert lead.took_s < len(CALLS) * (CALL_S + 0.2)
        assert not all(task.done() for task in old)
        await asyncio.gather(*old)

    in_virtual_time(main)


def test_fresh_leads_come_before_second_looks_and_those_that_are_worked_before_nurture():
    async def main() -> None:
        lookups = Lookups({"apollo": VendorSimulator(NOBODY)}, per_second=1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(lookups.look_up("first"))
            await asyncio.sleep(0.1)
            for name, lane in [("c", Lane.NURTURE), ("b", Lane.WORK), ("d", Lane.NURTURE)]:
                tasks.create_task(lookups.look_up(name, lane))
            await asyncio.sleep(0.6)
            tasks.create_task(lookups.look_up("a"))
        assert [name for name, _lane in lookups.done] == ["first", "a", "b", "c", "d"]

    in_virtual_time(main)


def test_a_fresh_lead_that_asks_the_same_as_a_second_look_moves_it_up_and_both_get_the_answer():
    async def main() -> None:
        vendor = VendorSimulator(NOBODY)
        lookups = Lookups({"apollo": vendor}, per_second=1)
        await lookups.look_up("first")
        async with asyncio.TaskGroup() as tasks:
            others = [tasks.create_task(lookups.look_up(f"o{n}", Lane.WORK)) for n in range(3)]
            same = tasks.create_task(lookups.look_up("same", Lane.NURTURE))
            await asyncio.sleep(0.7)
            fresh = tasks.create_task(lookups.look_up("same"))
        assert same.result().outcomes == fresh.result().outcomes == ["no_match"]
        assert fresh.result().took_s <= PATIENCE_S
        assert len(vendor.called_at) == 2 + len(others)

    in_virtual_time(main)


def test_a_lead_that_shares_a_call_waits_no_longer_for_its_turn_than_for_one_of_its_own():
    async def main() -> None:
        lookups = Lookups({"apollo": VendorSimulator(NOBODY, takes_s=1.9)})
        busy = [asyncio.create_task(lookups.look_up(f"busy{n}")) for n in range(5)]
        await asyncio.sleep(0)
        second_look = asyncio.create_task(lookups.look_up("same", Lane.WORK))
        await asyncio.sleep(0.1)
        fresh = await lookups.look_up("same")
        assert fresh.outcomes == ["skipped"]
        assert fresh.took_s == pytest.approx(PATIENCE_S / 2)
        assert (await second_look).outcomes == ["no_match"]
        await asyncio.gather(*busy)

    in_virtual_time(main)


@pytest.mark.parametrize("status", [401, 402, 429])
def test_a_provider_that_refuses_or_limits_holds_no_lead_and_is_tried_beside_the_leads(status):
    async def main() -> None:
        vendors = unknowing() | {"apollo": VendorSimulator(httpx2.Response(status), takes_s=1.5)}
        lookups = Lookups(vendors)
        leads = await at_20_a_second(lookups, 30)
        began_before_the_first_reply = [lead for lead in leads if lead.began_s < 3.5]
        others = leads[len(began_before_the_first_reply) :]
        assert max(lead.took_s for lead in others) <= PATIENCE_S + len(CALLS) * CALL_S + 0.01
        assert {lead.outcomes[1] for lead in others} == {"skipped"}
        calls_of_the_first_second, trials = 5, 5
        assert len(vendors["apollo"].called_at) <= calls_of_the_first_second + trials

    in_virtual_time(main)


def test_the_answer_to_a_trial_is_kept_for_the_second_look_of_its_lead():
    async def main() -> None:
        vendor = VendorSimulator(httpx2.Response(401), NOBODY, takes_s=0.5)
        lookups = Lookups({"apollo": vendor})
        assert (await lookups.look_up("a")).outcomes == ["failed"]
        await asyncio.sleep(5)
        fresh = await lookups.look_up("b")
        assert (fresh.outcomes, fresh.took_s) == (["skipped"], 0)
        await asyncio.sleep(15)
        assert lookups.clients["apollo"].status.state == "active"
        assert (await lookups.look_up("b", Lane.WORK)).outcomes == ["no_match"]
        assert len(vendor.called_at) == 2

    in_virtual_time(main)


def test_a_second_look_waits_for_the_trial_that_it_makes():
    async def main() -> None:
        lookups = Lookups({"apollo": VendorSimulator(httpx2.Response(401), NOBODY, takes_s=0.5)})
        await lookups.look_up("a")
        await asyncio.sleep(5)
        assert (await lookups.look_up("a", Lane.WORK)).outcomes == ["no_match"]

    in_virtual_time(main)


def test_second_looks_wait_for_a_trial_under_way_and_are_answered_when_the_provider_works_again():
    async def main() -> None:
        lookups = Lookups({"apollo": VendorSimulator(httpx2.Response(401), NOBODY, takes_s=0.5)})
        await lookups.look_up("a")
        await asyncio.sleep(5)
        looks = await asyncio.gather(*(lookups.look_up(name, Lane.NURTURE) for name in "abc"))
        assert [look.outcomes for look in looks] == [["no_match"]] * 3
        assert (await lookups.look_up("d")).outcomes == ["no_match"]

    in_virtual_time(main)


def test_second_looks_that_waited_for_a_trial_are_skipped_when_it_fails():
    async def main() -> None:
        vendor = VendorSimulator(httpx2.Response(401), takes_s=0.5)
        lookups = Lookups({"apollo": vendor})
        await lookups.look_up("a")
        await asyncio.sleep(5)
        looks = await asyncio.gather(*(lookups.look_up(name, Lane.NURTURE) for name in "abc"))
        assert [look.outcomes for look in looks] == [["failed"], ["skipped"], ["skipped"]]
        assert len(vendor.called_at) == 2

    in_virtual_time(main)


def test_a_fresh_lead_that_asks_the_same_as_a_second_look_after_a_trial_that_worked_gets_the_answer():
    async def main() -> None:
        vendor = VendorSimulator(httpx2.Response(401), NOBODY, takes_s=0.5)
        lookups = Lookups({"apollo": vendor}, per_second=10)
        await lookups.look_up("a")
        await asyncio.sleep(5)
        trial = asyncio.create_task(lookups.look_up("b", Lane.WORK))
        await asyncio.sleep(0.1)
        second_look = asyncio.create_task(lookups.look_up("same", Lane.NURTURE))
        await asyncio.sleep(0.1)
        assert (await lookups.look_up("same")).outcomes == ["skipped"]  # the trial is under way still
        await trial
        await asyncio.sleep(0.1)
        assert (await lookups.look_up("same")).outcomes == ["no_match"]
        assert (await second_look).outcomes == ["no_match"]

    in_virtual_time(main)
