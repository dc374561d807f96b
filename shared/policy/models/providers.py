"""providers.yaml: which data is bought from whom, and for how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from shared.policy.models.policy_model import (
    EnvName,
    Name,
    Percent,
    PlainDuration,
    PolicyModel,
    Text,
    Url,
    unique,
    whole_number,
)
from shared.rules.times import Duration


class Budget(PolicyModel):
    """The most that is spent, in cents."""

    per_lead_cents: Annotated[int, whole_number(0, 1_000_000)]
    per_day_cents: Annotated[int, whole_number(0, 1_000_000_000)]


class Waterfall(PolicyModel):
    """The providers that are asked for a field, in order, until an answer is good enough.

    `min_confidence` is in per cent; an answer is not bought again while it is `fresh`.
    """

    order: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20), unique()]
    min_confidence: Percent = 0
    fresh: PlainDuration | None = None


class Provider(PolicyModel):
    """One vendor of data. `charged`: for a match only, or for every call."""

    integration: Name
    base_url: Url
    key_env: EnvName = ""
    price_cents: Annotated[int, whole_number(0, 100_000)] = 0
    charged: Literal["match", "call"] = "match"
    per_second: Annotated[int, whole_number(1, 10_000)] = 5
    in_flight: Annotated[int, whole_number(1, 1_000)] = 5
    timeout: PlainDuration = Duration(2)


class ProviderPolicy(PolicyModel):
    """providers.yaml. A lead is routed by `deadline` with what is known then."""

    deadline: PlainDuration
    budget: Budget
    decision_aware: bool = True
    fields: Mapping[Text, Waterfall] = {}
    providers: Mapping[Name, Provider] = {}
