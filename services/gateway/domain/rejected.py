"""Rejected submissions: what a source sent and could not be read, kept for a while to be replayed. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import ClassVar, Final
from urllib.parse import unquote, unquote_plus

from services.gateway.domain.form_values import storable_text
from shared.errors import Reject
from shared.lead.normalise.emails import normalise_email
from shared.storage.rows import Row

KEPT: Final = timedelta(days=7)
COUNT_MAX: Final = 1_000
"""How many submissions are kept for one source; the oldest are dropped."""
BYTES_MAX: Final = 16 * 1024 * 1024
"""How many bytes of bodies are kept for one source."""
TRUNCATED_BYTES_MAX: Final = 64 * 1024
"""How much is kept of a body that is too large to be read, so that somebody can see what it was."""
DETAIL_LENGTH_MAX: Final = 500

_KEPT_STATUSES: Final = frozenset({400, 413, 415, 422, 500})
_EMAIL_BEFORE_AT: Final = re.compile(r"[^\s@\"'<>(),;:=&\[\]{}\\/|?]{1,64}\Z")
_EMAIL_AFTER_AT: Final = re.compile(r"[^\s@\"'<>(),;:=&\[\]{}\\/|?]{1,255}")
_PHONE: Final = re.compile(r"[+(]{0,2}\d[\d\s().\-/]{5,30}")
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_PHONE_DIGITS_MIN: Final = 7


class RejectedSubmission(Row, frozen=True):
    """A body that a source sent, when and as which content type, and why it was not accepted.

    `cause` is the kind of its problem document (`invalid-body`), `size` the bytes of the body as it came. A
    body that was too large to be read is cut, so that its `body` is shorter than `size`. `waits_for` is the
    key of the known entity that it needs; it is replayed once that is known.
    """

    id: str
    source: str
    received_at: datetime
    status: int
    cause: str
    detail: str
    content_type: str
    idempotency_key: str
    size: int
    body: bytes
    waits_for: str | None = None
    table: ClassVar[str] = "rejected_submissions"
    key_fields: ClassVar[tuple[str, ...]] = ("id",)

    @property
    def is_complete(self) -> bool:
        """Whether the whole body is kept, so that it can be replayed."""
        return len(self.body) == self.size


def is_kept(reject: Reject) -> bool:
    """Tell whether a submission that was rejected so is kept: its sender was right, its body was not.

    Not kept is what comes from a sender that did not prove itself (403), from one over its limits (429), and
    what may be sent again (503).
    """
    return reject.status in _KEPT_STATUSES


def detail_of(reject: Reject) -> str:
    """Return what is wrong with a submission, in one line of at most `DETAIL_LENGTH_MAX` characters."""
    errors = "; ".join(f"{error.pointer}: {error.detail}".removeprefix(": ") for error in reject.errors)
    return storable_text(reject.detail or errors or reject.title)[:DETAIL_LENGTH_MAX]


def number_to_keep(sizes: Sequence[int]) -> int:
    """Return how many of a source's submissions stay, whose bytes are given with the newest first.

    All of them stay within the bounds. Beyond, a tenth of the bounds is freed at a time, so that not every
    further submission has to free its own place.
    """
    if len(sizes) <= COUNT_MAX and sum(sizes) <= BYTES_MAX:
        return len(sizes)
    totals = accumulate(sizes[: COUNT_MAX * 9 // 10])
    return sum(total <= BYTES_MAX * 9 // 10 for total in totals)


def mentions(body: bytes, identifiers: Collection[str]) -> bool:
    """Tell whether a body mentions a person, in whatever format the body is.

    `identifiers` are those of an `Identity`: `email:…`, `phone:+49…`, `linkedin:…`. The body could not be
    read as a form, so it is searched: for addresses that normalise to the same one, for numbers with the same
    last digits, for the path of the profile.
    """
    wanted: dict[str, set[str]] = {"email": set(), "phone": set(), "linkedin": set()}
    for identifier in identifiers:
        kind, _, value = identifier.partition(":")
        wanted.setdefault(kind, set()).add(value)
    for text in _readings(body):
        if not wanted["email"].isdisjoint(_emails_in(text)):
            return True
        if any(_is_same_number(number, digits) for number in wanted["phone"] for digits in _numbers_in(text)):
            return True
        folded = text.casefold()
        paths = (unquote(url).casefold().removeprefix("https://www.") for url in wanted["linkedin"])
        if any(path in folded for path in paths):
            return True
    return False


def _readings(body: bytes) -> Iterator[str]:
    text = body.decode("utf-8", "replace")
    yield text
    if "%" in text or "+" in text:
        yield unquote_plus(text)
    if "\\u" in text:
        yield _ESCAPED.sub(lambda escaped: chr(int(escaped[1], 16)), text)


def _emails_in(text: str) -> Iterator[str]:
    at = text.find("@")
    while at >= 0:
        before = _EMAIL_BEFORE_AT.search(text[max(0, at - 64) : at])
        after = _EMAIL_AFTER_AT.match(text, at + 1)
        if before and after:
            address = normalise_email(f"{before[0]}@{after[0].rstrip('.')}")
            if address is not None:
                yield address.identity
        at = text.find("@", at + 1)


def _numbers_in(text: str) -> Iterator[str]:
    for found in _PHONE.finditer(text):
        yield re.sub(r"\D", "", found[0]).lstrip("0")


def _is_same_number(e164: str, digits: str) -> bool:
    """Compare an E.164 number with typed digits, which may lack the country code."""
    own = re.sub(r"\D", "", e164.partition(";")[0])
    return len(digits) >= _PHONE_DIGITS_MIN and own.endswith(digits)
