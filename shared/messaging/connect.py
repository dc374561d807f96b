"""Makes the stream that `BATON_STREAM_URL` names."""

from __future__ import annotations

from pathlib import Path

from shared.clock import Clock
from shared.errors import Crash
from shared.messaging.port import Stream
from shared.settings import KafkaSettings

_PLAIN_TEXT = KafkaSettings()


def connect(
    url: str,
    *,
    data_dir: Path,
    prefix: str,
    partitions: int,
    retention_days: float,
    clock: Clock,
    create_topics: bool,
    security: KafkaSettings = _PLAIN_TEXT,
) -> Stream:
    """Return the stream that `url` names, not opened yet.

    `create_topics` lets `open()` make missing topics on Kafka; the embedded stream always makes its own.
    `security` counts on Kafka only.
    Raises `Crash` for a URL that is neither `embedded:` nor `kafka://host:port,…`.
    """
    if url == "embedded:":
        from shared.messaging.embedded import EmbeddedStream

        return EmbeddedStream(
            data_dir, prefix=prefix, partitions=partitions, retention_days=retention_days, clock=clock
        )
    scheme, _, servers = url.partition("://")
    if scheme == "kafka" and servers and all(":" in server for server in servers.split(",")):
        from shared.messaging.kafka import KafkaStream
        from shared.messaging.kafka.security import security_options

        return KafkaStream(
            servers.split(","),
            prefix=prefix,
            partitions=partitions,
            retention_days=retention_days,
            create_topics=create_topics,
            security=security_options(security),
        )
    raise Crash(f"BATON_STREAM_URL must be embedded: or kafka://host:port,…, not {url!r}")
