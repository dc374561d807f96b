"""The clock: real time plus the offset of a file, read again each second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.clock import SystemClock
from tests.support.fixed_clock import FixedClock

DAY = timedelta(days=1)


def ahead(clock: SystemClock) -> timedelta:
    """Return how far the clock is ahead, to the minute: however slow the machine is, that is exact."""
    return timedelta(minutes=round((clock.now() - datetime.now(UTC)) / timedelta(minutes=1)))


def test_the_time_is_aware_and_in_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_without_a_file_there_is_no_offset() -> None:
    assert ahead(SystemClock()) == timedelta()


@pytest.mark.parametrize(
    ("text", "offset"),
    [("86400", DAY), ("-86400\n", -DAY), (" 5400.5 ", timedelta(minutes=90)), ("", timedelta())],
)
def test_the_offset_of_the_file_is_added(tmp_path: Path, text: str, offset: timedelta) -> None:
    file = tmp_path / "offset"
    file.write_text(text)
    assert ahead(SystemClock(file)) == offset


@pytest.mark.parametrize("text", ["tomorrow", "1e400", "nan", "inf"])
def test_a_file_that_holds_no_offset_counts_as_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "offset"
    file.write_text(text)
    assert ahead(SystemClock(file)) == timedelta()


def test_a_file_that_comes_later_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monotonic = 100.0
    monkeypatch.setattr("shared.clock.time.monotonic", lambda: monotonic)
    clock = SystemClock(tmp_path / "offset")
    assert ahead(clock) == timedelta()
    (tmp_path / "offset").write_text("86400")
    assert ahead(clock) == timedelta()
    monotonic += 1.0
    assert ahead(clock) == DAY


def test_a_file_that_goes_or_breaks_keeps_the_last_offset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A half-written file must not make the time jump back and forth."""
    monotonic = 100.0
    monkeypatch.setattr("shared.clock.time.monotonic", lambda: monotonic)
    file = tmp_path / "offset"
    file.write_text("86400")
    clock = SystemClock(file)
    assert ahead(clock) == DAY
    for break_it in (lambda: file.write_text("half wri"), file.unlink):
        break_it()
        monotonic += 1.0
        assert ahead(clock) == DAY


def test_a_fixed_clock_moves_only_when_it_is_advanced() -> None:
    clock = FixedClock(datetime(2026, 3, 2, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.advance(DAY)
    assert clock.now() == datetime(2026, 3, 3, tzinfo=UTC)
