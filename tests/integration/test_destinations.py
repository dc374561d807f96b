"""Destinations of queues, reps and managers: the events that concern them, signed with their own secrets."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from shared.lead.events.lead_alerted import LeadAlertedV1
from shared.lead.events.lead_escalated import LeadEscalatedV1
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.person_erased import PersonErasedV1
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


def about(name: str, owner: str | None, kind: type = LeadAlertedV1, **given):
    """Return an event about a lead of the SDRs that has an owner, or none."""
    decision = Decision("kept", "sdr", "work", owner, "rule", [], [])
    data = kind(lead_id(name), 1, 1, f"{name}.example", decision, None, "sla", AT, **given)
    return event_of(data, id_=name, source="/baton/router")


async def test_reps_and_managers_are_told_of_what_concerns_them(world, monkeypatch):
    ana, mona, sdr = await world.endpoint(), await world.endpoint(), await world.endpoint()
    for name, endpoint in (("SDR_1", ana), ("MONA", mona), ("SDR", sdr)):
        monkeypatch.setenv(f"{name}_SECRET", endpoint.secret)
    world.send_to(reps={"sdr-1": ana.url}, managers={"mona": mona.url}, sdr=sdr.url)
    async with world.delivering():
        await world.publish(about("own", "sdr-1"), about("other", "sdr-2"))
        await world.publish(about("late", "sdr-1", LeadEscalatedV1, step="escalate", to="mona"))
        await world.wait_for_rows(6)
        await world.wait_for_state("delivered")
    assert (sorted(ana.ids), mona.ids) == (["late", "own"], ["late"])
    assert sorted(sdr.ids) == ["late", "other", "own"]


async def test_a_lead_is_notified_by_the_first_delivery_that_arrives_at_a_destination(world, monkeypatch):
    """Also by a retry; a subscription counts where there is no destination, and no lead without an owner."""
    sdr, crm = await world.endpoint(), await world.endpoint()
    sdr.status = 503
    monkeypatch.setenv("SDR_SECRET", sdr.secret)
    await world.subscribe(crm, "crm")
    world.send_to(sdr=sdr.url)
    async with world.delivering():
        await world.publish(about("ana", "sdr-1"), about("waits", None), routed_to("csm", "ben"))
        await until(lambda: len(crm.ids) == 3)
        await world.wait_for_rows(5)
        assert await world.notified() == {lead_id("ben"): AT}
        sdr.status = 200
        world.clock.advance(timedelta(seconds=5))
        await world.wait_for_state("delivered")
        assert await world.notified() == {lead_id("ben"): AT, lead_id("ana"): AT + timedelta(seconds=5)}
        world.clock.advance(timedelta(seconds=1))
        erased = PersonErasedV1([lead_id("ana")], "hash", world.clock.now())
        await world.publish(event_of(erased, id_="e1"))

        async def is_forgotten() -> bool:
            return (await world.notified()).keys() == {lead_id("ben")}

        await until(is_forgotten)


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
