"""How many leads a rep may get: open at the same time, and per hour, day or some days."""

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
_WINDOWS: Final = {"hour": timedelta(hours=1), "day": None}


class CapRule(NamedTuple):
    """The most leads in a window of time that ends now; without one, since midnight of the rep's clock."""

    most: int
    window: timedelta | None
    says: str


class RepLimits:
    """The limits of one rep. `depth` is how many of the latest assignments they are counted by."""

    def __init__(self, rep: Rep) -> None:
        self.max_open = rep.max_open
        self.caps: Sequence[CapRule] = [cap_rule(cap.count, cap.per) for cap in rep.caps]
        self.depth = max((cap.count for cap in rep.caps), default=0)
        self._zone = ZoneInfo(rep.time_zone or "UTC")
        self._today = _EPOCH, _EPOCH

    def reached(self, open_leads: int, assigned: Sequence[int], at: datetime) -> str | None:
        """Return in words the first limit that is reached, such as `20 per day`; None if none is.

        `assigned` are the times of the latest assignments, as in `RepRow`.
        """
        if self.max_open is not None and open_leads >= self.max_open:
            return f"{self.max_open} open"
        if assigned:
            now = microseconds(at)
            for cap in self.caps:
                # At the cap when the oldest of that many assignments still counts.
                if len(assigned) >= cap.most and assigned[-cap.most] >= self._counts_from(cap, at, now):
                    return cap.says
        return None

    def _counts_from(self, cap: CapRule, at: datetime, now: int) -> int:
        """Return the first microsecond whose assignments count under a cap."""
        if cap.window is not None:
            return now - cap.window // _MICROSECOND + 1
        begins, ends = self._today
        if not begins <= at < ends:
            day = at.astimezone(self._zone).date()
            begins, ends = self._today = start_of_day(day, self._zone), start_of_day(day + _DAY, self._zone)
        return microseconds(begins)


def cap_rule(count: int, per: str) -> CapRule:
    """Return a cap of the policy, `per` hour, day or a number of days such as `7d`."""
    if per in _WINDOWS:
        return CapRule(count, _WINDOWS[per], f"{count} per {per}")
    days = int(per.removesuffix("d"))
    return CapRule(count, days * _DAY, f"{count} per {days} days" if days > 1 else f"{count} per 24 hours")


def limits_of(rep: Rep) -> RepLimits | None:
    """Return the limits of a rep, None for one who has none."""
    return RepLimits(rep) if rep.max_open is not None or rep.caps else None


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
