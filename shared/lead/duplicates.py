"""When two reports are duplicates: the values that decide it, however they were spelled. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from shared.lead.events.parts import Activity

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*(?:[Zz]|[+-]\d\d:?\d\d)\Z")
_sorted_json = msgspec.json.Encoder(order="sorted").encode


def activity_identity(activity: Activity) -> tuple[datetime, str, str, bytes]:
    """Return what two reports of one activity have in common: time, type, URL and details."""
    reported_at = activity.reported_at or activity.at
    details = canonical_details(activity.details) if activity.details else b"{}"
    return whole_second(reported_at), activity.type, activity.url or "", details


def canonical_details(details: Mapping[str, Any]) -> bytes:
    """Return details as JSON that is the same for every order of keys and every spelling of a time.

    What is null is left out, as it says the same as what is absent.
    """
    return _sorted_json(_canonical(details))


def whole_second(at: datetime) -> datetime:
    """Return an instant without the fraction of its second: senders keep different numbers of digits."""
    return at.replace(microsecond=0)


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _canonical(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_canonical(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _TIME.match(value):
        try:
            return whole_second(datetime.fromisoformat(value)).astimezone(UTC).isoformat()
        except (ValueError, OverflowError):
            return value
    return value
