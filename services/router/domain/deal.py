"""How the deal of a lead stands, by the times of its reported outcomes, in any order of arrival. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

DealOutcome = Literal["opportunity", "won", "lost"]


class DealStanding(Struct, frozen=True, omit_defaults=True):
    """The latest end of the deal and the latest opportunity, each by its own time.

    An opportunity opens a deal that was lost before it again, but none that was won.
    """

    ended: Literal["won", "lost"] | None = None
    ended_at: datetime | None = None
    opportunity_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether no end is known, or an opportunity is later than the loss."""
        if self.ended == "lost" and self.ended_at is not None and self.opportunity_at is not None:
            return self.opportunity_at > self.ended_at
        return self.ended is None

    def after(self, outcome: DealOutcome, at: datetime) -> DealStanding:
        """Return how the deal stands with one more outcome.

        Of two ends at one time the one that was reported later counts.
        """
        if outcome == "opportunity":
            return replace(self, opportunity_at=max(at, self.opportunity_at or at))
        if self.ended_at is not None and at < self.ended_at:
            return self
        return replace(self, ended=outcome, ended_at=at)
