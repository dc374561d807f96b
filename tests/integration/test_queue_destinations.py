"""Destinations of queues: every event of their leads, signed with the secret of the policy's variable."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from shared.lead.events.lead_alerted import LeadAlertedV1
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.routing import Decision
from tests.support.delivery_world import lead_event, until
from tests.support.scored_leads import AT, event_of, lead_id


def routed_to(queue: str, name: str):
    """Return an event about a lead of a queue."""
    decision = Decision("kept", queue, "work", "rep", "rule", [], [])
    data = LeadAlertedV1(lead_id(name), 1, 1, "kestrel.example", decision, None, "high_intent", AT)
    return event_of(data, id_=name, source="/baton/router")


async def test_a_destination_receives_only_the_leads_of_its_queue(world, monkeypatch):
    sdr, bdr = await world.endpoint(), await world.endpoint()
    monkeypatch.setenv("SDR_SECRET", sdr.secret)
    monkeypatch.setenv("BDR_SECRET", bdr.secret)
    world.send_to(sdr=sdr.url, bdr=bdr.url)
    async with world.delivering():
        await world.publish(routed_to("sdr", "ana"), routed_to("bdr", "ben"), routed_to("csm", "cy"))
        await world.publish(lead_event("dan"))
        await world.wait_for_rows(2)
        await world.wait_for_state("delivered")
    assert (sdr.ids, bdr.ids) == (["ana"], ["ben"])
    assert {row.subscription_id for row in await world.rows()} == {"queue:sdr", "queue:bdr"}


async def test_a_destination_hears_that_a_lead_left_its_queue(world, monkeypatch):
    sdr, bdr = await world.endpoint(), await world.endpoint()
    monkeypatch.setenv("SDR_SECRET", sdr.secret)
    monkeypatch.setenv("BDR_SECRET", bdr.secret)
    world.send_to(sdr=sdr.url, bdr=bdr.url)
    moved = Decision("moved", "bdr", "work", "rep", "rule", [], [])
    data = LeadReassignedV1(
        lead_id("ana"), 1, 1, "kestrel.example", moved, "one", "on holiday", AT, previous_queue="sdr"
    )
    taken = msgspec.structs.replace(lead_event("ben").data, previous_queue="sdr")
    async with world.delivering():
        await world.publish(event_of(data, id_="moved", source="/baton/router"))
        await world.publish(event_of(taken, id_="taken", source="/baton/router"))
        await world.wait_for_rows(3)
        await world.wait_for_state("delivered")
    assert (sorted(sdr.ids), bdr.ids) == (["moved", "taken"], ["moved"])


async def test_a_destination_follows_the_policy(world, monkeypatch):
    before, after, everything = [await world.endpoint() for _ in range(3)]
    before.status, after.secret = 503, before.secret
    monkeypatch.setenv("SDR_SECRET", before.secret)
    await world.subscribe(everything, "everything")
    async with world.delivering():
        await world.publish(routed_to("sdr", "ana"))
        await until(lambda: everything.ids == ["ana"])
        world.send_to(sdr=before.url)
        await world.publish(routed_to("sdr", "ben"))
        await world.wait_for_rows(3)
        world.send_to(sdr=after.url)
        world.clock.advance(timedelta(seconds=5))
        await until(lambda: after.ids == ["ben"])
        world.send_to()
        await world.publish(routed_to("sdr", "cy"))
        await until(lambda: everything.ids == ["ana", "ben", "cy"])
    assert (before.requests, after.ids) == (1, ["ben"])


async def test_deliveries_without_a_signing_secret_are_retried_until_the_secret_is_set(world, monkeypatch):
    endpoint = await world.endpoint()
    world.send_to(sdr=endpoint.url)
    async with world.delivering():
        await world.publish(routed_to("sdr", "ana"))
        await world.wait_for_rows(1)
    (row,) = await world.rows()
    assert (row.state, row.last_error) == ("pending", "there is no webhook secret to sign with")
    monkeypatch.setenv("SDR_SECRET", endpoint.secret)
    world.clock.advance(timedelta(seconds=5))
    async with world.delivering():  # the environment is that of a new process
        await until(lambda: endpoint.ids == ["ana"])
    assert endpoint.requests == 1


async def test_deliveries_of_a_removed_destination_fail(world, monkeypatch):
    endpoint = await world.endpoint()
    endpoint.status = 500
    monkeypatch.setenv("SDR_SECRET", endpoint.secret)
    world.send_to(sdr=endpoint.url)
    async with world.delivering():
        await world.publish(routed_to("sdr", "ana"))
        await world.wait_for_rows(1)
        world.send_to()
        world.clock.advance(timedelta(seconds=5))
        await world.wait_for_state("failed")
    assert [row.last_error for row in await world.rows()] == ["the endpoint was removed"]
