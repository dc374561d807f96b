"""What changes in the sidebar while a page is open. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from services.gateway.domain.access import Principal
from services.gateway.queries.nav_counts import COUNT_MAX, NavCounts


class Badge(Struct, frozen=True):
    """A number beside a page; `title` says what it counts."""

    slug: str
    text: str
    title: str
    is_bad: bool = False


class NavState(Struct, frozen=True):
    """The badges, and whether the rep gets new leads, None for somebody who is no rep."""

    badges: Sequence[Badge]
    available: bool | None


def nav_state(counts: NavCounts, principal: Principal) -> NavState:
    """Return the state of the sidebar for who is signed in."""
    return NavState(list(_badges(counts, principal)), counts.available if principal.rep else None)


def _badges(counts: NavCounts, principal: Principal) -> Iterator[Badge]:
    yield Badge("inbox", _text(counts.unaccepted), "leads to accept")
    if principal.may("admin"):
        yield Badge("deliveries", _text(counts.failing), "failing endpoints", is_bad=True)
    if principal.may("admin"):
        yield Badge("dead-letters", _text(counts.dead_letters), "open dead letters", is_bad=True)


def _text(count: int) -> str:
    """Return a count, empty for none; it is not counted any further than the badge can show."""
    return "" if not count else f"{COUNT_MAX - 1}+" if count >= COUNT_MAX else str(count)
