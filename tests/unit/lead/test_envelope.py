"""Records and events: what can be read, what is set aside and why, what is written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.errors import DataError
from shared.lead.events.dead_letter import DEAD_LETTER_TYPE, dead_letter_of
from shared.lead.events.envelope import Emit, Event, decode, emitted, encode
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Person
from shared.lead.events.person_erased import PersonErasedV1
from shared.messaging.manifest import (
    DEAD_LETTERS,
    LEADS_RECEIVED,
    OUTCOMES_RECEIVED,
    PEOPLE_ERASED,
    RECORD_BYTES_MAX,
)
from shared.messaging.port import Headers, Record

AT = datetime(2026, 3, 2, 9, 14, 7, 125_000, tzinfo=UTC)
LEAD = b'{"person":{"email":"ana@kestrel.example"}}'
HEADERS: dict[str, bytes | None] = {
    "ce_specversion": b"1.0",
    "ce_id": b"0192f0c1-5d7a-7c3e-9b1f-3a5c7e9d1b02",
    "ce_source": b"/baton/gateway",
    "ce_type": b"baton.lead.received.v1",
    "ce_subject": b"lead-1",
    "ce_time": b"2026-03-02T09:14:07.125Z",
    "content-type": b"application/json",
    "traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}


def record(
    value: bytes | None = LEAD,
    *,
    topic: str = LEADS_RECEIVED.name,
    key: bytes | None = b"kestrel.example",
    timestamp_ms: int = int(AT.timestamp() * 1000),
    headers: Headers | None = None,
    **changed: bytes | None,
) -> Record:
    """A good record of a lead, but for what is said; a header is named with `_` for `-`."""
    named = HEADERS | {name.replace("content_", "content-"): text for name, text in changed.items()}
    return Record(
        topic=topic,
        partition=2,
        offset=40,
        key=key,
        value=value,
        headers=list(named.items()) if headers is None else headers,
        timestamp_ms=timestamp_ms,
    )


def plain(value: bytes = LEAD, **place: Any) -> Record:
    return record(value, headers=(), **place)


def kind_of(bad: Record) -> str:
    with pytest.raises(DataError) as caught:
        decode(bad)
    return caught.value.kind


def test_an_event_is_read_from_its_headers_and_value() -> None:
    event = decode(record())
    assert event == Event(
        id="0192f0c1-5d7a-7c3e-9b1f-3a5c7e9d1b02",
        source="/baton/gateway",
        type="baton.lead.received.v1",
        subject="lead-1",
        time=AT,
        data=LeadReceivedV1(person=Person(email="ana@kestrel.example")),
        raw=LEAD,
        key="kestrel.example",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (record(None), "empty"),
        (record(b" " * (RECORD_BYTES_MAX + 1)), "oversized"),
        (record(b""), "json"),
        (record(b"{"), "json"),
        (record(b"{} {}"), "json"),
        (record(b"\xff\xfe{}"), "json"),
        (record(b'{"message":"\xed\xa0\x80"}'), "json"),
        (record(b'{"message":"a\x00b"}'), "json"),
        (record(rb'{"message":"\u0000"}'), "json"),
        (record(b'{"message":"\xff"}'), "json"),
        (record(b'{"unknown":"\xff"}'), "json"),
        (record(rb'{"unknown":"\ud800"}'), "json"),
        (record(rb'{"message":"a\\\u0000"}'), "json"),
        (record(rb'{"answers":{"\u0000":1}}'), "json"),
        (record(rb'{"message":"\ud800"}'), "json"),
        (record(rb'{"message":"\udc00\ud800"}'), "json"),
        (record(b'{"later":' + b"[" * 100_000), "json"),
        (record(b"[]"), "schema"),
        (record(b"null"), "schema"),
        (record(b'{"person":7}'), "schema"),
        (record(b'{"company":{"employees":-1}}'), "schema"),
        (record(b'{"company":{"employees":12.5}}'), "schema"),
        (record(b'{"source":{"submitted_at":"2026-03-02T09:14:07"}}'), "schema"),
        (record(b'{"message":"' + b"x" * 20_001 + b'"}'), "schema"),
        (record(ce_type=b"baton.lead.received.v2"), "unknown_type"),
        (record(ce_type=b"com.other.thing"), "unknown_type"),
        (record(ce_type=b"baton.lead.scored.v1"), "unknown_type"),
        (record(topic=PEOPLE_ERASED.name), "unknown_type"),
        (record(ce_id=None), "envelope"),
        (record(ce_id=b""), "envelope"),
        (record(ce_id=b"\xff"), "envelope"),
        (record(ce_id=b"a\x00b"), "envelope"),
        (record(ce_id=b"x" * 501), "envelope"),
        (record(ce_source=None), "envelope"),
        (record(ce_subject=b"\xc3"), "envelope"),
        (record(ce_type=b"\xff"), "envelope"),
        (record(ce_specversion=b"0.3"), "envelope"),
        (record(content_type=b"text/plain"), "envelope"),
        (record(ce_time=b"yesterday"), "envelope"),
        (record(ce_time=b"2026-13-01T00:00:00Z"), "envelope"),
        (record(ce_time=b"0001-01-01T00:00:00+14:00"), "envelope"),
        (record(ce_time=b"2026-03-02T09:14:07\xc3\xa9"), "envelope"),
        (record(ce_time=None, timestamp_ms=2**62), "envelope"),
        (plain(timestamp_ms=2**62), "envelope"),
        (plain(topic=PEOPLE_ERASED.name), "envelope"),
        (plain(b"demo please"), "json"),
        (plain(b'{"event_id":""}'), "schema"),
    ],
)
def test_a_record_that_cannot_be_decoded_has_a_kind_of_error(bad: Record, kind: str) -> None:
    assert kind_of(bad) == kind


@pytest.mark.parametrize(
    "text", [rb"\\u0000", rb"\\\\u0000", rb"C:\\users\\u0000", rb"u0000", rb"\ud83d\ude00"]
)
def test_text_that_only_looks_like_a_nul_or_a_surrogate_is_read(text: bytes) -> None:
    assert decode(record(b'{"message":"' + text + b'"}')).data.message


def test_headers_without_value_count_as_absent_and_foreign_ones_are_ignored() -> None:
    event = decode(
        record(
            ce_subject=None,
            ce_time=None,
            content_type=None,
            traceparent=None,
            ce_specversion=None,
            x_foreign=b"\xff\x00",
            other=None,
        )
    )
    assert (event.subject, event.time, event.traceparent) == ("", AT, "")


@pytest.mark.parametrize("malformed", [b"", b"\xff", b"00-0-0-0", b"x" * 10_000])
def test_a_malformed_trace_is_no_reason_to_lose_an_event(malformed: bytes) -> None:
    assert decode(record(traceparent=malformed)).traceparent == ""


@pytest.mark.parametrize(
    "content_type", [b"application/json; charset=utf-8", b"Application/JSON", b"text/json"]
)
def test_json_may_be_named_in_several_ways(content_type: bytes) -> None:
    assert decode(record(content_type=content_type)).id


@pytest.mark.parametrize(
    ("key", "text"), [(None, ""), (b"\xffa", "\ufffda"), (b"a\x00b", "a\ufffdb"), (b"x" * 9_000, "x" * 500)]
)
def test_any_key_is_taken_as_text_that_can_be_stored(key: bytes | None, text: str) -> None:
    assert decode(record(key=key)).key == text


def test_a_time_without_offset_is_utc_and_one_with_offset_is_brought_there() -> None:
    assert decode(record(ce_time=b"2026-03-02T09:14:07.125")).time == AT
    assert decode(record(ce_time=b"2026-03-02T11:14:07.125+02:00")).time.isoformat() == AT.isoformat()


def test_plain_json_with_an_event_id_has_the_same_id_at_any_offset() -> None:
    event = decode(plain(b'{"event_id":"form-7"}'))
    again = decode(plain(b'{ "event_id": "form-7", "message": null }', offset=41))
    other = decode(plain(b'{"event_id":"form-7","message":"Hello"}'))
    assert event.id == again.id != other.id
    assert (event.source, event.type, event.time) == (
        "/outside/leads.received.v1",
        "baton.lead.received.v1",
        AT,
    )


def test_a_crms_plain_outcome_is_identified_by_its_external_id_and_what_it_says() -> None:
    won = b'{"email":"ana@kestrel.example","type":"won","at":"2026-03-01T09:00:00Z","external_id":"7"}'
    first, again, corrected = (
        decode(plain(value, topic=OUTCOMES_RECEIVED.name))
        for value in (won, won.replace(b'","', b'", "'), won.replace(b"won", b"lost"))
    )
    assert first.id == again.id != corrected.id
    assert (first.type, first.data.external_id) == ("baton.outcome.received.v1", "7")


def test_plain_json_without_an_event_id_is_identified_by_topic_partition_and_offset() -> None:
    assert decode(plain()).id == "leads.received.v1/2/40"


def test_a_replayed_record_names_its_dead_letter() -> None:
    assert decode(record(baton_replay_of=b"letter-1")).replay_of == "letter-1"
    assert decode(record(headers=[("baton_replay_of", b"letter-1")])).replay_of == "letter-1"


def test_an_encoded_event_decodes_to_itself_and_empty_attributes_are_left_out() -> None:
    event = Event(
        id="1",
        source="/baton/gateway",
        type="baton.person.erased.v1",
        subject="",
        time=AT,
        data=PersonErasedV1(lead_ids=["lead-1"], email_hash="9f", at=AT),
    )
    out = encode(event)
    assert (out.topic, out.key) == (PEOPLE_ERASED.name, None)
    assert dict(out.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"1",
        "ce_source": b"/baton/gateway",
        "ce_type": b"baton.person.erased.v1",
        "ce_time": b"2026-03-02T09:14:07.125000Z",
        "content-type": b"application/json",
    }
    assert out.value == b'{"lead_ids":["lead-1"],"email_hash":"9f","at":"2026-03-02T09:14:07.125000Z"}'


def test_a_replay_emits_events_with_the_same_ids() -> None:
    cause = decode(record())
    emit = Emit(PersonErasedV1(lead_ids=[], email_hash="9f", at=AT), "lead-1", "kestrel.example")
    first, again = (emitted(emit, by="scorer", cause=cause, ordinal=0, at=AT) for _ in range(2))
    second = emitted(emit, by="scorer", cause=cause, ordinal=1, at=AT)
    assert first == again
    assert first.id != second.id
    assert (first.causation_id, first.traceparent, first.source) == (
        cause.id,
        cause.traceparent,
        "/baton/scorer",
    )


@pytest.mark.parametrize("at", [b"2026-03-02T09:14:07.125Z", b"never", None])
@pytest.mark.parametrize("offset", [b"12", b"-1", b"9" * 40, "\u0663".encode(), None])
def test_every_record_of_the_dead_letter_topic_is_a_dead_letter(
    at: bytes | None, offset: bytes | None
) -> None:
    letter = record(
        None,
        topic=DEAD_LETTERS.name,
        timestamp_ms=2**62,
        headers=[
            ("baton_error_at", at),
            ("baton_error_offset", offset),
            ("baton_error_topic", b"\xff\x00"),
            ("ce_id", b"\xff"),
            ("x", None),
        ],
    )
    event = decode(letter)
    assert event.type == DEAD_LETTER_TYPE
    assert event.data == dead_letter_of(letter)
    assert event.data.headers == [("ce_id", b"\xff"), ("x", None)]
