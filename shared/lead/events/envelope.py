"""CloudEvents 1.0 on Kafka in binary mode: attributes are `ce_*` headers, the value is the data as JSON.

Three extension attributes: `traceparent` (its own header, as W3C says), `ce_causationid`, the id of the
event that led to this one, and `ce_aftererasure`: the person of the subject was erased at that time, and
this event is about the person after that. A record that is replayed from the dead letters has the id of its
letter in `baton_replay_of`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from shared.errors import DataError
from shared.lead.events.dead_letter import DEAD_LETTER_TYPE, REPLAY_HEADER, dead_letter_of
from shared.lead.events.event_type import EventType
from shared.lead.events.registry import BY_MODEL, BY_NAME, DEFAULT_TYPE
from shared.lead.events.times import appended_at, rfc3339
from shared.lead.ids import derive_id, event_cause
from shared.messaging.manifest import DEAD_LETTERS, RECORD_BYTES_MAX
from shared.messaging.port import Outgoing, Record
from shared.observability.traceparent import is_traceparent

D = TypeVar("D")

_SPEC = ("ce_specversion", b"1.0")
_JSON = ("content-type", b"application/json")
_JSON_TYPES = (b"application/json", b"text/json")
_AFTER_ERASURE = "ce_aftererasure"
_ATTRIBUTE_BYTES_MAX = 500
_ESCAPED_NUL = re.compile(rb"\\u0000")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


class Event(Struct, Generic[D], frozen=True):
    """A decoded event. `raw` is the data as it arrived, so that it need not be encoded again.

    `after_erasure` is when the person of the subject was last erased, as far as the role knew that emitted
    the event: what the event states about the person is newer. None for a person who was never erased.
    """

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: D
    raw: bytes = b""
    key: str = ""
    traceparent: str = ""
    causation_id: str = ""
    replay_of: str = ""
    own_cause: str = ""
    after_erasure: datetime | None = None

    @property
    def cause(self) -> str:
        """What the ids of events that follow from this one are derived from."""
        return self.own_cause or event_cause(self.source, self.id)


class Emit(Struct, frozen=True):
    """An event that a decision emits. `key` is the account key; the type follows from the class of `data`.

    `cause` is what its id is derived from, where it is another than the event that was decided on: a report
    that is found twice is one event.
    """

    data: Struct
    subject: str
    key: str
    cause: str = ""


def decode(record: Record) -> Event[Any]:
    """Return the event in a record.

    A record without `ce_type` on a topic that outside producers write is plain JSON data of that topic's
    type; its id follows from its `event_id` and its content if it has one, else it is topic/partition/offset.

    Raises `DataError` of kind `empty`, `oversized`, `envelope`, `unknown_type`, `json` or `schema`.
    """
    if record.topic == DEAD_LETTERS.name:
        letter = dead_letter_of(record)
        return Event(
            id=letter.id,
            source=f"/baton/{letter.stage}",
            type=DEAD_LETTER_TYPE,
            subject=letter.subject,
            time=letter.at,
            data=letter,
            causation_id=letter.event_id,
        )
    value = checked_value(record)
    headers = dict(record.headers)
    type_name = _often_read("ce_type", named) if (named := headers.get("ce_type")) else ""
    if not type_name:
        return _plain(record, value, headers)
    event_type = BY_NAME.get(type_name)
    if event_type is None:
        raise DataError(f"unknown event type {type_name!r}", kind="unknown_type")
    if event_type.topic.name != record.topic:
        raise DataError(f"{type_name} does not belong on {record.topic}", kind="unknown_type")
    event_id = _text(headers, "ce_id")
    source = _often_read("ce_source", named) if (named := headers.get("ce_source")) else ""
    if not event_id or not source:
        raise DataError("a CloudEvent needs ce_id and ce_source", kind="envelope")
    if (headers.get("ce_specversion") or _SPEC[1]) != _SPEC[1]:
        raise DataError("ce_specversion is not 1.0", kind="envelope")
    content_type = headers.get("content-type") or _JSON[1]
    if content_type != _JSON[1] and content_type.split(b";")[0].strip().lower() not in _JSON_TYPES:
        raise DataError("content-type is not JSON", kind="envelope")
    return Event(
        id=event_id,
        source=source,
        type=type_name,
        subject=_text(headers, "ce_subject"),
        time=_time(headers.get("ce_time"), record),
        data=decode_data(event_type, value),
        raw=value,
        key=_key(record),
        traceparent=_traceparent(headers),
        causation_id=_text(headers, "ce_causationid"),
        replay_of=_text(headers, REPLAY_HEADER),
        after_erasure=_instant(_AFTER_ERASURE, erased) if (erased := headers.get(_AFTER_ERASURE)) else None,
    )


def checked_value(record: Record) -> bytes:
    """Return the value of a record that is worth decoding. Raises `DataError`."""
    if record.value is None:
        raise DataError("the record has no value", kind="empty")
    if len(record.value) > RECORD_BYTES_MAX:
        raise DataError(
            f"the record has {len(record.value)} bytes, {RECORD_BYTES_MAX} are allowed", kind="oversized"
        )
    return record.value


@cache
def _decoder(model: type[Struct]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(model)


def decode_data(event_type: EventType, value: bytes) -> Any:
    """Return the typed data in `value`. Raises `DataError` of kind `json` or `schema`."""
    # Few values have a backslash at all, and looking for one byte takes a tenth of the time.
    if b"\\" in value and _ESCAPED_NUL.search(value) and _NUL.search(value):
        raise DataError("the text holds \\u0000, which cannot be stored", kind="json")
    try:
        if not value.isascii():
            value.decode()  # the decoder skips unknown fields, but the value is stored as it came
        return _decoder(event_type.model).decode(value)
    except msgspec.ValidationError as error:
        raise DataError(str(error), kind="schema") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(str(error), kind="json") from error


def emitted(emit: Emit, *, by: str, cause: Event[Any], ordinal: int, at: datetime) -> Event[Any]:
    """Return the event that `emit` becomes: its id is a function of its type, subject, cause and ordinal."""
    type_name = BY_MODEL[type(emit.data)].name
    origin = (emit.cause, 0) if emit.cause else (cause.cause, ordinal)
    return Event(
        id=derive_id(type_name, emit.subject, *origin),
        source=f"/baton/{by}",
        type=type_name,
        subject=emit.subject,
        time=at,
        data=emit.data,
        raw=_encode(emit.data),
        key=emit.key,
        traceparent=cause.traceparent,
        causation_id=cause.id,
    )


def encode(event: Event[Any]) -> Outgoing:
    """Return the record of an event; its value is `raw`, or the encoded data without one."""
    headers = [
        _SPEC,
        ("ce_id", event.id.encode()),
        *_shared_headers(event.source, event.type, event.time),
    ]
    if event.subject:
        headers.append(("ce_subject", event.subject.encode()))
    if event.traceparent:
        headers.append(("traceparent", event.traceparent.encode()))
    if event.causation_id:
        headers.append(("ce_causationid", event.causation_id.encode()))
    if event.after_erasure is not None:
        headers.append((_AFTER_ERASURE, rfc3339(event.after_erasure).encode()))
    if event.replay_of:
        headers.append((REPLAY_HEADER, event.replay_of.encode()))
    return Outgoing(
        topic=BY_NAME[event.type].topic.name,
        key=event.key.encode() or None,
        value=event.raw or _encode(event.data),
        headers=headers,
    )


@lru_cache(maxsize=256)
def _shared_headers(source: str, type_name: str, at: datetime) -> Sequence[tuple[str, bytes]]:
    """Return the headers that all events of a type share which one unit of work emits."""
    return (
        ("ce_source", source.encode()),
        ("ce_type", type_name.encode()),
        ("ce_time", rfc3339(at).encode()),
        _JSON,
    )


def _plain(record: Record, value: bytes, headers: dict[str, bytes | None]) -> Event[Any]:
    event_type = DEFAULT_TYPE.get(record.topic)
    if event_type is None:
        raise DataError(f"records of {record.topic} need CloudEvents headers", kind="envelope")
    data = decode_data(event_type, value)
    own_id = getattr(data, "event_id", None) or getattr(data, "external_id", None)
    event_id = f"{record.topic}/{record.partition}/{record.offset}"
    if own_id:
        # With the content: producers share the topic, and one must not take another's id for its own.
        content = hashlib.sha256(_encode_sorted(data)).hexdigest()
        event_id = derive_id(event_type.name, "", f"event_id:{own_id}:{content}", 0)
    return Event(
        id=event_id,
        source=f"/outside/{record.topic}",
        type=event_type.name,
        subject="",
        time=_time(None, record),
        data=data,
        raw=value,
        key=_key(record),
        traceparent=_traceparent(headers),
        replay_of=_text(headers, REPLAY_HEADER),
    )


def _text(headers: dict[str, bytes | None], name: str) -> str:
    value = headers.get(name)
    return _read_text(name, value) if value else ""


def _read_text(name: str, value: bytes) -> str:
    if len(value) > _ATTRIBUTE_BYTES_MAX:
        raise DataError(f"{name} is longer than {_ATTRIBUTE_BYTES_MAX} bytes", kind="envelope")
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is not UTF-8", kind="envelope") from error
    if "\0" in text:
        raise DataError(f"{name} holds a NUL", kind="envelope")
    return text


_often_read = lru_cache(maxsize=256)(_read_text)
"""Reads a header that many records share."""


def _key(record: Record) -> str:
    """Return the key as text that can be stored; outside producers may use any bytes."""
    return (record.key or b"")[:_ATTRIBUTE_BYTES_MAX].decode("utf-8", "replace").replace("\0", "\ufffd")


def _traceparent(headers: dict[str, bytes | None]) -> str:
    """Return the trace context to continue, "" when it is absent or malformed (W3C: then ignore it)."""
    text = (headers.get("traceparent") or b"").decode("ascii", "replace")
    return text if is_traceparent(text) else ""


def _time(value: bytes | None, record: Record) -> datetime:
    if not value:
        appended = appended_at(record)
        if appended is None:
            raise DataError("neither ce_time nor the record's time stamp is an instant", kind="envelope")
        return appended
    return _instant("ce_time", value)


@lru_cache(maxsize=256)
def _instant(name: str, value: bytes) -> datetime:
    try:
        at = datetime.fromisoformat(value.decode("ascii"))
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise DataError(f"{name} {value[:40]!r} is not an RFC 3339 time", kind="envelope") from error
