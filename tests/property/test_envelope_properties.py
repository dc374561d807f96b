"""Laws of the envelope: what is written is read again, and whatever arrives gives an event or a `DataError`."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import DataError
from shared.lead.events import schemas
from shared.lead.events.envelope import Event, decode, encode
from shared.lead.events.registry import BY_NAME, EVENT_TYPES
from shared.messaging.manifest import TOPICS
from shared.messaging.port import Outgoing, Record

KINDS = {"empty", "oversized", "envelope", "unknown_type", "json", "schema"}
EXAMPLES = [
    (BY_NAME[file.parent.name], file.read_bytes())
    for file in sorted(schemas.FOLDER.with_name("examples").glob("*/*.json"))
]

attribute = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=120)
named = attribute.filter(bool)
traceparent = st.just("") | st.from_regex(r"\A00-[1-9a-f]{32}-[1-9a-f]{16}-0[01]\Z")
instants = st.datetimes(timezones=st.just(UTC))


@st.composite
def events(draw: st.DrawFn) -> Event[Any]:
    event_type, text = draw(st.sampled_from(EXAMPLES))
    data = msgspec.json.decode(text, type=event_type.model)
    return Event(
        id=draw(named),
        source=draw(named),
        type=event_type.name,
        subject=draw(attribute),
        time=draw(instants),
        data=data,
        raw=msgspec.json.encode(data),
        key=draw(attribute),
        traceparent=draw(traceparent),
        causation_id=draw(attribute),
        replay_of=draw(attribute),
    )


def read_back(out: Outgoing) -> Record:
    return Record(out.topic, 0, 0, out.key, out.value, out.headers, 0)


@given(events())
def test_an_encoded_event_decodes_to_itself(event: Event[Any]) -> None:
    assert decode(read_back(encode(event))) == event


NAMES = [
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "ce_subject",
    "ce_specversion",
    "ce_causationid",
    "content-type",
    "traceparent",
    "baton_replay_of",
    "baton_error_at",
    "baton_error_offset",
]
header_values = (
    st.none()
    | st.binary(max_size=40)
    | st.sampled_from([event_type.name.encode() for event_type in EVENT_TYPES])
    | st.sampled_from([b"1.0", b"application/json", b"2026-01-31T09:30:00Z", b"9999-12-31T23:59:59-12:00"])
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=10,
).map(msgspec.json.encode)


@st.composite
def damaged_examples(draw: st.DrawFn) -> bytes:
    """A good value with a few bytes changed: the likeliest to be almost read."""
    value = bytearray(draw(st.sampled_from(EXAMPLES))[1])
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(value) - 1))
        value[place : place + draw(st.integers(0, 2))] = draw(st.binary(max_size=3) | st.just(rb"\u0000"))
    return bytes(value)


records = st.builds(
    Record,
    topic=st.sampled_from([topic.name for topic in TOPICS]),
    partition=st.integers(0, 5),
    offset=st.integers(0, 2**62),
    key=st.none() | st.binary(max_size=20),
    value=st.none() | st.binary(max_size=60) | json_values | damaged_examples(),
    headers=st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=5), header_values), max_size=8),
    timestamp_ms=st.integers(-(2**63), 2**63 - 1),
)


def event_or_error(record: Record) -> Event[Any] | DataError:
    try:
        return decode(record)
    except DataError as error:
        return error


@given(records)
def test_any_record_decodes_or_raises_a_data_error_of_a_documented_kind(record: Record) -> None:
    event = event_or_error(record)
    if isinstance(event, DataError):
        assert event.kind in KINDS
        return
    assert event.time.tzinfo is not None
    assert (
        "\0" not in f"{event.id}{event.source}{event.subject}{event.key}{event.causation_id}{event.replay_of}"
    )


@given(damaged_examples(), st.sampled_from(EVENT_TYPES))
def test_decoded_data_can_be_encoded(value: bytes, event_type: Any) -> None:
    headers = [("ce_id", b"1"), ("ce_source", b"/x"), ("ce_type", event_type.name.encode())]
    with contextlib.suppress(DataError):
        event = decode(Record(event_type.topic.name, 0, 0, None, value, headers, 0))
        assert decode(read_back(encode(event))) == event
        assert msgspec.json.decode(msgspec.json.encode(event.data), type=event_type.model) == event.data
        assert event.time == datetime.fromtimestamp(0, UTC)
