from __future__ import annotations

from collections.abc import Sequence

from shared.messaging.port import Partition, Record
from shared.worker.offset_tracker import OffsetTracker

P0, P1 = Partition("t", 0), Partition("t", 1)


def records(*places: tuple[int, int]) -> Sequence[Record]:
    return [Record("t", partition, offset, None, None, (), 0) for partition, offset in places]


def test_only_a_finished_prefix_can_be_committed() -> None:
    progress = OffsetTracker()
    first = progress.begin(records((0, 0), (0, 1)))
    second = progress.begin(records((0, 2), (1, 5)))
    progress.finish(second)
    assert progress.committable() == {P1: 6}
    progress.finish(first)
    assert progress.committable() == {P0: 3, P1: 6}


def test_what_is_not_known_to_be_committed_is_offered_again() -> None:
    progress = OffsetTracker()
    progress.finish(progress.begin(records((0, 0))))
    assert progress.committable() == {P0: 1}
    assert progress.busy()
    upto = progress.committable()
    progress.finish(progress.begin(records((0, 1))))
    progress.committed(upto)
    assert progress.committable() == {P0: 2}
    progress.committed(progress.committable())
    assert progress.committable() == {}
    assert not progress.busy()


def test_a_partition_is_in_hand_until_it_is_committed_or_dropped() -> None:
    progress = OffsetTracker()
    token = progress.begin(records((0, 0)))
    assert progress.in_hand([P0])
    assert not progress.in_hand([P1])
    progress.finish(token)
    assert progress.in_hand([P0])
    progress.drop([P0])
    assert not progress.in_hand([P0])
    assert progress.committable() == {}


def test_records_of_a_lost_partition_are_not_begun_until_it_is_ours_again() -> None:
    progress = OffsetTracker()
    both = records((0, 0), (1, 0))
    assert progress.held(both) is both
    progress.lose([P0])
    assert [record.partition for record in progress.held(both)] == [1]
    progress.gain([P0])
    assert progress.held(both) is both


def test_what_was_begun_before_a_partition_came_back_can_commit_nothing() -> None:
    progress = OffsetTracker()
    old = progress.begin(records((0, 4)))
    progress.gain([P0])
    new = progress.begin(records((0, 0)))
    progress.finish(old)
    assert progress.committable() == {}
    progress.finish(new)
    assert progress.committable() == {P0: 1}


def test_published_rows_are_given_once() -> None:
    progress = OffsetTracker()
    progress.published([1, 2])
    progress.published([3])
    assert progress.take_published() == [1, 2, 3]
    assert progress.take_published() == []
