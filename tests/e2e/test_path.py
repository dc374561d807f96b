"""The path of a lead from whatever it came by to a verified webhook, on both topologies."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime

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


def test_json_to_a_verified_webhook(api: Api, subscriber: Receiver):
    sent = api.post_lead(lead(f"ana@{fresh()}.example"))
    view = api.settled(sent)
    assert view["status"] == "routed"
    assert view["owner"]
    assert view["revision"] == 1
    assert view["provenance"]["company.employees"]["source"] == "form"
    routed(subscriber, sent["lead_id"])
    delivery = subscriber.about(sent["lead_id"])[0]
    assert delivery.data["decision"]["owner"] == view["owner"]
    assert delivery.data["brief"]["markdown"]
    assert not subscriber.invalid


def test_a_form_to_a_verified_webhook(api: Api, subscriber: Receiver):
    sent = api.post_form(
        {"Work Email": f"Bea@{fresh()}.example", "message": "We need this by May", "Company Size": "51-200"}
    )
    view = api.settled(sent)
    assert view["status"] == "routed"
    routed(subscriber, sent["lead_id"])
    assert "We need this by May" in subscriber.about(sent["lead_id"])[0].data["brief"]["markdown"]


def test_an_outside_record_to_a_verified_webhook(topology: Topology, api: Api, subscriber: Receiver):
    if topology.embedded:
        return  # nobody but Baton itself can write to the embedded stream
    email = f"carl@{fresh()}.example"

    produce(topology, "leads.received.v1", lead(email))
    identity = identify(email)
    assert identity is not None
    routed(subscriber, identity.lead_id)
    # The ledger reads the event by itself, so the view may be later than the webhook.
    eventually(lambda: (api.view(identity.lead_id) or {}).get("status") == "routed", what="the view")


def test_plain_outcomes_of_a_topic_count_on_the_lead(topology: Topology, api: Api):
    """Without keys and headers, as a job that reads a CRM writes them, and told twice."""
    if topology.embedded:
        return
    email = f"gil@{fresh()}.example"
    sent = api.post_lead(lead(email))
    owner = api.settled(sent)["owner"]

    def told(type_: str, **more: object) -> dict[str, object]:
        return {"email": email.upper(), "type": type_, "at": datetime.now(UTC).isoformat(), **more}

    met, opened = told("meeting_booked", rep=owner), told("opportunity", opportunity_id="D1")
    won = told("won", opportunity_id="D1", external_id=fresh(), amount={"value": 48_000, "currency": "USD"})
    corrected = {**won, "amount": {"value": 50_000, "currency": "EUR"}}
    unreadable = {"email": email, "type": "celebrated", "at": "today"}
    produce(topology, "outcomes.received.v1", met, opened, unreadable, won, corrected)
    eventually(lambda: (api.view(sent["lead_id"]) or {}).get("status") == "won", what="the end of the deal")

    def outcomes() -> list[tuple[str, object]]:
        found = (api.view(sent["lead_id"]) or {}).get("outcomes") or []
        return [(one["type"], (one.get("amount") or {}).get("value")) for one in found]

    expected = [("meeting_booked", None), ("opportunity", None), ("won", 50_000)]
    eventually(lambda: outcomes() == expected, what="the outcomes, the corrected one once")
    letters = api.http.get("/v1/dead-letters", params={"limit": "200"}).json()["data"]
    assert [one["topic"].endswith("outcomes.received.v1") for one in letters].count(True) == 1


def produce(topology: Topology, topic: str, *records: object) -> None:
    """Write records as producers outside of Baton do: JSON without a key and without headers."""

    async def send() -> None:
        servers = topology.environ["BATON_STREAM_URL"].removeprefix("kafka://")
        async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
            for record in records:
                name = f"{topology.environ['BATON_TOPIC_PREFIX']}.{topic}"
                await producer.send_and_wait(name, json.dumps(record).encode(), partition=0)

    asyncio.run(send())


def test_the_same_event_again_is_nothing_new(api: Api, subscriber: Receiver):
    body = {**lead(f"dora@{fresh()}.example"), "event_id": str(uuid.uuid4())}
    first = api.post_lead(body)
    api.settled(first)
    again = api.post_lead(body)
    assert again["event_id"] == first["event_id"]
    after = api.settled(api.post_lead(lead(f"fence@{fresh()}.example")))
    routed(subscriber, after["lead_id"])
    view = api.view(first["lead_id"])
    assert view is not None
    assert view["revision"] == 1
    assert len({one.webhook_id for one in subscriber.about(first["lead_id"])}) == 1


def test_written_differently_it_is_a_revision_of_the_same_lead(api: Api, subscriber: Receiver):
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
    routed(subscriber, first["lead_id"], count=2)


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
