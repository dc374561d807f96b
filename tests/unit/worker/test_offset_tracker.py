from __future__ import annotations

from collections.abc import Sequence

from shared.messaging.port import Partition, Record
from shared.worker.offset_tracker import OffsetTracker

P0, P1 = Partition("t", 0), Partition("t", 1)


def records(*places: tuple[int, int]) -> Sequence[Record]:
    return [Record("t", partition, offset, None, None, (), 0) for partition, offset in places]


def test_only_a_finished_prefix_can_be_committed() -> None:
    tracker = OffsetTracker()
    first = tracker.begin(records((0, 0), (0, 1)))
    second = tracker.begin(records((0, 2), (1, 5)))
    tracker.finish(second)
    assert tracker.committable() == {P1: 6}
    tracker.finish(first)
    assert tracker.committable() == {P0: 3, P1: 6}


def test_an_offset_is_offered_until_it_is_committed() -> None:
    tracker = OffsetTracker()
    tracker.finish(tracker.begin(records((0, 0))))
    assert tracker.committable() == {P0: 1}
    assert tracker.has_pending()
    upto = tracker.committable()
    tracker.finish(tracker.begin(records((0, 1))))
    tracker.committed(upto)
    assert tracker.committable() == {P0: 2}
    tracker.committed(tracker.committable())
    assert tracker.committable() == {}
    assert not tracker.has_pending()


def test_a_partition_is_pending_until_it_is_committed_or_dropped() -> None:
    tracker = OffsetTracker()
    token = tracker.begin(records((0, 0)))
    assert tracker.has_pending([P0])
    assert not tracker.has_pending([P1])
    tracker.finish(token)
    assert tracker.has_pending([P0])
    tracker.drop([P0])
    assert not tracker.has_pending([P0])
    assert tracker.committable() == {}


def test_records_of_a_revoked_partition_do_not_begin_until_it_is_assigned_again() -> None:
    tracker = OffsetTracker()
    both = records((0, 0), (1, 0))
    assert tracker.still_assigned(both) is both
    tracker.revoke([P0])
    assert [record.partition for record in tracker.still_assigned(both)] == [1]
    tracker.assign([P0])
    assert tracker.still_assigned(both) is both


def test_records_of_an_earlier_assignment_commit_nothing() -> None:
    tracker = OffsetTracker()
    old = tracker.begin(records((0, 4)))
    tracker.assign([P0])
    new = tracker.begin(records((0, 0)))
    tracker.finish(old)
    assert tracker.committable() == {}
    tracker.finish(new)
    assert tracker.committable() == {P0: 1}


def test_published_rows_are_returned_once() -> None:
    tracker = OffsetTracker()
    tracker.add_published([1, 2])
    tracker.add_published([3])
    assert tracker.pop_published() == [1, 2, 3]
    assert tracker.pop_published() == []
