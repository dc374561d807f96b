"""The stream on Apache Kafka, by aiokafka. A topic is `{prefix}.{name}`, a group `{prefix}.{group}`."""

from __future__ import annotations

from shared.messaging.kafka.stream import KafkaStream

__all__ = ["KafkaStream"]
