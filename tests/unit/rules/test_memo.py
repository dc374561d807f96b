"""Memoisation: each result is made once, and their number has a limit."""

from __future__ import annotations

from shared.rules.memo import MEMO_SIZE_MAX, Memo


def test_a_result_is_made_when_it_is_first_asked_for_and_kept():
    made: list[int] = []

    def double(number: int) -> int:
        made.append(number)
        return 2 * number

    memo = Memo(double)
    assert [memo[3], memo[4], memo[3]] == [6, 8, 6]
    assert made == [3, 4]


def test_all_results_are_dropped_when_one_more_than_the_size_is_asked_for():
    memo = Memo(str, size=3)
    for number in range(3):
        assert memo[number] == str(number)
    assert memo == {0: "0", 1: "1", 2: "2"}
    assert memo[3] == "3"
    assert memo == {3: "3"}


def test_the_size_is_limited_by_default():
    memo = Memo(str)
    for number in range(MEMO_SIZE_MAX):
        assert memo[number] == str(number)
    assert len(memo) == MEMO_SIZE_MAX
    assert memo[-1] == "-1"
    assert len(memo) == 1
