"""The retrier over a database: what it leases, sends, stores and gives up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from services.gateway.tables import subscriptions
from services.router.delivery.delivery_reader import DeliveryReader
from services.router.delivery.retrier import DeliveryRetrier
from services.router.delivery.retry_schedule import GIVEN_UP_AFTER
from services.router.delivery.sender import WebhookSender
from services.router.delivery.storage import DueDeliveries
from services.router.domain.delivery import (
    LEASE,
    DeliveryRow,
    PendingDeliveries,
    WebhookTarget,
    new_delivery,
)
from services.router.tables import deliveries
from shared.observability.metrics import Metrics
from shared.resilience.bulkhead import Bulkheads
from shared.storage.database import Database
from shared.storage.rows import IdentityMap, Put
from shared.vault import Vault
from shared.web.egress_client import EgressResponse
from shared.web.signing import new_secret
from shared.webhooks import SealedSecret, sealed_for
from tests.support.fixed_clock import FixedClock
from tests.support.scored_leads import AT
from tests.support.scripted_egress import Post, ScriptedEgress

SECRET = new_secret(b"s" * 24)
VAULT = Vault(b"retrier-tests", os.urandom)
LEAD = "baton.lead.suppressed.v1"


def destination(id_: str) -> WebhookTarget:
    return WebhookTarget(id_, f"https://{id_}.example/", ("lead.*",), (SECRET,))


class Retrying:
    """A retrier with four slots for each target, whose targets are `hooks`, `other` and the subscriptions."""

    def __init__(self, database: Database, tasks: asyncio.TaskGroup) -> None:
        self.database, self.clock, self.egress = database, FixedClock(AT), ScriptedEgress()
        self.targets = [destination("hooks"), destination("other")]
        bulkheads = Bulkheads(self.clock, slots=4)
        self.reader = DeliveryReader(database, VAULT, self.clock, lambda: self.targets)
        self.stop = asyncio.Event()
        self.retrier = DeliveryRetrier(
            due=DueDeliveries(database),
            reader=self.reader,
            sender=WebhookSender(self.egress, bulkheads, self.clock, Metrics()),
            bulkheads=bulkheads,
            clock=self.clock,
            tasks=tasks,
            stop=self.stop,
        )

    async def store(self, *ids: str, target: str = "hooks", **fields: Any) -> None:
        """Store deliveries that are due at 9:00."""
        world = IdentityMap()
        for id_ in ids:
            row = new_delivery(
                id_, target, f"https://{target}.example/",
                event_id=f"event-{id_}", event_type=LEAD, lead_id="lead", body=b"{}", at=AT,
            )  # fmt: skip
            world.apply(
                [
                    Put(
                        DeliveryRow(
                            **{**{name: getattr(row, name) for name in row.__struct_fields__}, **fields}
                        )
                    )
                ]
            )
        async with self.database.begin() as tx:
            await tx.write(world)

    async def rows(self) -> dict[str, DeliveryRow]:
        async with self.database.read() as tx:
            found = await tx.execute(select(deliveries).order_by(deliveries.c.id))
            return {row.id: DeliveryRow(*tuple(row)) for row in found}

    async def step(self) -> None:
        """Make one step and wait for the tasks that it started."""
        before = asyncio.all_tasks()
        await self.retrier.step()
        started = asyncio.all_tasks() - before
        if started:
            await asyncio.wait(started)


@pytest.fixture
async def retrying(database: Database) -> AsyncIterator[Retrying]:
    async with asyncio.TaskGroup() as tasks:
        yield Retrying(database, tasks)


async def test_due_deliveries_are_sent_with_the_id_of_their_event_and_stored_as_delivered(retrying):
    await retrying.store("a", "b")
    await retrying.step()
    assert sorted(post.headers["webhook-id"] for post in retrying.egress.posts) == ["event-a", "event-b"]
    assert {post.url for post in retrying.egress.posts} == {"https://hooks.example/"}
    rows = await retrying.rows()
    assert {(row.state, row.attempts, row.delivered_at, row.body) for row in rows.values()} == {
        ("delivered", 1, AT, None)
    }


async def test_nothing_is_sent_before_it_is_due(retrying):
    await retrying.store("a", next_attempt_at=AT + timedelta(seconds=1))
    await retrying.step()
    assert retrying.egress.posts == []
    retrying.clock.advance(timedelta(seconds=1))
    await retrying.step()
    assert len(retrying.egress.posts) == 1


async def test_a_target_whose_deliveries_arrive_gets_all_that_are_due_the_longest_due_first(retrying):
    """In batches of as many as there are free slots."""
    for number in range(10):
        await retrying.store(f"d-{number}", next_attempt_at=AT - timedelta(minutes=number))
    await retrying.step()
    sent = [post.headers["webhook-id"] for post in retrying.egress.posts]
    assert [{*sent[:4]}, {*sent[4:8]}, {*sent[8:]}] == [
        {"event-d-9", "event-d-8", "event-d-7", "event-d-6"},
        {"event-d-5", "event-d-4", "event-d-3", "event-d-2"},
        {"event-d-1", "event-d-0"},
    ]


async def test_a_target_that_fails_gets_one_batch_and_the_next_attempts_are_scheduled(retrying):
    retrying.egress.respond = lambda _post: EgressResponse(503, b"", 0.1)
    await retrying.store(*(f"d-{number}" for number in range(6)))
    await retrying.step()
    assert len(retrying.egress.posts) == 4
    rows = (await retrying.rows()).values()
    assert sorted(row.attempts for row in rows) == [0, 0, 1, 1, 1, 1]
    assert {row.next_attempt_at for row in rows if row.attempts} == {AT + timedelta(seconds=5)}


async def test_a_target_that_fails_does_not_hold_up_another(retrying):
    def respond(post: Post) -> EgressResponse:
        return EgressResponse(503 if "hooks" in post.url else 204, b"", 0.1)

    retrying.egress.respond = respond
    await retrying.store("a", target="hooks")
    await retrying.store("b", target="other")
    await retrying.step()
    assert {id_: row.state for id_, row in (await retrying.rows()).items()} == {
        "a": "pending",
        "b": "delivered",
    }


async def test_deliveries_in_flight_are_leased_so_that_no_other_step_or_process_sends_them(retrying):
    may_answer = asyncio.Event()
    retrying.egress.before = may_answer.wait
    await retrying.store("a")
    stepping = asyncio.create_task(retrying.step())
    async with asyncio.timeout(300):
        while not retrying.egress.posts:
            await asyncio.sleep(0.01)
    assert (await retrying.rows())["a"].next_attempt_at == AT + LEASE
    await retrying.retrier.step()
    assert await DueDeliveries(retrying.database).lease("hooks", 10, AT) == []
    may_answer.set()
    await stepping
    assert len(retrying.egress.posts) == 1


async def test_a_delivery_whose_event_is_not_kept_any_more_is_a_failed_attempt(retrying):
    await retrying.store("a", body=None)
    await retrying.store("b")
    await retrying.step()
    rows = await retrying.rows()
    assert (rows["a"].state, rows["a"].last_error) == ("pending", "the event is not kept any more")
    assert rows["b"].state == "delivered"
    assert [post.headers["webhook-id"] for post in retrying.egress.posts] == ["event-b"]


async def test_a_step_that_begins_while_the_role_stops_sends_one_batch_only(retrying):
    retrying.stop.set()
    await retrying.store(*(f"d-{number}" for number in range(6)))
    await retrying.step()
    assert len(retrying.egress.posts) == 4


async def test_deliveries_to_a_target_that_no_longer_exists_fail_at_once(retrying):
    await retrying.store("a", target="removed")
    await retrying.step()
    row = (await retrying.rows())["a"]
    assert (row.state, row.next_attempt_at, row.last_error) == ("failed", None, "the endpoint was removed")


async def test_deliveries_that_were_never_attempted_are_given_up_after_all_the_time_of_the_retries(retrying):
    await retrying.store("a", next_attempt_at=AT - GIVEN_UP_AFTER - timedelta(seconds=1))
    await retrying.store("b", next_attempt_at=AT - GIVEN_UP_AFTER)
    await retrying.step()
    rows = await retrying.rows()
    assert (rows["a"].state, rows["a"].last_error) == ("failed", "not delivered in time")
    assert rows["b"].state == "delivered"


async def test_giving_up_is_looked_at_once_a_minute(retrying):
    await retrying.store("a")
    await retrying.step()
    await retrying.store("b", target="removed")
    await retrying.step()
    assert (await retrying.rows())["b"].state == "pending"
    retrying.clock.advance(timedelta(minutes=1))
    await retrying.step()
    assert (await retrying.rows())["b"].state == "failed"


# The reader


async def subscribe(retrying: Retrying, id_: str, **given: Any) -> None:
    sealed = VAULT.seal(SECRET, purpose=sealed_for(id_))
    row = {
        "id": id_, "url": f"https://{id_}.example/", "events": ["lead.*"], "filter": None, "state": "active",
        "secrets": [SealedSecret(sealed)], "created_at": AT, "updated_at": AT, **given,
    }  # fmt: skip
    async with retrying.database.begin() as tx:
        await tx.execute(subscriptions.insert(), row)


async def test_the_targets_are_the_destinations_of_queues_and_the_active_subscriptions_oldest_first(retrying):
    await subscribe(retrying, "young", created_at=AT + timedelta(seconds=1), filter={"revision": 1})
    await subscribe(retrying, "old", events=["account.*"])
    await subscribe(retrying, "off", state="disabled")
    assert list(await retrying.reader.targets()) == [
        destination("hooks"),
        destination("other"),
        WebhookTarget("old", "https://old.example/", ("account.*",), (SECRET,)),
        WebhookTarget("young", "https://young.example/", ("lead.*",), (SECRET,), filter={"revision": 1}),
    ]


async def test_an_unchanged_subscription_is_not_decrypted_again_and_a_changed_one_is(retrying):
    await subscribe(retrying, "sub")
    [*_, first] = await retrying.reader.targets()
    [*_, second] = await retrying.reader.targets()
    assert second is first
    async with retrying.database.begin() as tx:
        moved_to = {"url": "https://moved.example/", "updated_at": AT + timedelta(seconds=1)}
        await tx.execute(subscriptions.update().values(moved_to))
    [*_, moved] = await retrying.reader.targets()
    assert moved.url == "https://moved.example/"


async def test_a_replaced_secret_signs_until_its_time_is_over(retrying):
    old = VAULT.seal(new_secret(b"o" * 24), purpose=sealed_for("sub"))
    new = VAULT.seal(SECRET, purpose=sealed_for("sub"))
    await subscribe(retrying, "sub", secrets=[SealedSecret(new), SealedSecret(old, AT + timedelta(hours=1))])
    [*_, both] = await retrying.reader.targets()
    assert both.secrets == (SECRET, new_secret(b"o" * 24))
    retrying.clock.advance(timedelta(hours=1))
    [*_, one] = await retrying.reader.targets()
    assert one.secrets == (SECRET,)


async def test_the_reader_finds_the_deliveries_that_exist_for_all_who_ask_at_once(retrying):
    await retrying.store("a", "b")
    asked: tuple[list[str], ...] = (["a", "missing"], ["b"], ["missing"], [])
    found = await asyncio.gather(*(retrying.reader.existing(ids, "lead", "hash", ()) for ids in asked))
    assert [stored.ids for stored in found] == [{"a"}, {"b"}, frozenset(), frozenset()]


# One lead, one order


def sent(retrying: Retrying) -> list[str]:
    return [post.headers["webhook-id"].removeprefix("event-") for post in retrying.egress.posts]


async def store_in_order(retrying: Retrying, *ids: str, lead: str = "lead", **fields: Any) -> None:
    for sequence, id_ in enumerate(ids, start=1):
        await retrying.store(id_, lead_id=lead, sequence=sequence, **fields)


async def test_the_deliveries_of_a_lead_are_sent_one_after_the_other_in_sequence(retrying):
    """Whatever their times say: those that were made due again by a replay are all due at once."""
    for number, id_ in enumerate("dcab"):
        await retrying.store(id_, lead_id="lead", sequence=ord(id_), next_attempt_at=AT - timedelta(number))
    await store_in_order(retrying, "other")
    await retrying.step()
    assert [id_ for id_ in sent(retrying) if id_ != "other"] == ["a", "b", "c", "d"]
    assert {row.state for row in (await retrying.rows()).values()} == {"delivered"}


async def test_what_fails_holds_up_later_events_of_its_lead_and_of_no_other(retrying):
    def respond(post: Post) -> EgressResponse:
        return EgressResponse(503 if post.headers["webhook-id"] == "event-a" else 204, b"", 0.1)

    retrying.egress.respond = respond
    await store_in_order(retrying, "a", "b")
    await store_in_order(retrying, "x", "y", lead="other")
    await retrying.step()
    await retrying.step()
    assert sent(retrying) == ["a", "x", "y"] or sent(retrying) == ["x", "a", "y"]
    rows = await retrying.rows()
    assert rows["a"].next_attempt_at == AT + timedelta(seconds=5)
    assert rows["b"].next_attempt_at == AT + timedelta(seconds=5) + LEASE
    retrying.egress.respond = lambda _post: EgressResponse(204, b"", 0.1)
    retrying.clock.advance(timedelta(seconds=5))
    await retrying.step()
    assert sent(retrying)[3:] == ["a", "b"]


async def test_an_event_that_is_given_up_or_refused_for_good_holds_up_nothing_any_more(retrying):
    retrying.egress.respond = lambda post: EgressResponse(
        410 if post.headers["webhook-id"] == "event-a" else 204, b"", 0.1
    )
    await store_in_order(retrying, "a", "b")
    await retrying.step()
    await retrying.step()
    assert {id_: row.state for id_, row in (await retrying.rows()).items()} == {"a": "gone", "b": "delivered"}


async def test_a_later_event_has_the_one_before_it_tried_at_once_without_using_up_its_attempts(retrying):
    later = AT + timedelta(hours=6)
    await store_in_order(retrying, "a", attempts=7, next_attempt_at=later)
    await retrying.store("b", lead_id="lead", sequence=2)
    retrying.egress.respond = lambda _post: EgressResponse(503, b"", 0.1)
    await retrying.step()
    await retrying.step()
    rows = await retrying.rows()
    assert sent(retrying) == ["a"]
    assert (rows["a"].attempts, rows["a"].next_attempt_at, len(rows["a"].failures or ())) == (7, later, 1)
    assert rows["b"].next_attempt_at == later + LEASE
    await retrying.store("c", lead_id="lead", sequence=3)
    retrying.egress.respond = lambda _post: EgressResponse(204, b"", 0.1)
    await retrying.step()
    assert sent(retrying)[1:] == ["a", "b", "c"]


async def test_the_reader_says_what_a_lead_has_pending_at_each_target(retrying):
    await retrying.store("done", lead_id="lead", sequence=1, state="delivered", next_attempt_at=None)
    await retrying.store("a", lead_id="lead", sequence=2)
    await retrying.store("b", lead_id="lead", sequence=3, next_attempt_at=AT + LEASE)
    await retrying.store("x", target="other", lead_id="else", sequence=1)
    stored = await retrying.reader.existing([], "lead", "hash", ())
    assert stored.pending == {"hooks": PendingDeliveries(2, AT + LEASE)}
    assert stored.held_until("hooks", 4, AT) == AT + timedelta(seconds=5)
    assert stored.held_until("hooks", 4, AT - timedelta(seconds=1)) == AT - timedelta(seconds=1)
    assert stored.held_until("hooks", 2, AT) is None
    assert stored.held_until("hooks", None, AT) is None
    assert stored.held_until("other", 4, AT) is None
