"""A change set reads as if its changes were already applied, and leaves the identity map as it was."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from hypothesis import given
from hypothesis import strategies as st

from shared.lead.events.person_erased import PersonErasedV1
from shared.storage.change_set import ChangeSet
from shared.storage.rows import Change, IdentityMap, Put, Remove, Row


class Seat(Row, frozen=True):
    id: int
    room: str
    taken: bool = False
    table: ClassVar[str] = "change_set_seats"
    key_fields: ClassVar[tuple[str, ...]] = ("id",)
    indexed: ClassVar[tuple[str, ...]] = ("room",)


class Door(Row, frozen=True):
    id: int
    table: ClassVar[str] = "change_set_doors"
    key_fields: ClassVar[tuple[str, ...]] = ("id",)


_AT = datetime(2026, 3, 2, tzinfo=UTC)
IDS = range(5)
seats = st.builds(Seat, st.sampled_from(IDS), st.sampled_from("ab"), st.booleans())
stored = st.dictionaries(st.sampled_from(IDS), seats).map(
    lambda rows: [Seat(key, seat.room, seat.taken) for key, seat in rows.items()]
)
changes = st.lists(seats.map(Put) | st.sampled_from(IDS).map(lambda key: Remove(Seat, (key,))), max_size=12)


def changed(rows: IdentityMap, applied: list[Change]) -> ChangeSet:
    change_set = ChangeSet(rows)
    for change in applied:
        if isinstance(change, Put):
            change_set.put(change.row)
        else:
            change_set.remove(change.kind, *change.key)
    return change_set


@given(stored, changes)
def test_reads_are_those_of_an_identity_map_to_which_the_changes_were_applied(
    before: list[Seat], applied: list[Change]
) -> None:
    change_set = changed(IdentityMap(before), applied)
    expected = IdentityMap(before)
    expected.apply(applied)
    for key in IDS:
        assert change_set.get(Seat, key) == expected.get(Seat, key)
    assert dict(change_set.by_key(Seat)) == dict(expected.by_key(Seat))
    for room in "ab":
        found = sorted(change_set.find(Seat, "room", room), key=lambda seat: seat.id)
        assert found == expected.find(Seat, "room", room)


@given(stored, changes)
def test_the_identity_map_does_not_change(before: list[Seat], applied: list[Change]) -> None:
    rows = IdentityMap(before)
    changed(rows, applied)
    assert {seat.key: seat for seat in before} == dict(rows.by_key(Seat))
    assert rows.pending_writes() == {}


@given(stored, changes)
def test_applying_the_collected_changes_gives_what_was_read(
    before: list[Seat], applied: list[Change]
) -> None:
    rows = IdentityMap(before)
    change_set = changed(rows, applied)
    seen = dict(change_set.by_key(Seat))
    rows.apply(change_set.changes)
    assert dict(rows.by_key(Seat)) == seen


def test_the_last_change_of_a_row_wins_and_is_the_only_one() -> None:
    change_set = changed(IdentityMap(), [Put(Seat(1, "a")), Put(Seat(1, "b")), Put(Seat(2, "a"))])
    assert list(change_set.changes) == [Put(Seat(1, "b")), Put(Seat(2, "a"))]


def test_kinds_with_equal_keys_do_not_meet() -> None:
    change_set = changed(IdentityMap([Seat(1, "a")]), [Put(Door(1)), Remove(Door, (1,))])
    assert change_set.get(Seat, 1) == Seat(1, "a")
    assert change_set.get(Door, 1) is None


def test_without_changes_to_a_kind_its_rows_are_not_copied() -> None:
    rows = IdentityMap([Seat(1, "a")])
    change_set = changed(rows, [Put(Door(1))])
    assert change_set.by_key(Seat) is rows.by_key(Seat)


def test_events_are_emitted_in_the_order_of_the_calls() -> None:
    change_set = ChangeSet(IdentityMap())
    for subject in ("first", "second"):
        data = PersonErasedV1(lead_ids=[subject], email_hash="", at=_AT)
        change_set.emit(data, subject=subject, key="acme.com")
    assert [(emit.subject, emit.key) for emit in change_set.emits] == [
        ("first", "acme.com"),
        ("second", "acme.com"),
    ]
