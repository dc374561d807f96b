"""The leads that every figure is measured with: work e-mail, a known company, a message, consent."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple

import msgspec

from shared.lead.events.envelope import Event, encode
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.identity import identify
from shared.messaging.kafka import KafkaStream
from shared.messaging.port import Outgoing, publish

_MESSAGE = "We lose two days a week to hand-made reports and want to have that solved before the summer."
_TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
_serial = count(1)
_PARTITIONS = 6


def lead_body(serial: int, run: str) -> dict[str, Any]:
    """Return the body of one lead; two leads in three share their account with others."""
    domain = f"{run}-{serial if serial % 3 == 0 else serial // 6}.example"
    return {
        "person": {
            "email": f"ana.{serial}@{domain}",
            "first_name": "Ana",
            "last_name": f"Lee {serial}",
            "title": "VP Sales",
        },
        "company": {
            "domain": domain,
            "employees": 120 + serial % 400,
            "industry": "software",
            "country": "US",
        },
        "source": {
            "channel": "website",
            "form_id": "demo",
            "page_url": "https://www.example.com/demo?plan=team",
        },
        "message": _MESSAGE,
        "consent": {"marketing": True},
    }


def lead_bodies(how_many: int, run: str) -> Iterator[dict[str, Any]]:
    """Return that many leads that no one has seen before in this process."""
    return (lead_body(next(_serial), run) for _ in range(how_many))


def received(how_many: int, run: str) -> list[Outgoing]:
    """Return the records that the gateway would write for that many new leads: eight headers each."""
    return [encode(_event(body)) for body in lead_bodies(how_many, run)]


def _event(body: dict[str, Any]) -> Event[LeadReceivedV1]:
    raw = msgspec.json.encode(body)
    email, domain = body["person"]["email"], body["company"]["domain"]
    identity = identify(email)
    assert identity is not None
    return Event(
        id=f"0198c1f2-{identity.lead_id[9:]}",
        source="/baton/gateway",
        type="baton.lead.received.v1",
        subject=identity.lead_id,
        time=datetime.now(UTC),
        data=msgspec.json.decode(raw, type=LeadReceivedV1),
        raw=raw,
        key=domain,
        traceparent=_TRACEPARENT,
    )


class Began(NamedTuple):
    """When leads began to be written, and the CPU seconds of this process by then: making them is left out."""

    at_s: float
    cpu_s: float


async def feed(kafka: str, prefix: str, how_many: int) -> Began:
    """Write that many new leads to `leads.received`, whose topic is made if need be; return when that began."""
    stream = KafkaStream([kafka], prefix=prefix, partitions=_PARTITIONS, retention_days=1, create_topics=True)
    await stream.open()
    sink = await stream.sink()
    records = received(how_many, f"r{uuid.uuid4().hex[:8]}")
    began = Began(time.perf_counter(), time.process_time())
    await publish(sink, records)
    await sink.close()
    await stream.close()
    return began
