"""Times that an event states, as far as they can be true: what happened did so before it arrived.

A clock that is wrong, or a date that was typed wrongly, would otherwise give points that never decay. What is
dated after its arrival counts from its arrival. Days that lie in the future by their nature (the end of a
contract, the expiry of a signal) are not times of this kind.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Activity

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far the clock of a sender may be ahead of ours."""


def not_after(stated: datetime, arrival: datetime) -> datetime:
    """Return the stated time, or the arrival where the stated time is later by more than `CLOCK_SKEW`."""
    return arrival if stated - arrival > CLOCK_SKEW else stated


def received_activity(activity: Activity, arrival: datetime) -> Activity:
    """Return an activity that happened before it arrived; `reported_at` keeps a time that was later."""
    at = not_after(activity.at, arrival)
    return (
        activity
        if at is activity.at
        else replace(activity, at=at, reported_at=activity.reported_at or activity.at)
    )


def received_lead(lead: LeadReceivedV1, arrival: datetime) -> LeadReceivedV1:
    """Return a lead whose activities, consent and submission happened before it arrived."""
    source, consent = lead.source, lead.consent
    if source.submitted_at is not None:
        source = replace(source, submitted_at=not_after(source.submitted_at, arrival))
    if consent.at is not None:
        consent = replace(consent, at=not_after(consent.at, arrival))
    activities = [received_activity(activity, arrival) for activity in lead.activities]
    return replace(lead, source=source, consent=consent, activities=activities)
