from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.shortened import shortened


@pytest.mark.parametrize(
    ("text", "length_max", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("a bcd", 3, "a…"),
        ("", 1, ""),
        ("ab", 1, "…"),
    ],
)
def test_a_text_is_cut_where_there_is_no_room_for_it(text: str, length_max: int, expected: str):
    assert shortened(text, length_max) == expected


@given(st.text(), st.integers(1, 20))
def test_it_is_never_longer_than_allowed_and_begins_as_the_text_does(text: str, length_max: int):
    short = shortened(text, length_max)
    assert len(short) <= length_max
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))
