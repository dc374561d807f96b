"""Our CloudEvents mapping against the official SDK: what one writes the other reads, attribute by attribute.

The SDK is only an oracle here; it is 15 times slower and more.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event, to_binary_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import DataError
from shared.lead.events import schemas
from shared.lead.events.envelope import Event, decode, encode
from shared.lead.events.registry import BY_NAME
from shared.messaging.port import Record

EXAMPLES = [
    (BY_NAME[file.parent.name], file.read_bytes())
    for file in sorted(schemas.FOLDER.with_name("examples").glob("*/*.json"))
]

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
named = texts.filter(bool)
instants = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - zoned by the strategy
examples = st.sampled_from(EXAMPLES)


@given(
    example=examples,
    id_=named,
    source=named,
    subject=texts,
    at=instants,
    key=named,
    causation_id=texts,
)
def test_the_sdk_reads_what_we_write(
    *,
    example: tuple[Any, bytes],
    id_: str,
    source: str,
    subject: str,
    at: datetime,
    key: str,
    causation_id: str,
) -> None:
    event_type, text = example
    data = msgspec.json.decode(text, type=event_type.model)
    event = Event(id_, source, event_type.name, subject, at, data, key=key, causation_id=causation_id)
    out = encode(event)
    headers = {name: value or b"" for name, value in out.headers}
    read = from_binary_event(KafkaMessage(headers, out.key, out.value or b""))
    assert (read.get_id(), read.get_source(), read.get_type()) == (id_, source, event_type.name)
    assert read.get_specversion() == "1.0"
    assert (read.get_subject() or "") == subject
    assert read.get_time() == at
    assert read.get_datacontenttype() == "application/json"
    assert read.get_extension("partitionkey") == key
    assert (read.get_extension("causationid") or "") == causation_id
    assert read.get_data() == msgspec.json.decode(msgspec.json.encode(data))


@given(example=examples, id_=named, source=named, subject=named, at=instants, causation_id=named)
def test_we_read_what_the_sdk_writes(
    *, example: tuple[Any, bytes], id_: str, source: str, subject: str, at: datetime, causation_id: str
) -> None:
    event_type, text = example
    written = CloudEvent(
        attributes={
            "id": id_,
            "source": source,
            "type": event_type.name,
            "specversion": "1.0",
            "subject": subject,
            "time": at,
            "datacontenttype": "application/json",
            "causationid": causation_id,
        },
        data=msgspec.json.decode(text),
    )
    message = to_binary_event(written)
    record = Record(event_type.topic.name, 0, 0, b"k", message.value, tuple(message.headers.items()), 0)
    event = decode(record)
    assert (event.id, event.source, event.type, event.subject) == (id_, source, event_type.name, subject)
    assert (event.time, event.causation_id, event.key) == (at, causation_id, "k")
    assert event.data == msgspec.json.decode(text, type=event_type.model)


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "text/json"])
def test_both_take_these_content_types_for_json(content_type: str) -> None:
    event_type, text = EXAMPLES[0]
    attributes = {"ce_id": b"1", "ce_source": b"/t", "ce_type": event_type.name.encode()}
    headers = {**attributes, "ce_specversion": b"1.0", "content-type": content_type.encode()}
    record = Record(event_type.topic.name, 0, 0, None, text, tuple(headers.items()), 0)
    assert msgspec.to_builtins(decode(record).data)
    assert from_binary_event(KafkaMessage(headers, None, text)).get_data() == msgspec.json.decode(text)


def test_both_refuse_an_event_without_a_source() -> None:
    """The SDK makes up an id where it is missing; we refuse that too, since a claim needs the id."""
    event_type, text = EXAMPLES[0]
    headers = {"ce_id": b"1", "ce_type": event_type.name.encode(), "ce_specversion": b"1.0"}
    with pytest.raises(DataError):
        decode(Record(event_type.topic.name, 0, 0, None, text, tuple(headers.items()), 0))
    with pytest.raises(Exception, match="attribute"):
        from_binary_event(KafkaMessage(headers, None, text))
