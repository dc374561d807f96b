"""team.yaml: the sellers and their managers, their queues, calendars, absences and limits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from shared.policy.holidays import holidays_of
from shared.policy.models.policy_model import (
    CapWindow,
    Day,
    Name,
    PolicyModel,
    Text,
    WeeklyHours,
    unique,
    whole_number,
)
from shared.policy.models.routing import Destination


class Calendar(PolicyModel):
    """Days on which nobody with this calendar works: public holidays, and `extra` days.

    `holidays` is a country of the `holidays` library, such as US, or a part of one, such as DE-BY.
    """

    holidays: Annotated[str, Field(pattern="^[A-Z]{2}(-[A-Z0-9]{1,6})?$")] | None = None
    extra: Annotated[tuple[Day, ...], Field(max_length=1_000), unique()] = ()

    def days_off(self, year: int) -> frozenset[date]:
        """Return the days of a year on which nobody with this calendar works."""
        public = holidays_of(self.holidays, year) if self.holidays is not None else frozenset[date]()
        return public.union(day for day in self.extra if day.year == year)


class Manager(PolicyModel):
    """A manager, to whom leads are escalated, and where the manager hears of them."""

    id: Name
    name: Text
    destination: Destination = Destination()


class Ramp(PolicyModel):
    """A new rep begins with a part of the weight, which grows each month until it is all of it.

    With `months: 3` the weight is a third in the first month, two thirds in the second, then all of it.
    """

    begins: Annotated[Day, Field(alias="from")]
    months: Annotated[int, whole_number(1, 24)]


class Absence(PolicyModel):
    """The first and the last day on which a rep is away, by the clock of the rep's time zone."""

    begins: Annotated[Day, Field(alias="from")]
    ends: Annotated[Day, Field(alias="to")]


class Cap(PolicyModel):
    """The most leads that a rep gets in any hour, per day of the rep's time zone, or in rolling days (`7d`).

    The times of that many assignments are kept of the rep, so there is a bound.
    """

    count: Annotated[int, whole_number(1, 1_000)]
    per: CapWindow


class SalesQuota(PolicyModel):
    """What a rep is to sell in a period of the calendar, in whole US dollars."""

    period: Literal["month", "quarter", "year"]
    amount_usd: Annotated[int, whole_number(1, 1_000_000_000_000)]


class Rep(PolicyModel):
    """A seller. Each queue distributes its leads by `weight` among its reps.

    A rep with `max_open` unfinished leads gets no more, nor one who reached one of `caps`, is away, or off
    hours. Without `hours` a rep is always at work, but on holidays of the `calendar`. `manager` is the id of
    a manager or of another rep.
    """

    id: Name
    name: Text
    queues: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20), unique()]
    weight: Annotated[int, whole_number(0, 1_000)] = 100
    max_open: Annotated[int, whole_number(1, 100_000)] | None = None
    time_zone: Text | None = None
    hours: WeeklyHours | None = None
    manager: Name | None = None
    ramp: Ramp | None = None
    calendar: Name | None = None
    away: Annotated[tuple[Absence, ...], Field(max_length=100)] = ()
    caps: Annotated[tuple[Cap, ...], Field(max_length=10), unique("per")] = ()
    skills: Annotated[tuple[Name, ...], Field(max_length=50), unique()] = ()
    quota: SalesQuota | None = None
    destination: Destination = Destination()


class Team(PolicyModel):
    """team.yaml: the sellers, their managers and calendars.

    `leaver` says what becomes of the accepted leads of a rep who left the team: they go to the next rep of
    their queue (`reassign`), or to the rep's manager (`manager`).
    """

    reps: Annotated[tuple[Rep, ...], Field(max_length=2_000), unique("id")]
    managers: Annotated[tuple[Manager, ...], Field(max_length=500), unique("id")] = ()
    calendars: Annotated[Mapping[Name, Calendar], Field(max_length=200)] = {}
    leaver: Literal["reassign", "manager"] = "reassign"

    @property
    def owners(self) -> Mapping[str, Rep]:
        """All who may own a lead, by id: the reps, and managers, each as a rep without queues."""
        managers = (
            Rep.model_construct(id=one.id, name=one.name, queues=(), weight=0) for one in self.managers
        )
        return {person.id: person for person in (*managers, *self.reps)}
