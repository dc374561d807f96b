"""The floor of `accept`: an ASGI app that writes the body to Kafka as it is, and answers once it is durable.

`python -m tests.bench.bare_intake PORT SERVERS TOPIC`; its record has a key and eight headers as Baton's.
"""

from __future__ import annotations

import sys
import uuid
from itertools import count
from typing import Any

import uvicorn
from aiokafka import AIOKafkaProducer

from shared.observability.logging import configure
from shared.settings import CommonSettings
from shared.worker.process import collect_rarely

_HEADERS = [
    ("ce_specversion", b"1.0"),
    ("ce_id", str(uuid.uuid4()).encode()),
    ("ce_source", b"/baton/gateway"),
    ("ce_type", b"baton.lead.received.v1"),
    ("ce_time", b"2026-03-02T09:00:00.000000Z"),
    ("content-type", b"application/json"),
    ("ce_subject", str(uuid.uuid4()).encode()),
    ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"),
]
_ANSWER = b'{"lead_id":"%b","event_id":"%b","status_url":"/v1/leads/%b"}' % (
    (str(uuid.uuid4()).encode(),) * 3
)
_PARTITIONS = 6


class BareIntake:
    def __init__(self, servers: str, topic: str) -> None:
        self._servers = servers
        self._topic = topic
        self._turn = count()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        message = await receive()
        sent = await self._producer.send(
            self._topic,
            message["body"],
            key=b"kestrel.example",
            partition=next(self._turn) % _PARTITIONS,
            headers=_HEADERS,
        )
        await sent
        length = (b"content-length", str(len(_ANSWER)).encode())
        headers = [(b"content-type", b"application/json"), length]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": _ANSWER})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._servers,
            acks="all",
            enable_idempotence=True,
            linger_ms=2,
            max_batch_size=512 * 1024,
        )
        await self._producer.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._producer.stop()
        await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    configure(CommonSettings(), role="bench")
    collect_rarely()
    port, servers, topic = sys.argv[1:]
    uvicorn.run(
        BareIntake(servers, topic), port=int(port), log_config=None, access_log=False, server_header=False
    )
