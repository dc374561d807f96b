"""icp.yaml: the ideal customer profile, from which fit is scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from shared.policy.models.conditions import NamedCondition, WhenFit, WhenMarket
from shared.policy.models.policy_model import Name, Points, PolicyModel, unique


class Market(PolicyModel):
    """A set of companies. The name of the first market whose condition holds becomes `account.market`."""

    name: Name
    validated: bool
    when: WhenMarket


class Disqualifier(PolicyModel):
    """A condition that sets the fit in this segment to 0."""

    name: Name
    when: WhenFit


class Level(PolicyModel):
    """Points of a criterion for leads that match `when` and no earlier level. Without `when` all match."""

    points: Points
    when: WhenFit | None = None


class Criterion(PolicyModel):
    """One aspect of fit. It gives the points of its first level that matches, or 0 when none does."""

    name: Name
    levels: Annotated[tuple[Level, ...], Field(min_length=1, max_length=50)]

    @property
    def points_max(self) -> int:
        """Return the highest points of its levels."""
        return max(level.points for level in self.levels)


class Segment(PolicyModel):
    """A kind of target customer. The highest points of its criteria add up to 100, the best possible fit."""

    name: Name
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1, max_length=50), unique("name")]
    disqualify: Annotated[tuple[Disqualifier, ...], Field(max_length=50), unique("name")] = ()


class Icp(PolicyModel):
    """icp.yaml: which companies and people fit. A lead has the fit and the name of its best segment."""

    segments: Annotated[tuple[Segment, ...], Field(min_length=1, max_length=20), unique("name")]
    markets: Annotated[tuple[Market, ...], Field(max_length=50), unique("name")] = ()
    conditions: Mapping[Name, NamedCondition] = {}
