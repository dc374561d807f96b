"""Bodies: within the size limit however they are sent, and only JSON that every later reader accepts too."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect

from services.gateway.request_body import (
    BODY_BYTES_MAX,
    ITEMS_MAX,
    decoded,
    is_json_type,
    is_list,
    items,
    media_type,
    parse_json,
    read_body,
    require_json,
)
from shared.errors import Reject


class Sender:
    """Sends a body in chunks, as a server hands them to an application, and counts those that were read."""

    def __init__(self, *chunks: bytes, disconnects: bool = False) -> None:
        self.messages = [
            {"type": "http.request", "body": chunk, "more_body": index < len(chunks) - 1 or disconnects}
            for index, chunk in enumerate(chunks)
        ]
        self.messages.append({"type": "http.disconnect"})
        self.read = 0

    async def receive(self):
        self.read += 1
        return self.messages[self.read - 1]


async def rejected(sender: Sender, **headers: str) -> Reject:
    """Return the rejection of a body."""
    encoded = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    with pytest.raises(Reject) as raised:
        await read_body(encoded, sender.receive)
    return raised.value


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=10))
async def test_a_body_is_the_same_however_it_is_cut_into_chunks(chunks: list[bytes]):
    assert await read_body({}, Sender(*chunks).receive) == b"".join(chunks)


@pytest.mark.parametrize("chunk_bytes", [64 * 1024, 1024 * 1024, 5 * 1024 * 1024])
async def test_a_body_may_have_as_many_bytes_as_the_limit_and_not_one_more(chunk_bytes: int):
    for size in (BODY_BYTES_MAX, BODY_BYTES_MAX + 1):
        body = b"x" * size
        sender = Sender(*[body[start : start + chunk_bytes] for start in range(0, size, chunk_bytes)])
        if size == BODY_BYTES_MAX:
            assert await read_body({}, sender.receive) == body
        else:
            reject = await rejected(sender)
            assert (reject.status, reject.kind, reject.headers) == (
                413,
                "body-too-large",
                (("connection", "close"),),
            )


async def test_a_client_that_is_over_the_limit_may_send_on_so_that_it_reads_the_answer():
    sender = Sender(*[b"x" * BODY_BYTES_MAX] * 10)
    assert (await rejected(sender)).status == 413
    assert sender.read == 10


async def test_a_client_that_sends_without_end_is_cut_off():
    sender = Sender(*[b"x" * BODY_BYTES_MAX] * 100)
    assert (await rejected(sender)).status == 413
    assert sender.read == 17


@pytest.mark.parametrize("chunks", [(), (b"half",)])
async def test_a_client_that_goes_away_is_a_disconnect(chunks: tuple[bytes, ...]):
    with pytest.raises(ClientDisconnect):
        await read_body({}, Sender(*chunks, disconnects=True).receive)


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", ""])
async def test_a_compressed_body_is_refused_before_it_is_read(encoding: str):
    sender = Sender(b"{}")
    reject = await rejected(sender, content_encoding=encoding)
    assert (reject.status, reject.kind, sender.read) == (415, "unsupported-encoding", 0)


async def test_the_encoding_identity_is_none():
    assert await read_body({b"content-encoding": b"Identity"}, Sender(b"{}").receive) == b"{}"


@pytest.mark.parametrize(
    ("header", "kind", "is_json"),
    [
        ("application/json", "application/json", True),
        ("Application/JSON; charset=utf-8", "application/json", True),
        ("text/json", "text/json", True),
        ("application/vnd.api+json", "application/vnd.api+json", True),
        ("", "", True),
        ("text/plain", "text/plain", False),
        ("text/x+json", "text/x+json", False),
        ("application/jsonl", "application/jsonl", False),
        ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded", False),
    ],
)
def test_json_has_several_media_types(header: str, kind: str, is_json: bool):
    assert media_type(header) == kind
    assert is_json_type(kind) is is_json
    if is_json:
        require_json(header)
    else:
        with pytest.raises(Reject) as raised:
            require_json(header)
        assert (raised.value.status, raised.value.kind) == (415, "unsupported-media-type")


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(JSON_VALUES, st.booleans())
def test_what_pythons_json_writes_is_read_as_the_same_value(value, ascii_only):
    try:
        raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        return  # a lone surrogate has no UTF-8
    try:
        assert parse_json(raw) == value
    except Reject as reject:
        assert reject.kind in ("malformed-json", "unusable-text")  # noqa: PT017 - a lone surrogate or \u0000


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_rejection(raw: bytes):
    try:
        parse_json(raw)
    except Reject as reject:
        assert reject.status in (400, 422)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(
    ("raw", "kind", "detail"),
    [
        (b"", "malformed-json", "Input data was truncated"),
        (b"{", "malformed-json", "Input data was truncated"),
        (b"NaN", "malformed-json", "JSON is malformed: invalid character (byte 0)"),
        (b'"\xff"', "malformed-json", "It is not UTF-8"),
        (b'{"a": "\xc3"}', "malformed-json", "It is not UTF-8"),
        (b"[" * 20_000, "malformed-json", "It is nested too deep"),
        (b'"\\ud800"', "malformed-json", None),
        (b'"a\\u0000b"', "unusable-text", ""),
        (b'{"\\u0000": 1}', "unusable-text", ""),
    ],
)
def test_what_is_not_json_says_why(raw: bytes, kind: str, detail: str | None):
    with pytest.raises(Reject) as raised:
        parse_json(raw)
    assert raised.value.kind == kind
    if detail is not None:
        assert raised.value.detail == detail


def test_an_escaped_backslash_before_u0000_is_no_nul_character():
    assert parse_json(b'"\\\\u0000"') == "\\u0000"


class Named(msgspec.Struct):
    name: str


def test_a_typed_body_is_checked_beyond_the_fields_of_its_type():
    """An unknown field is skipped by the decoder, but it is published with the rest of the body."""
    decoder = msgspec.json.Decoder(Named)
    assert decoded(b'{"name": "Ana", "more": 1}', decoder) == Named("Ana")
    for raw, kind in (
        (b'{"name": "Ana", "more": "\xff"}', "malformed-json"),
        (b'{"name": "Ana", "more": "\\ud800"}', "malformed-json"),
        (b'{"name": "Ana", "more": "\\u0000"}', "unusable-text"),
        (b'{"name": 7}', "invalid-body"),
    ):
        with pytest.raises(Reject) as raised:
            decoded(raw, decoder)
        assert raised.value.kind == kind, raw


@given(st.lists(JSON_VALUES, min_size=1, max_size=10), st.sampled_from([b"", b" \r\n\t"]))
def test_the_items_of_a_list_are_their_own_bytes(values, space):
    try:
        raw = space + json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return  # a lone surrogate has no UTF-8
    assert is_list(raw)
    assert [json.loads(item) for item in items(raw)] == values


@pytest.mark.parametrize(
    ("raw", "status", "kind"),
    [
        (b"[]", 422, "empty-list"),
        (b"{}", 422, "not-a-list"),
        (b"7", 422, "not-a-list"),
        (b"[1", 400, "malformed-json"),
        (b"[" * 20_000, 400, "malformed-json"),
        (b"[" + b"1," * ITEMS_MAX + b"1]", 422, "list-too-long"),
    ],
)
def test_a_list_has_between_one_and_the_most_items(raw: bytes, status: int, kind: str):
    with pytest.raises(Reject) as raised:
        items(raw)
    assert (raised.value.status, raised.value.kind) == (status, kind)


def test_a_list_of_the_most_items_is_taken():
    assert len(items(b"[" + b"1," * (ITEMS_MAX - 1) + b"1]")) == ITEMS_MAX


@pytest.mark.parametrize("raw", [b"", b"{}", b'"["', b" 7"])
def test_what_does_not_begin_with_a_bracket_is_no_list(raw: bytes):
    assert not is_list(raw)


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"[]," * 40_000 + b"1]",
        b"[" + b"{}," * 40_000 + b"1]",
        b'{"x": ' + b"[" * 40_000 + b"]" * 40_000 + b"}",
    ],
    ids=["lists", "objects", "nested"],
)
@pytest.mark.parametrize("read", [parse_json, items])
def test_a_body_of_very_many_lists_or_objects_is_refused_before_it_is_decoded(
    body: bytes, read: Callable[[bytes], object]
):
    with pytest.raises(Reject) as rejected:
        read(body)
    assert (rejected.value.status, rejected.value.kind) == (400, "too-many-values")


def test_the_largest_list_of_leads_has_few_enough_objects():
    lead = (
        b'{"person":{"email":"a@b.example"},"company":{},"source":{"utm":{}},"activities":[{"details":{}}]}'
    )
    assert len(items(b"[" + b",".join([lead] * 1_000) + b"]")) == 1_000
