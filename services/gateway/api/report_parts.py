"""What all reports have in common: the days, what each says first, and how a figure looks."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple

from fastapi import Depends, Query
from pydantic import Field

from services.gateway.api_route import ApiModel
from services.gateway.dependencies import Gateway
from services.gateway.domain.reports.figures import Unit, Verdict
from services.gateway.domain.reports.periods import BEGINNING, Period, PeriodName, Window, named_period
from shared.errors import Reject

DAYS_DEFAULT: Final = 90
DAYS_MAX: Final = 3_660
_LAST: Final = date(9_000, 1, 1)

Day = Annotated[date, Field(strict=False)]


class HealthyRangeView(ApiModel):
    """What is usual in the field, both ends included; null where there is no end."""

    lowest: Annotated[float | None, Field(serialization_alias="from")]
    highest: Annotated[float | None, Field(serialization_alias="to")]
    source: str


class FigureView(ApiModel):
    """A figure. Without a `value`, `needs` says what it would need.

    - `unit`: `share` (0.2 is 20 %), `number`, `usd`, `days`, `seconds`, or `times`.
    - `n`: how many cases the figure is made of, where it is made of cases.
    - `healthy`: the range that is usual in the field, with its source.
    - `verdict`: how the value compares with the range; null with fewer than 10 cases, which prove nothing.
    - `note`: what a reader of the value has to know, such as outcomes that are not in it.
    """

    value: float | None
    unit: Unit
    n: int | None
    needs: str | None
    healthy: HealthyRangeView | None
    verdict: Verdict | None
    note: str | None


class ReportView(ApiModel):
    """What all reports say first. Days are those of UTC, `since` and `until` included.

    `counted_since` is the first day that the counters know; what was before is in no report.
    """

    since: Day
    until: Day
    counted_since: Day | None


def report_period(
    gateway: Gateway,
    since: Annotated[
        date | None, Query(description=f"The first day (UTC); by default {DAYS_DEFAULT} days are reported on")
    ] = None,
    until: Annotated[date | None, Query(description="The last day (UTC); today by default")] = None,
) -> Period:
    """Return the days that the query asks for. Raises `Reject` (422)."""
    last = gateway.clock.now().date() if until is None else max(until, BEGINNING)
    period = Period(last - timedelta(days=DAYS_DEFAULT - 1) if since is None else since, last)
    if not BEGINNING <= period.since <= period.until <= _LAST or period.days > DAYS_MAX:
        detail = f"since must not be after until, and at most {DAYS_MAX} days before it"
        raise Reject(422, "invalid-period", "These are no days to report on", detail)
    return period


Days = Annotated[Period, Depends(report_period)]


class AskedWindow(NamedTuple):
    """What a report is about; `name` is the period that the query names, None where it gives days."""

    window: Window
    name: PeriodName | None

    def heading(self, counted_since: date | None) -> dict[str, Any]:
        """Return the fields of `ReportView`."""
        first, last = (datetime.fromtimestamp(hour * 3_600, UTC).date() for hour in self.window.hours)
        return {"since": first, "until": last, "counted_since": counted_since}


def asked_window(
    gateway: Gateway,
    days: Days,
    period: Annotated[
        PeriodName | None,
        Query(
            description="In place of `since` and `until`: `24h` is this hour and the 23 before it; `7d`, "
            "`30d` and `90d` are today and the days before it; `all` is everything that was counted"
        ),
    ] = None,
) -> AskedWindow:
    """Return what the query asks for. Raises `Reject` (422)."""
    return AskedWindow(days if period is None else named_period(period, gateway.clock.now()), period)


Windowed = Annotated[AskedWindow, Depends(asked_window)]


def heading(days: Period, counted_since: date | None) -> dict[str, Any]:
    """Return the fields of `ReportView`."""
    return {"since": days.since, "until": days.until, "counted_since": counted_since}
