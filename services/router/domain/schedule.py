"""When a rep takes new leads by the policy: working hours, absences, and the weight of a rep who is new.

All of it follows from the policy and the instant, so it is computed once for each span of time in which
nothing changes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from services.router.domain.day_words import day_of_year
from services.router.domain.limits import RepCaps
from services.router.domain.local_days import months_later, start_of_day

if TYPE_CHECKING:
    from services.router.domain.hours import WorkingHours
    from shared.policy.models import Absence, Rep

_DAY: Final = timedelta(days=1)
_HORIZON: Final = timedelta(days=400)
"""Nobody looks further ahead for the time at which a rep is back."""
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class TimeAway(NamedTuple):
    """The span of time in which a rep is away, and the last day of it."""

    begins: datetime
    ends: datetime
    last_day: date


class RepState(NamedTuple):
    """What the policy says of a rep until `ends`: the weight, and why the rep gets no lead."""

    weight: int
    skipped: Literal["unavailable", "off_hours"] | None
    detail: str | None
    ends: datetime


class RosterEntry(NamedTuple):
    """A rep at an instant, as far as the policy says it."""

    rep: str
    weight: int
    skipped: Literal["unavailable", "off_hours"] | None
    detail: str | None
    max_open: int | None
    caps: RepCaps | None


class RepSchedule:
    """The times of one rep. The last state that was looked up is cached. `hours` is None for always."""

    def __init__(self, rep: Rep, hours: WorkingHours | None) -> None:
        zone = rep.time_zone or "UTC"
        self.rep = rep.id
        self._absences = sorted(rep.away, key=lambda one: one.begins)
        self.max_open = rep.max_open
        self.caps = RepCaps(rep) if rep.caps else None
        self._hours = hours
        self._zone = ZoneInfo(zone)
        self._away = absences_of(rep, self._zone)
        ramp, weight = rep.ramp, rep.weight
        self._weights: tuple[int, ...] = (weight,)
        self._steps: tuple[datetime, ...] = ()
        if ramp is not None and weight:
            months = range(1, ramp.months + 1)
            # Never 0, which would be a rep without turns.
            self._weights = tuple(max(1, weight * month // ramp.months) for month in months)
            self._steps = tuple(
                start_of_day(months_later(ramp.begins, month), self._zone) for month in months[:-1]
            )
        self._cached: tuple[datetime, RepState] = _NEVER, RepState(weight, None, None, _NEVER)

    def at(self, at: datetime) -> RepState:
        """Return the state of the rep at an instant."""
        since, state = self._cached
        if not since <= at < state.ends:
            step = bisect_right(self._steps, at)
            skipped, ends, absence = self._span(at)
            detail = None
            if absence is not None:
                with_year = absence.last_day.year != absence.begins.astimezone(self._zone).year
                detail = f"away until {day_of_year(absence.last_day, with_year=with_year)}"
            elif skipped is not None and (back := self.next_free(at)) is not None:
                local = back.astimezone(self._zone)
                detail = f"back {local:%A} {day_of_year(local.date(), with_year=False)} {local:%H:%M %Z}"
                if self._hours is not None and self._hours.is_day_off(at):
                    detail = f"holiday, {detail}"
                # A holiday is one until midnight.
                ends = min(ends, start_of_day(at.astimezone(self._zone).date() + _DAY, self._zone))
            if step < len(self._steps):
                ends = min(ends, self._steps[step])
            state = RepState(self._weights[step], skipped, detail, ends)
            self._cached = at, state
        return state

    def entry(self, at: datetime) -> RosterEntry:
        """Return the rep at an instant."""
        state = self.at(at)
        return RosterEntry(self.rep, state.weight, state.skipped, state.detail, self.max_open, self.caps)

    def absences_from(self, at: datetime) -> Sequence[Absence]:
        """Return the absences of the rep that are not over at an instant, the earliest first."""
        today = at.astimezone(self._zone).date()
        return [one for one in self._absences if one.ends >= today]

    def next_free(self, at: datetime) -> datetime | None:
        """Return when the rep is at work and not away, from `at` on; None if that is not within 400 days."""
        horizon = at + _HORIZON
        while at < horizon:
            skipped, ends, _absence = self._span(at)
            if skipped is None:
                return at
            at = ends
        return None

    def _span(
        self, at: datetime
    ) -> tuple[Literal["unavailable", "off_hours"] | None, datetime, TimeAway | None]:
        """Return why the rep gets no lead, until when that holds, and the absence if it is one."""
        ends = _NEVER
        for absence in self._away:
            if absence.ends > at:
                if absence.begins <= at:
                    return "unavailable", absence.ends, absence
                ends = absence.begins
                break
        if self._hours is None:
            return None, ends, None
        _begins, changes, is_open = self._hours.span_at(at)
        return None if is_open else "off_hours", min(ends, changes), None


class Roster:
    """The reps of a queue, sorted by id. Their entries are made anew only when one of them changes."""

    def __init__(self, schedules: Iterable[RepSchedule]) -> None:
        self.schedules: Sequence[RepSchedule] = tuple(schedules)
        self.reps = frozenset(one.rep for one in self.schedules)
        self.has_caps = any(one.caps is not None for one in self.schedules)
        self._limits = {one.rep: one.max_open for one in self.schedules if one.max_open is not None}
        self._least_limit = min(self._limits.values(), default=None)
        self._cached: tuple[datetime, datetime, tuple[RosterEntry, ...]] = _NEVER, _NEVER, ()

    def full(self, open_leads: Mapping[str, int]) -> frozenset[str]:
        """Return the reps who have as many open leads as they may have."""
        least = self._least_limit
        if least is None or max(open_leads.values(), default=0) < least:
            return frozenset()
        return frozenset(rep for rep, limit in self._limits.items() if open_leads.get(rep, 0) >= limit)

    def at(self, at: datetime) -> tuple[RosterEntry, ...]:
        """Return the entries of the reps at an instant."""
        since, until, entries = self._cached
        if not since <= at < until:
            entries = tuple([one.entry(at) for one in self.schedules])
            until = min((one.at(at).ends for one in self.schedules), default=_NEVER)
            self._cached = at, until, entries
        return entries


def absences_of(rep: Rep, zone: ZoneInfo) -> tuple[TimeAway, ...]:
    """Return the absences of a rep in the order of time; those that touch each other are one."""
    absences: list[TimeAway] = []
    for away in sorted(rep.away, key=lambda one: one.begins):
        begins, ends = start_of_day(away.begins, zone), start_of_day(away.ends + _DAY, zone)
        if absences and begins <= absences[-1].ends:
            before = absences.pop()
            begins = before.begins
            last = max(before.last_day, away.ends)
            absences.append(TimeAway(begins, max(before.ends, ends), last))
        else:
            absences.append(TimeAway(begins, ends, away.ends))
    return tuple(absences)
