"""How many leads a rep may get per hour, per day and in some days."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from services.router.domain.local_days import start_of_day
from services.router.domain.state import RepRow

if TYPE_CHECKING:
    from shared.policy.models import Rep

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)


class CapRule(NamedTuple):
    """The most leads in the last `width` microseconds; without one, since midnight of the rep's clock."""

    most: int
    width: int | None
    says: str


class RepCaps:
    """The caps of one rep. `depth` is how many of the latest assignments they are counted by.

    When the rep may have leads again is computed once for the same assignments.
    """

    def __init__(self, rep: Rep) -> None:
        self._caps: Sequence[CapRule] = [cap_rule(cap.count, cap.per) for cap in rep.caps]
        self.depth = max((cap.count for cap in rep.caps), default=0)
        self._zone = ZoneInfo(rep.time_zone or "UTC")
        self._day = self._today = 0, 0
        self._counted: Sequence[int] = ()
        self._free_at = 0

    def reached(self, assigned: Sequence[int], now: int) -> str | None:
        """Return in words the first cap that is reached, such as `20 per day`; None if none is.

        `assigned` are the times of the latest assignments, as in `RepRow`, and `now` is in microseconds, too.
        """
        if assigned is not self._counted:
            self._free_at = max(self._frees_at(cap, assigned) for cap in self._caps)
            self._counted = assigned
        if now >= self._free_at:
            return None
        return next(cap.says for cap in self._caps if now < self._frees_at(cap, assigned))

    def room(self, assigned: Sequence[int], now: int) -> int:
        """Return how many leads more the rep may get now, 0 at a cap. Arguments as of `reached`."""
        if not self._today[0] <= now < self._today[1]:
            self._today = self._local_day(now)
        rooms: list[int] = []
        for cap in self._caps:
            counts_from = self._today[0] if cap.width is None else now - cap.width + 1
            rooms.append(cap.most - len(assigned) + bisect_left(assigned, counts_from))
        return max(0, min(rooms))

    def _frees_at(self, cap: CapRule, assigned: Sequence[int]) -> int:
        """Return when the rep is below a cap: when the oldest of that many assignments counts no more."""
        if len(assigned) < cap.most:
            return 0
        oldest = assigned[-cap.most]
        if cap.width is not None:
            return oldest + cap.width
        if not self._day[0] <= oldest < self._day[1]:
            self._day = self._local_day(oldest)
        return self._day[1]

    def _local_day(self, time: int) -> tuple[int, int]:
        """Return when the day of that time begins and ends in the rep's zone."""
        day = (_EPOCH + time * _MICROSECOND).astimezone(self._zone).date()
        begins, ends = start_of_day(day, self._zone), start_of_day(day + _DAY, self._zone)
        return microseconds(begins), microseconds(ends)


def cap_rule(count: int, per: str) -> CapRule:
    """Return a cap of the policy, `per` hour, day or a number of days such as `7d`."""
    if per == "day":
        return CapRule(count, None, f"{count} per day")
    if per == "hour":
        return CapRule(count, _HOUR // _MICROSECOND, f"{count} per hour")
    days = int(per.removesuffix("d"))
    says = f"{count} per {days} days" if days > 1 else f"{count} per 24 hours"
    return CapRule(count, days * _DAY // _MICROSECOND, says)


def assigned_at(row: RepRow, at: datetime, depth: int) -> RepRow:
    """Return the rep's row with one more assignment, of the latest `depth`."""
    times = [*row.assigned]
    insort(times, microseconds(at))
    return replace(row, assigned=tuple(times[-depth:]), depth=depth)


def given_back(row: RepRow, at: datetime) -> RepRow:
    """Return the rep's row without the assignment of an instant: it was credited back and counts no more."""
    times, time = [*row.assigned], microseconds(at)
    index = bisect_left(times, time)
    if index < len(times) and times[index] == time:
        del times[index]
    return replace(row, assigned=tuple(times))


def microseconds(at: datetime) -> int:
    """Return an instant as the microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND
