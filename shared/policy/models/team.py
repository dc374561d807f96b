"""team.yaml: the sellers, their queues and their working hours."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.policy.models.policy_model import Name, PolicyModel, Text, WeeklyHours, unique, whole_number


class Rep(PolicyModel):
    """A seller. Each queue distributes its leads by `weight` among its reps.

    A rep with `max_open` unfinished leads gets no more. Without `hours` a rep is always at work.
    """

    id: Name
    name: Text
    queues: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20), unique()]
    weight: Annotated[int, whole_number(0, 1_000)] = 100
    max_open: Annotated[int, whole_number(1, 100_000)] | None = None
    time_zone: Text | None = None
    hours: WeeklyHours | None = None


class Team(PolicyModel):
    """team.yaml: the sellers."""

    reps: Annotated[tuple[Rep, ...], Field(max_length=2_000), unique("id")]
