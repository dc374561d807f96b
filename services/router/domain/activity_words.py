"""What a person did, in words for a seller: `asked for a demo`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from shared.lead.events.parts import Activity

REQUESTS: Final[Mapping[str, str]] = {
    "demo_request": "your request for a demo",
    "contact_request": "your request",
    "trial_started": "your trial",
}
"""What the person asked for, by type of activity, as one says it to them."""
_DID: Final[Mapping[str, str]] = {
    "demo_request": "asked for a demo",
    "contact_request": "asked to be contacted",
    "trial_started": "started a trial",
    "pricing_view": "looked at the pricing",
    "page_view": "visited the website",
    "content_download": "downloaded content",
    "webinar": "attended a webinar",
    "email_reply": "replied to an e-mail",
    "email_click": "clicked in an e-mail",
    "event_visit": "visited an event",
    "call": "was on a call",
}
_TITLE_DETAILS: Final = ("title", "name", "content", "asset", "webinar", "event", "subject")
_TITLE_LENGTH_MAX: Final = 80


def activity_words(activity: Activity) -> str:
    """Return what the person did, with the title or the page if the activity says one."""
    did = _DID.get(activity.type) or activity.type.replace("_", " ")
    title = next((found for name in _TITLE_DETAILS if (found := activity.details.get(name))), None)
    if isinstance(title, str):
        return f"{did} (“{' '.join(title.split())[:_TITLE_LENGTH_MAX]}”)"
    path = page_path(activity.url) if activity.type == "page_view" else None
    return f"visited {path}" if path else did


def page_path(url: str | None) -> str | None:
    """Return the path of a page without its host, None for a home page or no URL."""
    try:
        path = urlsplit(url or "").path.rstrip("/")
    except ValueError:
        return None
    return path[:_TITLE_LENGTH_MAX] or None
