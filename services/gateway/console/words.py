"""Numbers, times and names as people read them. Pure."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from typing import Final, Literal

from msgspec import Struct

from services.router.domain.score_words import field_in_words, fields_in_words

_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400
_HUES: Final = 12
_ACRONYMS: Final = {
    word.casefold(): word for word in ("AE", "BDR", "CRM", "CSM", "ICP", "SDR", "SE", "SLA", "URL")
}
_QUEUE_HUES: Final = {"sdr": "teal", "bdr": "pink", "senior-ae": "violet"}
_FIELD_WORDS: Final = {
    "person.email": "e-mail",
    "person.linkedin_url": "LinkedIn",
    "company.linkedin_url": "LinkedIn of the company",
    "company.name": "company",
    "company.country": "country of the company",
}
_LARGE_NUMBER: Final = re.compile(r"(?<![\w.,:-])\d{5,15}(?![\w.,:-])")

_HAPPENED: Final = re.compile(r"(\w+) on (\d{4}-\d\d-\d\d)")
_POINTS_NOW: Final = re.compile(r"(\d+) of (\d+) points at this time")

ClockState = Literal["none", "accepted", "left", "soon", "late"]


class AcceptClock(Struct, frozen=True):
    """The owner's clock: its state, the words for it, and which share of the time is left (0 to 1).

    `accept_by` lets the page count on by itself.
    """

    state: ClockState
    words: str
    left: float = 0.0
    accept_by: datetime | None = None
    since: datetime | None = None


NO_CLOCK: Final = AcceptClock("none", "")


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units: `45 s`, `22 min`, `4 h 05`, `3 d 4 h`."""
    whole = int(abs(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02}"
    days, hours = whole // _DAY, whole % _DAY // _HOUR
    return f"{days} d {hours} h" if hours and days < 10 else f"{days} d"


def relative(at: datetime, now: datetime) -> str:
    """Return a time seen from now: `22 min ago`, `in 4 h 05`, `now` within five seconds."""
    seconds = (now - at).total_seconds()
    if abs(seconds) < 5:
        return "now"
    return f"{duration(seconds)} ago" if seconds > 0 else f"in {duration(seconds)}"


def exact(at: datetime) -> str:
    """Return a time to the second, for a title: `28 November 2026, 09:25:49 UTC`."""
    return f"{at.day} {at:%B %Y, %H:%M:%S} UTC"


def day(at: datetime) -> str:
    """Return a day: `5 December`."""
    return f"{at.day} {at:%B}"


def money(cents: float) -> str:
    """Return an amount of US cents: `0 ¢`, `12 ¢`, `0.4 ¢`, `$3.40`, `$12,400`."""
    if abs(cents) < 100:
        return f"{cents:.0f} ¢" if float(cents).is_integer() else f"{cents:.1f} ¢"
    return f"${cents / 100:,.2f}" if abs(cents) < 100_000 else f"${cents / 100:,.0f}"


def number(value: float) -> str:
    """Return a number with separators: `1,204`, `0.5`."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def percent(share: float) -> str:
    """Return a share of 1 in percent: `47.4 %`, `3 %`."""
    value = share * 100
    return f"{value:.0f} %" if abs(value - round(value)) < 0.05 else f"{value:.1f} %"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun: `1 lead`, `2 leads`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def plain(name: str) -> str:
    """Return an identifier in words, as it stands inside a sentence: `demo_request` is `demo request`."""
    return name.replace("_", " ").replace("-", " ")


def title(name: str) -> str:
    """Return an identifier in words, as a heading: `existing-owner` is `Existing owner`."""
    words = " ".join(_ACRONYMS.get(word, word) for word in plain(name).split(" "))
    return words[:1].upper() + words[1:]


def field(path: str) -> str:
    """Return the name of a field in words: `company.employees` is `employees`."""
    return _FIELD_WORDS.get(path) or field_in_words(path)


def sentence(text: str) -> str:
    """Return a recorded reason as people read it: fields in words, large numbers with separators."""
    return _LARGE_NUMBER.sub(lambda found: f"{int(found[0]):,}", fields_in_words(text))


def score_reason(rule: str, fact: str, why: str) -> str:
    """Return what a line of a score counts: `employees is 420`, `call on 5 December, 9 of 20 points now`."""
    happened, points = _HAPPENED.fullmatch(fact), _POINTS_NOW.fullmatch(why)
    if happened is None or points is None:
        return sentence(why.removeprefix(f"{rule}: "))
    what = f"{plain(happened[1])} on {day(datetime.fromisoformat(happened[2]))}"
    return what if points[1] == points[2] else f"{what}, {points[1]} of {points[2]} points now"


def initials(name: str) -> str:
    """Return the initials of a person or rep: `Farah Haddad` is `FH`, `bdr-1` is `B1`."""
    words = [word for word in plain(name).split() if word]
    if not words:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def hue(name: str) -> str:
    """Return the class of the colour that stands for a name, always the same one: `hue-7`."""
    return f"hue-{hashlib.blake2b(name.encode(), digest_size=2).digest()[0] % _HUES}"


def queue_hue(queue: str) -> str:
    """Return the class of a queue's colour."""
    return f"hue-{_QUEUE_HUES[queue]}" if queue in _QUEUE_HUES else hue(queue)


def clock_of(
    accept_by: datetime | None, accepted_at: datetime | None, since: datetime | None, now: datetime
) -> AcceptClock:
    """Return the owner's clock. It is `soon` when less than a quarter of the time since `since` is left."""
    if accepted_at is not None:
        return AcceptClock("accepted", "accepted")
    if accept_by is None:
        return NO_CLOCK
    left = accept_by - now
    if left <= timedelta():
        return AcceptClock("late", f"late {duration(left.total_seconds())}", 0.0, accept_by, since)
    whole = (accept_by - since) if since is not None and since < accept_by else left
    share = min(1.0, left / whole) if whole > timedelta() else 0.0
    state: ClockState = "soon" if share < 0.25 else "left"
    return AcceptClock(state, f"{duration(left.total_seconds())} left", share, accept_by, since)
