"""Which leads a backtest is about: those of one segment of the ideal customer profile."""

from __future__ import annotations

from collections.abc import Callable

from shared.lead.events.lead_scored import LeadScoredV1

SegmentTest = Callable[[LeadScoredV1], bool]


def segment_test(segment: str | None) -> SegmentTest | None:
    """Return the test for leads of the segment, None for all leads.

    A lead is of the segment that its score names, as it was recorded.
    """
    return None if segment is None else lambda lead: lead.score.segment == segment
