"""The path of a lead from whatever it came by to a verified webhook, on both topologies."""

from __future__ import annotations

import asyncio
import json
import uuid

import pytest
from aiokafka import AIOKafkaProducer

from shared.lead.identity import identify
from tests.support.api import Api, eventually
from tests.support.receiver import Receiver
from tests.support.topology import Topology


def fresh() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


def lead(email: str, **more: object) -> dict[str, object]:
    return {
        "person": {"email": email, **more},
        "company": {"employees": 120, "industry": "software", "country": "US"},
    }


def routed(receiver: Receiver, lead_id: str, count: int = 1) -> None:
    eventually(lambda: len({one.webhook_id for one in receiver.about(lead_id)}) >= count, what="the webhook")


def test_json_to_a_verified_webhook(api: Api, receiver: Receiver):
    sent = api.post_lead(lead(f"ana@{fresh()}.example"))
    view = api.settled(sent)
    assert view["status"] == "routed"
    assert view["owner"]
    assert view["revision"] == 1
    assert view["provenance"]["company.employees"]["source"] == "form"
    routed(receiver, sent["lead_id"])
    delivery = receiver.about(sent["lead_id"])[0]
    assert delivery.data["decision"]["owner"] == view["owner"]
    assert delivery.data["brief"]["markdown"]
    assert not receiver.invalid


def test_a_form_to_a_verified_webhook(api: Api, receiver: Receiver):
    sent = api.post_form(
        {"Work Email": f"Bea@{fresh()}.example", "message": "We need this by May", "Company Size": "51-200"}
    )
    view = api.settled(sent)
    assert view["status"] == "routed"
    routed(receiver, sent["lead_id"])
    assert "We need this by May" in receiver.about(sent["lead_id"])[0].data["brief"]["markdown"]


def test_an_outside_record_to_a_verified_webhook(topology: Topology, api: Api, receiver: Receiver):
    if topology.embedded:
        return  # nobody but Baton itself can write to the embedded stream
    email = f"carl@{fresh()}.example"

    async def produce() -> None:
        servers = topology.environ["BATON_STREAM_URL"].removeprefix("kafka://")
        async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
            topic = f"{topology.environ['BATON_TOPIC_PREFIX']}.leads.received.v1"
            await producer.send_and_wait(topic, json.dumps(lead(email)).encode())

    asyncio.run(produce())
    identity = identify(email)
    assert identity is not None
    routed(receiver, identity.lead_id)
    # The ledger reads the event by itself, so the view may be later than the webhook.
    eventually(lambda: (api.view(identity.lead_id) or {}).get("status") == "routed", what="the view")


def test_the_same_event_again_is_nothing_new(api: Api, receiver: Receiver):
    body = {**lead(f"dora@{fresh()}.example"), "event_id": str(uuid.uuid4())}
    first = api.post_lead(body)
    api.settled(first)
    again = api.post_lead(body)
    assert again["event_id"] == first["event_id"]
    after = api.settled(api.post_lead(lead(f"fence@{fresh()}.example")))
    routed(receiver, after["lead_id"])
    view = api.view(first["lead_id"])
    assert view is not None
    assert view["revision"] == 1
    assert len({one.webhook_id for one in receiver.about(first["lead_id"])}) == 1


def test_written_differently_it_is_a_revision_of_the_same_lead(api: Api, receiver: Receiver):
    domain = fresh()
    first = api.post_lead(lead(f"eve.lee@{domain}.example", title="RevOps Lead"))
    owner = api.settled(first)["owner"]
    second = api.post_form({"email": f"Eve.Lee+webinar@{domain.upper()}.Example", "first_name": "Eve"})
    view = api.settled(second)
    assert second["lead_id"] == first["lead_id"]
    assert view["revision"] == 2
    assert view["owner"] == owner
    assert view["person"]["title"] == "RevOps Lead"
    assert view["person"]["first_name"] == "Eve"
    routed(receiver, first["lead_id"], count=2)


def test_a_phone_first_and_the_email_later_are_one_lead_with_an_alias(api: Api):
    phone = f"+1202555{uuid.uuid4().int % 10_000:04}"
    first = api.post_lead({"person": {"phone": phone}})
    assert api.settled(first)["revision"] == 1
    second = api.post_lead({"person": {"phone": phone, "email": f"finn@{fresh()}.example"}})
    view = api.settled(second)
    assert second["lead_id"] != first["lead_id"]
    assert view["lead_id"] == first["lead_id"]
    assert view["revision"] == 2
    third = api.post_lead({"person": {"email": view["person"]["email"], "first_name": "Finn"}})
    assert api.settled(third)["lead_id"] == first["lead_id"]


def test_a_lead_nobody_sent_is_not_yet_known(api: Api):
    answer = api.http.get(f"/v1/leads/{uuid.uuid4()}")
    assert answer.status_code == 404
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["type"].endswith("not-yet-known")


@pytest.mark.parametrize("late", [True, False])
def test_a_late_revision_changes_what_is_known_and_not_who_has_it(api: Api, late: bool):
    domain = fresh()
    first = api.post_lead(lead(f"gil@{domain}.example"))
    if late:
        api.settled(first)
    second = api.post_lead({"person": {"email": f"gil@{domain}.example", "title": "CFO"}})
    view = api.settled(second)
    assert view["person"]["title"] == "CFO"
    assert view["company"]["employees"] == 120
    assert api.outcome(first["lead_id"], first["event_id"]) in ("routed", "merged")
