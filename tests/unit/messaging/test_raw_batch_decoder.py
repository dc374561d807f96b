"""Record batches that are decoded without aiokafka, because a header name is not UTF-8.

aiokafka's own encoder writes the batches, so the decoder is held against an independent implementation.
"""

from __future__ import annotations

import struct

import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from shared.messaging.kafka.raw_batch_decoder import decode_batch
from shared.messaging.port import Record

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
blobs = st.none() | st.binary(max_size=12)
contents = st.tuples(blobs, blobs, st.lists(st.tuples(texts, blobs), max_size=3))


def encoded(
    *records: tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]], codec: int = 0
) -> bytes:
    """Return the batch of these records (key, value, headers), the first at offset 0, by aiokafka."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 20,
    )
    for offset, (key, value, headers) in enumerate(records):
        assert builder.append(offset, timestamp=1000 + offset, key=key, value=value, headers=headers)
    return bytes(builder.build())


def sealed(body: bytes) -> bytes:
    """Return the batch with the checksum that belongs to its content."""
    return body[:17] + struct.pack(">I", calc_crc32c(body[21:])) + body[21:]


@given(st.lists(contents, min_size=1, max_size=5), st.sampled_from(sorted(CODECS.values())))
def test_a_batch_is_read_as_it_was_written(
    written: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]], codec: int
) -> None:
    assert decode_batch(encoded(*written, codec=codec), "topic", 3) == [
        Record("topic", 3, offset, key, value, tuple(headers), 1000 + offset)
        for offset, (key, value, headers) in enumerate(written)
    ]


def test_golden_bytes() -> None:
    """The layout by hand, as the protocol guide has it, so that encoder and decoder cannot be wrong alike."""
    record = b"\x00\x04\x02\x06key\x0avalue\x02\x04h\xff\x01"
    content = struct.pack(">hiqqqhii", 0, 1, 5_000, 5_002, -1, -1, -1, 1) + bytes([len(record) * 2]) + record
    body = sealed(struct.pack(">qiibI", 42, 9 + len(content), 7, 2, 0) + content)
    (found,) = decode_batch(body, "leads", 1)
    assert found == Record("leads", 1, 43, b"key", b"value", (("h\\xff", None),), 5_002)


def test_a_header_name_that_is_not_utf_8_is_written_in_hexadecimal() -> None:
    body = encoded((b"k", b"v", [("name", b"a"), ("fine", None)]))
    broken = sealed(body.replace(b"name", b"n\xffm\xfe"))
    (record,) = decode_batch(broken, "topic", 0)
    assert record.headers == (("n\\xffm\\xfe", b"a"), ("fine", None))


def test_offsets_count_from_the_base_offset_that_the_broker_assigned() -> None:
    body = encoded((b"a", b"1", []), (b"b", b"2", []))
    moved = struct.pack(">q", 1 << 40) + body[8:]
    assert [record.offset for record in decode_batch(moved, "topic", 0)] == [1 << 40, (1 << 40) + 1]


def test_a_batch_of_append_time_has_one_time_stamp_for_all() -> None:
    body = encoded((b"a", b"1", []), (b"b", b"2", []))
    by_broker = sealed(
        body[:21] + struct.pack(">h", 0x08) + body[23:35] + struct.pack(">q", 9_000) + body[43:]
    )
    assert [record.timestamp_ms for record in decode_batch(by_broker, "topic", 0)] == [9_000, 9_000]


def test_only_the_first_of_several_batches_is_decoded() -> None:
    first, second = encoded((b"a", b"1", [])), encoded((b"b", b"2", []))
    assert [record.key for record in decode_batch(first + second, "topic", 0)] == [b"a"]


@given(st.data())
def test_a_truncated_batch_is_refused_wherever_it_ends(data: st.DataObject) -> None:
    """A broker may cut the last batch of a response; half a record must never be taken for a whole one."""
    body = encoded((b"key", b"value", [("header", b"x")]), (b"other", None, []))
    end = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(CorruptRecordException):
        decode_batch(body[:end], "topic", 0)


@given(st.data(), st.sampled_from(sorted(CODECS.values())))
def test_a_changed_byte_of_the_content_is_noticed(data: st.DataObject, codec: int) -> None:
    """The checksum covers everything from the attributes on."""
    body = bytearray(encoded((b"key", b"value", [("header", b"x")]), codec=codec))
    position = data.draw(st.integers(17, len(body) - 1))
    body[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CorruptRecordException):
        decode_batch(bytes(body), "topic", 0)


@pytest.mark.parametrize("magic", [0, 1, 3])
def test_another_message_format_is_refused(magic: int) -> None:
    body = bytearray(encoded((b"key", b"value", [])))
    body[16] = magic
    with pytest.raises(CorruptRecordException, match="format"):
        decode_batch(bytes(body), "topic", 0)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_batch_or_are_refused(body: bytes) -> None:
    with pytest.raises(CorruptRecordException):
        decode_batch(body, "topic", 0)


@pytest.mark.parametrize("count", [2, 1_000])
def test_more_records_than_there_are_bytes_are_refused(count: int) -> None:
    """The compiled decoder of integers has no bounds checks, so lengths are checked before they are used."""
    body = encoded((b"key", b"value", []))
    with pytest.raises(CorruptRecordException):
        decode_batch(sealed(body[:57] + struct.pack(">i", count) + body[61:]), "topic", 0)


@given(st.data())
def test_wrong_lengths_under_a_valid_checksum_never_give_bytes_from_outside_the_batch(
    data: st.DataObject,
) -> None:
    body = bytearray(encoded((b"key", b"value", [("header", b"x")])))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(61, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        records = decode_batch(sealed(bytes(body)), "topic", 0)
    except CorruptRecordException:
        return
    for record in records:
        held = [record.key, record.value, *(value for _, value in record.headers)]
        assert sum(len(part or b"") for part in held) <= len(body)
