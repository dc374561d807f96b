"""icp.yaml: the ideal customer profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from shared.policy.models.conditions import NamedCondition, WhenFit, WhenMarket
from shared.policy.models.policy_model import Name, Points, PolicyModel, unique


class Market(PolicyModel):
    """A set of companies; the first market that matches names `account.market`."""

    name: Name
    validated: bool
    when: WhenMarket


class Disqualifier(PolicyModel):
    """A company that this holds for has fit 0 in the segment."""

    name: Name
    when: WhenFit


class Level(PolicyModel):
    """The points of a criterion when the condition holds, and that of no level before it."""

    points: Points
    when: WhenFit | None = None


class Criterion(PolicyModel):
    """One aspect of the fit; it gives the points of its first level that matches."""

    name: Name
    levels: Annotated[tuple[Level, ...], Field(min_length=1, max_length=50)]

    @property
    def points_max(self) -> int:
        """The points that it gives at most."""
        return max(level.points for level in self.levels)


class Segment(PolicyModel):
    """A kind of company that is sold to; the maxima of its criteria add up to 100."""

    name: Name
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1, max_length=50), unique("name")]
    disqualify: Annotated[tuple[Disqualifier, ...], Field(max_length=50), unique("name")] = ()


class Icp(PolicyModel):
    """icp.yaml: which companies and people fit. The segment with the highest fit wins and is named."""

    segments: Annotated[tuple[Segment, ...], Field(min_length=1, max_length=20), unique("name")]
    markets: Annotated[tuple[Market, ...], Field(max_length=50), unique("name")] = ()
    conditions: Mapping[Name, NamedCondition] = {}
