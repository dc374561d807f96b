"""Personal LinkedIn profiles as one canonical URL."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

from shared.lead.normalise.text import URL_LENGTH_MAX, bounded, lower

_LINKEDIN = re.compile(
    r"(?:https?://)?(?:[a-z0-9-]{1,32}\.){0,3}linkedin\.com(?::\d{1,5})?/(?:mwlite/)?"
    r"(?:in/(?P<slug>[^/?#]+)|pub/(?P<name>[^/?#]+)(?P<parts>(?:/[0-9a-z]{1,3}){3})?)(?:[/?#].*)?",
    re.IGNORECASE | re.ASCII,
)
_LINKEDIN_SLUG_LENGTH_MAX: Final = 100
_NOT_IN_SLUG = re.compile(r"[\s%/?#\\<>\"\ufffd]")


def normalise_linkedin(url: str | None) -> str | None:
    """Return `https://www.linkedin.com/in/<slug>` for the URL of a personal profile, else `None`."""
    typed = bounded(url, URL_LENGTH_MAX)
    match = None if typed is None else _LINKEDIN.fullmatch(typed)
    if match is None:
        return None
    slug = unquote(match["slug"] or match["name"])
    if match["parts"]:  # the old public form: /pub/name/1/2b/3c4 is /in/name-3c402b1 today
        first, second, third = match["parts"][1:].split("/")
        slug = f"{slug}-{third.zfill(3)}{second.zfill(3)}{first}"
    readable = bounded(lower(slug), _LINKEDIN_SLUG_LENGTH_MAX)
    if readable is None or _NOT_IN_SLUG.search(readable):
        return None
    return f"https://www.linkedin.com/in/{quote(readable, safe='').lower()}"
