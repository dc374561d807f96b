"""The activities of a lead: each one once, the newest ones kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from shared.errors import DataError
from shared.lead.bounds import newest_within
from shared.lead.duplicates import activity_identity
from shared.lead.events.parts import Activity
from shared.lead.events.signal_received import SignalReceivedV1

ACTIVITIES_MAX: Final = 200

_encode = msgspec.json.Encoder().encode


def merge_activities(stored: list[Activity], received: Iterable[Activity]) -> list[Activity]:
    """Return stored and received activities in the order of time, within the bounds of a record.

    Two that agree in time, type, URL and details are one activity that was reported twice; the earlier report
    counts.
    """
    distinct: dict[tuple[datetime, str, str, bytes], Activity] = {}
    for activity in (*stored, *received):
        identity = activity_identity(activity)
        known = distinct.get(identity)
        if known is None or activity.at < known.at:
            distinct[identity] = activity
    ordered = sorted(distinct.items(), key=lambda item: (item[1].at, item[0]))
    newest = [activity for _identity, activity in ordered[-ACTIVITIES_MAX:]]
    return newest_within([(activity, _encode(activity)) for activity in newest])


def activity_of(signal: SignalReceivedV1) -> Activity:
    """Return the activity in a signal of that type; its time is the signal's unless it has its own.

    Raises `DataError` when there is none, or when it is malformed.
    """
    activity = signal.details.get("activity")
    if not isinstance(activity, dict):
        raise DataError("a signal of type activity needs details.activity", kind="activity")
    try:
        return msgspec.convert({"at": signal.occurred_at, **activity, "reported_at": None}, Activity)
    except msgspec.ValidationError as error:
        raise DataError(f"details.activity: {error}", kind="activity") from error
