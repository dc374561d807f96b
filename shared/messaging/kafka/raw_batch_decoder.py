"""Decodes one record batch of a partition that aiokafka cannot decode.

aiokafka fails a whole fetch on a header name that is not UTF-8, though Kafka allows any bytes there and
clients in other languages write them. One record must not stop a partition, so such a batch is decoded here,
with the invalid bytes of the name written out in hexadecimal.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.errors import CorruptRecordException, LeaderNotAvailableError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.util import calc_crc32c, decode_varint
from aiokafka.structs import TopicPartition

from shared.messaging.port import Headers, Record

# Base offset, length, leader epoch, magic, CRC, attributes, last offset delta, first and last timestamp,
# producer id and epoch, base sequence, number of records.
_BATCH = struct.Struct(">qiibIhiqqqhii")
_LENGTH_ENDS_AT = 12
_CRC_COVERS_FROM = 21
_MAGIC = 2
_CODEC_MASK = 0x07
_APPEND_TIME_MASK = 0x08
_DECODE: dict[int, Callable[[bytes], bytes]] = {
    0: bytes,
    1: gzip_decode,
    2: snappy_decode,
    3: lz4_decode,
    4: zstd_decode,
}

_WAIT_MS = 500
_BYTES_MAX = 1024 * 1024


async def read_batch(
    client_options: Mapping[str, Any], partition: TopicPartition, offset: int, topic: str
) -> list[Record]:
    """Fetch the batch that holds `offset`; return its records from `offset` on, under the name `topic`."""
    client = AIOKafkaClient(**client_options)
    try:
        await client.bootstrap()
        await client.set_topics([partition.topic])
        leader = client.cluster.leader_for_partition(partition)
        if leader is None or leader == -1:
            raise LeaderNotAvailableError(partition)
        topics = [(partition.topic, [(partition.partition, offset, _BYTES_MAX)])]
        response: Any = await client.send(leader, FetchRequest(_WAIT_MS, 1, _BYTES_MAX, 0, topics))
    finally:
        await client.close()
    ((_, ((_, code, *_, body),)),) = response.topics
    if code:
        raise for_code(code)
    batch = decode_batch(bytes(body), topic, partition.partition) if body else []
    return [record for record in batch if record.offset >= offset]


def decode_batch(body: bytes, topic: str, partition: int) -> list[Record]:
    """Return the records of the first batch in `body`.

    Raises `CorruptRecordException`, which aiokafka raises too and which is retried, for a batch that is
    truncated, of another message format, or whose checksum or lengths do not fit its content.
    """
    if len(body) < _BATCH.size:
        raise CorruptRecordException("the batch is shorter than its header")
    base, length, _, magic, checksum, attributes, _, first_ms, last_ms, _, _, _, count = _BATCH.unpack_from(
        body
    )
    end = _LENGTH_ENDS_AT + length
    if magic != _MAGIC:
        raise CorruptRecordException(f"the batch has message format {magic}, not {_MAGIC}")
    if not _BATCH.size <= end <= len(body) or calc_crc32c(body[_CRC_COVERS_FROM:end]) != checksum:
        raise CorruptRecordException("the batch is truncated or its checksum is wrong")
    payload = bytearray(_DECODE[attributes & _CODEC_MASK](body[_BATCH.size : end]))
    records: list[Record] = []
    at = 0
    for _ in range(count):
        fields = _Fields(payload, at)
        size = fields.number()
        at = fields.at + size
        fields.at += 1  # attributes, of which there are none yet
        appended_ms = first_ms + fields.number()
        offset = base + fields.number()
        key, value = fields.blob(), fields.blob()
        headers: Headers = tuple(fields.headers())
        timestamp_ms = last_ms if attributes & _APPEND_TIME_MASK else appended_ms
        records.append(Record(topic, partition, offset, key, value, headers, timestamp_ms))
    return records


class _Fields:
    """Reads the fields of a record one after the other."""

    def __init__(self, payload: bytearray, at: int) -> None:
        self._payload = payload
        self.at = at

    def number(self) -> int:
        # `decode_varint` is compiled without bounds checks: past the end it would read foreign memory.
        if self.at >= len(self._payload):
            raise CorruptRecordException("a record ends after the end of its batch")
        number, self.at = decode_varint(self._payload, self.at)
        self._refuse_overrun()
        return number

    def _refuse_overrun(self) -> None:
        if not 0 <= self.at <= len(self._payload):
            raise CorruptRecordException("a record ends after the end of its batch")

    def blob(self) -> bytes | None:
        size = self.number()
        if size < 0:
            return None
        start, self.at = self.at, self.at + size
        self._refuse_overrun()
        return bytes(self._payload[start : self.at])

    def headers(self) -> Iterator[tuple[str, bytes | None]]:
        for _ in range(self.number()):
            name = self.blob() or b""
            yield name.decode(errors="backslashreplace"), self.blob()
