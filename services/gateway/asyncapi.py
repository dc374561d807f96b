"""The AsyncAPI document: topics and events, made from the manifest and the registry."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import msgspec

from services.gateway.domain.subscriptions import STREAMED_EVENTS
from shared.lead.events.event_type import EventType
from shared.lead.events.registry import EVENT_TYPES
from shared.messaging.manifest import TOPICS, Topic

_STREAM = "events.stream"
_HEADERS = ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "traceparent")


def asyncapi_document() -> dict[str, Any]:
    """Return the document (AsyncAPI 3.0). Topic names are without the installation's prefix."""
    schemas, components = msgspec.json.schema_components(
        [event_type.model for event_type in EVENT_TYPES], ref_template="#/components/schemas/{name}"
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Baton",
            "version": version("baton"),
            "description": "CloudEvents 1.0 on Kafka in binary mode. Topic names have the prefix of the "
            "installation in front: BATON_TOPIC_PREFIX (baton) and a dot.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS} | {_STREAM: _stream_channel()},
        "operations": {
            f"{action}.{topic.name}": {"action": action, "channel": {"$ref": f"#/channels/{topic.name}"}}
            for topic in TOPICS
            # Every topic is read by a role; those that only other systems write to are not sent to.
            for action in (("send", "receive") if set(topic.writers) - {"outside"} else ("receive",))
        }
        | {f"send.{_STREAM}": {"action": "send", "channel": {"$ref": f"#/channels/{_STREAM}"}}},
        "components": {
            "schemas": components,
            "messages": {
                event_type.name: _message(event_type, schema)
                for event_type, schema in zip(EVENT_TYPES, schemas, strict=True)
            },
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": f"Written by {', '.join(topic.writers)}; read by {', '.join(topic.readers)}.",
        "messages": {
            event_type.name: {"$ref": f"#/components/messages/{event_type.name}"}
            for event_type in EVENT_TYPES
            if event_type.topic is topic
        },
    }


def _stream_channel() -> dict[str, Any]:
    return {
        "address": "/v1/events/stream",
        "description": "Server-sent events. `data` of each is JSON: `{id, type, timestamp, data}` with the "
        "short type and, as `data`, the payload of the message; see `/openapi.json`.",
        "messages": {
            event_type.name: {"$ref": f"#/components/messages/{event_type.name}"}
            for event_type in EVENT_TYPES
            if event_type.short in STREAMED_EVENTS
        },
    }


def _message(event_type: EventType, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": event_type.name,
        "summary": (event_type.model.__doc__ or "").splitlines()[0],
        "contentType": "application/json",
        "headers": {"type": "object", "properties": {name: {"type": "string"} for name in _HEADERS}},
        "payload": schema,
    }
