"""scoring.yaml: how intent, grades, the total and bands are computed."""

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
    """Points for each activity of the types `on`; they halve every `half_life`.

    All activities under one rule give at most `max` points together, the rules of a `group` at most its
    limit.
    """

    name: Name
    on: EventTypes
    points: Annotated[int, whole_number(1, 100)]
    half_life: PlainDuration
    max: Annotated[int, whole_number(1, 100)] = 100
    group: Name | None = None
    when: WhenIntent | None = None


class SignalRule(PolicyModel):
    """Points for each buying signal of the types `on`: they halve every `half_life`, or rise towards a day.

    With `rises` the points grow linearly from 0, over that time, to `points` on the day in
    `details.expires_on`, and are 0 from `ends` after that day on. `strong` marks signals that count as strong
    buying signals.
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
    """How intent is computed: rules for activities and signals.

    `groups` limits the points of all rules of a group together; `cap` limits intent itself.
    """

    rules: Annotated[tuple[IntentRule, ...], Field(max_length=200), unique("name")]
    signals: Annotated[tuple[SignalRule, ...], Field(max_length=200), unique("name")] = ()
    cap: Percent = 100
    groups: Mapping[Name, Points] = {}


class FitGrades(PolicyModel):
    """The lowest fit of each fit grade, A the best; the floor of D is 0."""

    A: Percent
    B: Percent
    C: Percent
    D: Percent

    @property
    def floors(self) -> tuple[tuple[str, int], ...]:
        """Return (grade, floor) pairs, the best grade first."""
        return (("A", self.A), ("B", self.B), ("C", self.C), ("D", self.D))


class IntentGrades(PolicyModel):
    """The lowest intent of each intent grade, 1 the best; the floor of 4 is 0."""

    first: Annotated[Percent, Field(alias="1")]
    second: Annotated[Percent, Field(alias="2")]
    third: Annotated[Percent, Field(alias="3")]
    fourth: Annotated[Percent, Field(alias="4")]

    @property
    def floors(self) -> tuple[tuple[str, int], ...]:
        """Return (grade, floor) pairs, the best grade first."""
        return (("1", self.first), ("2", self.second), ("3", self.third), ("4", self.fourth))


class Grades(PolicyModel):
    """Floors of the grades. A grade falls only when the score is `hysteresis` points below its floor.

    So a score that moves around a floor does not change the grade each time.
    """

    fit: FitGrades
    intent: IntentGrades
    hysteresis: Annotated[int, whole_number(0, 50)] = 0


class Total(PolicyModel):
    """Weights of fit and intent in the total score, in per cent; they add up to 100."""

    fit: Percent
    intent: Percent


class Spike(PolicyModel):
    """A spike of interest: at least `people` persons of an account were active in the last `within`."""

    people: Annotated[int, whole_number(2, 1_000)]
    within: PlainDuration


class AccountScoring(PolicyModel):
    """When an account has a spike of interest, and when it is qualified as a whole."""

    spike: Spike
    qualified_when: WhenAccount | None = None


class Band(PolicyModel):
    """A band of leads. A lead has the first band whose `when` holds; without `when` it matches every lead."""

    band: Literal["cold", "mql", "sql"]
    when: WhenBand | None = None


class Scoring(PolicyModel):
    """scoring.yaml: how intent, grades, the total and bands are computed."""

    intent: IntentScoring
    grades: Grades
    total: Total
    accounts: AccountScoring
    bands: Annotated[tuple[Band, ...], Field(min_length=1, max_length=50)]
    conditions: Mapping[Name, NamedCondition] = {}
