"""Checks that the topics on the broker are as declared, and creates missing ones where that is allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.errors import Crash, Retry
from shared.messaging.manifest import Topic

_SIZE = "max.message.bytes"
_CREATE_S_MAX = 20.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Declared:
    """The declared properties of all topics."""

    prefix: str
    partitions: int
    retention_ms: int
    topics: Sequence[Topic]

    @property
    def by_name(self) -> dict[str, Topic]:
        """The topics by their name on the broker."""
        return {f"{self.prefix}.{topic.name}": topic for topic in self.topics}


async def ensure_topics(admin: AIOKafkaAdminClient, declared: Declared, *, create: bool) -> None:
    """Return when every topic exists as declared. Raises `Crash` with what is missing or different."""
    missing = declared.by_name.keys() - (await _partition_counts(admin)).keys()
    if missing and not create:
        raise Crash(f"Kafka has no topics {', '.join(sorted(missing))}: make them with `baton migrate`")
    if missing:
        await _create(admin, declared, missing)
    sizes = await _record_sizes(admin, list(declared.by_name))
    if found := differences(declared, await _partition_counts(admin), sizes):
        raise Crash(f"topics differ from what is declared: {'; '.join(found)}")


def differences(
    declared: Declared, partition_counts: Mapping[str, int], record_sizes: Mapping[str, int]
) -> list[str]:
    """Return a sentence for each declared property that the broker has otherwise. Pure.

    `partition_counts` and `record_sizes` (in bytes) are what the broker has, by the topic's name there.
    """
    found = []
    for name, topic in sorted(declared.by_name.items()):
        for what, expected, actual in (
            ("partitions", declared.partitions, partition_counts.get(name, 0)),
            (f"as {_SIZE}", topic.record_bytes_max, record_sizes.get(name, 0)),
        ):
            if actual != expected:
                found.append(f"{name}: expected {expected} {what}, found {actual}")
    return found


async def _create(admin: AIOKafkaAdminClient, declared: Declared, missing: set[str]) -> None:
    new = [
        NewTopic(
            name,
            declared.partitions,
            -1,  # as many replicas as the cluster makes by default
            replica_assignments={},
            topic_configs={
                _SIZE: str(declared.by_name[name].record_bytes_max),
                "retention.ms": str(declared.retention_ms),
                # An outside producer's wrong clock must not delete a lead before it is read.
                "message.timestamp.type": "LogAppendTime",
            },
        )
        for name in sorted(missing)
    ]
    response: Any = await admin.create_topics(new)
    for name, code, *reason in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise Crash(f"Kafka cannot make {name}: {error.__name__} {' '.join(map(str, reason))}")
    try:
        # The broker accepts a topic before it serves it.
        async with asyncio.timeout(_CREATE_S_MAX):
            while missing - (await _partition_counts(admin)).keys():  # noqa: ASYNC110 - the broker sends no event
                await asyncio.sleep(_POLL_S)
    except TimeoutError as error:
        raise Retry(f"Kafka has not created {', '.join(sorted(missing))} in {_CREATE_S_MAX} s") from error


async def _partition_counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    # Of all topics: a request for an absent one makes it on a broker with auto.create.topics.enable.
    return {
        found["topic"]: len(found["partitions"])
        for found in await admin.describe_topics()
        if not found["error_code"] and all(part["leader"] >= 0 for part in found["partitions"])
    }


async def _record_sizes(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, {_SIZE: None}) for name in names]
    sizes: dict[str, int] = {}
    responses: list[Any] = await admin.describe_configs(resources)
    for response in responses:
        for _code, _message, _kind, name, entries in response.resources:
            values: dict[str, Any] = {entry[0]: entry[1] for entry in entries}
            if _SIZE in values:
                sizes[name] = int(values[_SIZE])
    return sizes
