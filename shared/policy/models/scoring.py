"""scoring.yaml: how intent, grades, the total and bands are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from shared.policy.models.conditions import NamedCondition, WhenAccount, WhenBand, WhenIntent, WhenSignal
from shared.policy.models.policy_model import (
    EventTypes,
    Name,
    Percent,
    PlainDuration,
    Points,
    PolicyModel,
    unique,
    whole_number,
)


class IntentRule(PolicyModel):
    """Points for activities: those of each halve every `half_life`, all together give `max` at most."""

    name: Name
    on: EventTypes
    points: Annotated[int, whole_number(1, 100)]
    half_life: PlainDuration
    max: Annotated[int, whole_number(1, 100)] = 100
    group: Name | None = None
    when: WhenIntent | None = None


class SignalRule(PolicyModel):
    """Points for buying signals: they halve every `half_life`, or rise to `details.expires_on`.

    A rule with `rises` gives nothing before that span, its points on the day, and ends `ends` after it.
    """

    name: Name
    on: EventTypes
    points: Annotated[int, whole_number(1, 100)]
    half_life: PlainDuration | None = None
    rises: PlainDuration | None = None
    ends: PlainDuration | None = None
    strong: bool = False
    when: WhenSignal | None = None


class IntentScoring(PolicyModel):
    """What shows interest. `groups` is the most that the rules of a group give together."""

    rules: Annotated[tuple[IntentRule, ...], Field(max_length=200), unique("name")]
    signals: Annotated[tuple[SignalRule, ...], Field(max_length=200), unique("name")] = ()
    cap: Percent = 100
    groups: Mapping[Name, Points] = {}


class FitGrades(PolicyModel):
    """The least fit of each grade; the last is 0."""

    A: Percent
    B: Percent
    C: Percent
    D: Percent

    @property
    def floors(self) -> tuple[tuple[str, int], ...]:
        """Grades and their floors, the best first."""
        return (("A", self.A), ("B", self.B), ("C", self.C), ("D", self.D))


class IntentGrades(PolicyModel):
    """The least intent of each grade; the last is 0."""

    first: Annotated[Percent, Field(alias="1")]
    second: Annotated[Percent, Field(alias="2")]
    third: Annotated[Percent, Field(alias="3")]
    fourth: Annotated[Percent, Field(alias="4")]

    @property
    def floors(self) -> tuple[tuple[str, int], ...]:
        """Grades and their floors, the best first."""
        return (("1", self.first), ("2", self.second), ("3", self.third), ("4", self.fourth))


class Grades(PolicyModel):
    """Floors of the grades. A grade is left downwards only `hysteresis` points below its floor."""

    fit: FitGrades
    intent: IntentGrades
    hysteresis: Annotated[int, whole_number(0, 50)] = 0


class Total(PolicyModel):
    """The shares of fit and intent in the total, in per cent."""

    fit: Percent
    intent: Percent


class Spike(PolicyModel):
    """That many people of an account active within that time."""

    people: Annotated[int, whole_number(2, 1_000)]
    within: PlainDuration


class AccountScoring(PolicyModel):
    """When an account as a whole is active, and when it is qualified."""

    spike: Spike
    qualified_when: WhenAccount | None = None


class Band(PolicyModel):
    """The first band that matches is the lead's."""

    band: Literal["cold", "mql", "sql"]
    when: WhenBand | None = None


class Scoring(PolicyModel):
    """scoring.yaml: how intent, grades and bands are made."""

    intent: IntentScoring
    grades: Grades
    total: Total
    accounts: AccountScoring
    bands: Annotated[tuple[Band, ...], Field(min_length=1, max_length=50)]
    conditions: Mapping[Name, NamedCondition] = {}
