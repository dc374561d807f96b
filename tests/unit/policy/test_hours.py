"""Working hours: the shifts of a text, its errors, and that it is written as it is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.policy.hours import Hours, Shift, parse_hours, parse_shift

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@pytest.mark.parametrize(
    ("text", "shift"),
    [
        ("Mon 09:00-17:00", Shift((0,), 540, 1020)),
        ("mon-FRI 09:00-17:00", Shift((0, 1, 2, 3, 4), 540, 1020)),
        ("Mon-Mon 09:00-17:00", Shift((0,), 540, 1020)),
        ("Sat-Tue 00:00-24:00", Shift((5, 6, 0, 1), 0, 1440)),
        ("Sun-Sat 23:59-24:00", Shift((6, 0, 1, 2, 3, 4, 5), 1439, 1440)),
        ("Tue   08:00-08:01", Shift((1,), 480, 481)),
    ],
)
def test_a_shift_has_days_and_minutes(text: str, shift: Shift) -> None:
    assert parse_shift(text) == shift


FORM = "should be hours such as Mon-Fri 09:00-17:00, or several joined by commas"
ORDER = "hours should begin before they end, between 00:00 and 24:00 of one day"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", FORM),
        ("Mon", FORM),
        ("09:00-17:00", FORM),
        ("Mon 9:00-17:00", FORM),
        ("Mon 09:00 - 17:00", FORM),
        ("Mon-Fri09:00-17:00", FORM),
        ("Mon-Fri 09:00-17:00 ", FORM),
        ("Monday 09:00-17:00", FORM),
        ("Mon 17:00-09:00", ORDER),
        ("Mon 09:00-09:00", ORDER),
        ("Mon 09:00-24:01", ORDER),
        ("Mon 09:60-10:00", ORDER),
        ("Mon 09:00-10:60", ORDER),
        ("Xyz 09:00-17:00", '"Xyz" is no day; days are Mon, Tue, Wed, Thu, Fri, Sat, Sun'),
        ("Mon-Xyz 09:00-17:00", '"Xyz" is no day; days are Mon, Tue, Wed, Thu, Fri, Sat, Sun'),
    ],
)
def test_a_text_that_is_no_shift_says_why(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        parse_shift(text)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Mon 09:00-12:00, Mon 11:59-13:00", "Mon"),
        ("Mon-Fri 09:00-12:00, Fri-Sat 08:00-10:00", "Fri"),
        ("Sat-Mon 10:00-12:00, Sun 11:00-11:30", "Sun"),
        ("Tue 09:00-17:00, Wed 09:00-17:00, Tue 16:00-18:00", "Tue"),
    ],
)
def test_two_shifts_of_one_day_may_not_overlap(text: str, day: str) -> None:
    with pytest.raises(ValueError, match=f"two shifts overlap on {day}"):
        parse_hours(text)


@pytest.mark.parametrize(
    "text",
    [
        "Mon 09:00-12:00, Mon 12:00-13:00",
        "Mon 12:00-13:00, Mon 09:00-12:00",
        "Mon 09:00-17:00, Tue 09:00-17:00",
    ],
)
def test_shifts_may_follow_each_other(text: str) -> None:
    assert str(parse_hours(text)) == text


_shifts = st.builds(
    lambda day, length, begins, minutes: Shift(
        tuple((day + step) % 7 for step in range(length)), begins, min(begins + minutes, 1440)
    ),
    st.integers(0, 6),
    st.integers(1, 7),
    st.integers(0, 1439),
    st.integers(1, 1440),
)


@given(_shifts)
def test_a_shift_is_read_as_it_is_written(shift: Shift) -> None:
    assert parse_shift(str(shift)) == shift
    assert parse_hours(str(shift)) == Hours((shift,))
    assert parse_hours(f" {shift} ").shifts == (shift,)


@given(_shifts, _shifts)
def test_shifts_are_refused_exactly_when_they_share_a_minute(one: Shift, other: Shift) -> None:
    def minutes(shift: Shift) -> set[int]:
        return {day * 1440 + minute for day in shift.days for minute in range(shift.begins, shift.ends)}

    text = f"{one}, {other}"
    if minutes(one) & minutes(other):
        with pytest.raises(ValueError, match="overlap"):
            parse_hours(text)
    else:
        assert parse_hours(text).shifts == (one, other)
