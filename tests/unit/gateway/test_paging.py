"""Pages of a list: walking them gives every item once, in order, whatever the limit."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.dependencies import LIMIT_DEFAULT, LIMIT_MAX, PageRequest, page_request
from shared.errors import Reject
from shared.storage.keyset import Cursor

AT = datetime(2026, 3, 1, tzinfo=UTC)
Item = tuple[datetime, str]
ITEMS = st.lists(
    st.tuples(st.integers(0, 5).map(lambda hours: AT + timedelta(hours=hours)), st.uuids().map(str)),
    max_size=40,
    unique_by=lambda item: item[1],
)


def read_after(items: list[Item], after: Cursor | None, limit: int) -> list[Item]:
    """Return what a keyset query returns: the newest first, from the cursor on."""
    newest_first = sorted(items, reverse=True)
    found = [item for item in newest_first if after is None or item < (after.at, after.id)]
    return found[:limit]


async def pages(items: list[Item], limit: int) -> list[list[Item]]:
    """Return all pages of a list, each one asked for with the `next` of the one before."""
    walked: list[list[Item]] = []
    cursor: str | None = None
    while not walked or cursor is not None:
        request = await page_request(limit, cursor)
        found = read_after(items, request.after, request.limit + 1)
        page = request.page(found, [Cursor(*item) for item in found])
        walked.append(page.data)
        cursor = page.next
    return walked


@given(ITEMS, st.integers(1, 45))
async def test_walking_the_pages_gives_every_item_once_and_in_order(items: list[Item], limit: int):
    walked = await pages(items, limit)
    assert [item for page in walked for item in page] == sorted(items, reverse=True)


@given(ITEMS, st.integers(1, 45))
async def test_every_page_but_the_last_is_full_and_no_page_but_the_only_one_is_empty(items, limit):
    *full, last = await pages(items, limit)
    assert all(len(page) == limit for page in full)
    assert len(last) <= limit
    assert last or not full


@given(ITEMS, ITEMS, st.integers(1, 10))
async def test_items_that_are_added_while_a_client_reads_repeat_no_item(items, newer, limit):
    request = await page_request(limit, None)
    found = read_after(items, None, limit + 1)
    first = request.page(found, [Cursor(*item) for item in found])
    if first.next is None:
        return
    added = [(at + timedelta(days=1), f"new-{id_}") for at, id_ in newer]
    rest = await page_request(LIMIT_MAX, first.next)
    assert not {*read_after([*items, *added], rest.after, LIMIT_MAX)} & {*first.data}


@given(
    st.timedeltas(timedelta(days=-700_000), timedelta(days=2_900_000)),
    st.text(max_size=100).filter(lambda id_: "\0" not in id_),
)
async def test_a_cursor_that_was_given_is_read_as_the_same_position(since, id_):
    cursor = Cursor(AT + since, id_)
    try:
        given_cursor = PageRequest(1, None).page(["a", "b"], [cursor, cursor]).next
    except UnicodeEncodeError:
        return  # no database has an id with a lone surrogate
    assert given_cursor is not None
    if len(given_cursor) <= 600:
        assert (await page_request(1, given_cursor)).after == cursor


@given(st.text(max_size=700))
async def test_any_other_text_is_refused_as_a_cursor(text):
    try:
        request = await page_request(1, text)
    except Reject as reject:
        assert (reject.status, reject.kind) == (422, "invalid-cursor")  # noqa: PT017 - either outcome is right
    else:
        assert request.after is not None


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "WzFd",
        "é",
        encoded({"at": AT}),
        encoded([AT, 7]),
        encoded([AT, "a\0b"]),
        encoded([datetime(1, 1, 1, tzinfo=UTC), "a"]),
        encoded([datetime(9999, 12, 31, tzinfo=UTC), "a"]),
    ],
)
async def test_a_cursor_that_was_never_given_is_refused(text):
    with pytest.raises(Reject) as rejected:
        await page_request(1, text)
    assert (rejected.value.status, rejected.value.kind) == (422, "invalid-cursor")


async def test_without_a_query_it_is_the_first_page_of_the_default_length():
    assert await page_request() == PageRequest(LIMIT_DEFAULT, None)
