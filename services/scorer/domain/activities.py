"""The activities of a lead: every one once, the latest ones kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from shared.errors import DataError
from shared.lead.events.parts import Activity
from shared.lead.events.signal_received import SignalReceivedV1

ACTIVITIES_MAX: Final = 200


def merged(known: list[Activity], heard: Iterable[Activity]) -> list[Activity]:
    """Return both together in the order of time; what was said twice happened once."""
    distinct = {_identity(activity): activity for activity in (*known, *heard)}
    return [distinct[identity] for identity in sorted(distinct)[-ACTIVITIES_MAX:]]


def activity_in(signal: SignalReceivedV1) -> Activity:
    """Return the activity that a signal of that type carries. Raises `DataError`.

    Without a time of its own it happened when the signal did.
    """
    told = signal.details.get("activity")
    if not isinstance(told, dict):
        raise DataError("a signal of type activity needs details.activity", kind="activity")
    try:
        return msgspec.convert({"at": signal.occurred_at, **told}, Activity)
    except msgspec.ValidationError as error:
        raise DataError(f"details.activity: {error}", kind="activity") from error


def _identity(activity: Activity) -> tuple[datetime, str, str, str]:
    return activity.at, activity.type, activity.url or "", repr(activity.details) if activity.details else ""
