from __future__ import annotations

from typing import ClassVar

from hypothesis import given
from hypothesis import strategies as st

from shared.storage.rows import Change, IdentityMap, PendingWrites, Put, Remove, Row


class Seat(Row, frozen=True):
    id: int
    room: str
    taken: bool = False
    table: ClassVar[str] = "seats"
    key_fields: ClassVar[tuple[str, ...]] = ("id",)
    indexed: ClassVar[tuple[str, ...]] = ("room",)


class Note(Seat, frozen=True):
    table: ClassVar[str] = "notes"
    upsert: ClassVar[bool] = True


def net_of(rows: IdentityMap, kind: type[Row]) -> PendingWrites:
    return rows.pending_writes()[kind]


def test_a_row_is_found_by_key_and_by_indexed_field_in_the_order_of_keys() -> None:
    rows = IdentityMap([Seat(3, "a"), Seat(1, "b"), Seat(2, "a")])
    assert rows.get(Seat, 1) == Seat(1, "b")
    assert rows.get(Seat, 9) is None
    assert rows.find(Seat, "room", "a") == [Seat(2, "a"), Seat(3, "a")]
    assert rows.find(Seat, "room", "c") == []
    assert rows.all(Seat) == [Seat(1, "b"), Seat(2, "a"), Seat(3, "a")]
    assert rows.all(Note) == []


def test_changed_rows_are_found_in_key_order_too() -> None:
    rows = IdentityMap([Seat(2, "a"), Seat(3, "a")])
    rows.apply([Put(Seat(2, "a", taken=True)), Put(Seat(1, "a"))])
    assert [row.id for row in rows.find(Seat, "room", "a")] == [1, 2, 3]


def test_the_index_follows_updated_and_removed_rows() -> None:
    rows = IdentityMap([Seat(1, "a"), Seat(2, "a")])
    rows.apply([Put(Seat(1, "b")), Remove(Seat, (2,))])
    assert rows.find(Seat, "room", "a") == []
    assert rows.find(Seat, "room", "b") == [Seat(1, "b")]
    assert rows.get(Seat, 2) is None


def test_pending_writes_separate_inserted_updated_and_removed_rows() -> None:
    rows = IdentityMap([Seat(1, "a"), Seat(2, "a")])
    rows.apply([Put(Seat(1, "b")), Remove(Seat, (2,)), Put(Seat(3, "c"))])
    assert net_of(rows, Seat) == PendingWrites([Seat(3, "c")], [Seat(1, "b")], [(2,)])


def test_a_row_that_equals_the_stored_one_is_not_written() -> None:
    rows = IdentityMap([Seat(1, "a")])
    rows.apply([Put(Seat(1, "b")), Put(Seat(1, "a")), Put(Seat(2, "x")), Remove(Seat, (2,))])
    assert net_of(rows, Seat) == PendingWrites([], [], [])


def test_a_stored_row_that_is_removed_and_put_again_is_updated() -> None:
    rows = IdentityMap([Seat(1, "a")])
    rows.apply([Remove(Seat, (1,)), Put(Seat(1, "b"))])
    assert net_of(rows, Seat) == PendingWrites([], [Seat(1, "b")], [])


def test_an_upsert_row_can_be_removed_without_having_been_loaded() -> None:
    rows = IdentityMap()
    rows.apply([Remove(Note, (1,)), Remove(Seat, (1,))])
    assert net_of(rows, Note).removed == [(1,)]
    assert net_of(rows, Seat).removed == []


seats = st.builds(Seat, st.integers(0, 4), st.sampled_from("ab"), st.booleans())
changes = st.lists(seats.map(Put) | st.integers(0, 4).map(lambda id_: Remove(Seat, (id_,))), max_size=12)


@given(st.dictionaries(st.integers(0, 4), seats), changes)
def test_the_pending_writes_have_the_effect_of_the_changes(
    stored: dict[int, Seat], applied: list[Change]
) -> None:
    before = {row.id: row for row in stored.values()}
    rows = IdentityMap(before.values())
    rows.apply(applied)
    after = dict(before)
    for net in rows.pending_writes().values():
        for key in net.removed:
            del after[key[0]]
        for row in net.updated:
            assert isinstance(row, Seat)
            assert row.id in before
            after[row.id] = row
        for row in net.inserted:
            assert isinstance(row, Seat)
            assert row.id not in before
            after[row.id] = row
    assert sorted(after.values(), key=lambda row: row.id) == rows.all(Seat)
    for room in "ab":
        assert rows.find(Seat, "room", room) == [row for row in rows.all(Seat) if row.room == room]
