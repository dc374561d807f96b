"""The sidebar: the pages, and which of them a key may open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from services.gateway.domain.access import Principal, Scope


class NavItem(Struct, frozen=True):
    """A page in the sidebar. `key` is the letter that follows G."""

    name: str
    path: str
    icon: str
    scope: Scope
    key: str = ""

    @property
    def slug(self) -> str:
        """What a page's template calls itself: `dead-letters`, and `inbox` for `/`."""
        return self.path.strip("/") or "inbox"


class NavGroup(Struct, frozen=True):
    """A group of pages with a heading."""

    name: str
    items: Sequence[NavItem]


_GROUPS: Final = (
    NavGroup(
        "Work",
        (
            NavItem("Inbox", "/", "inbox", "read", "i"),
            NavItem("Leads", "/leads", "users", "read", "l"),
            NavItem("Accounts", "/accounts", "building-2", "read", "a"),
            NavItem("Report", "/report", "gauge", "read", "r"),
        ),
    ),
    NavGroup(
        "Policy",
        (
            NavItem("Flow", "/flow", "route", "manager", "f"),
            NavItem("Rules and scores", "/policy", "sliders-horizontal", "manager", "p"),
            NavItem("Team", "/team", "user-round", "manager", "t"),
        ),
    ),
    NavGroup(
        "Operations",
        (
            NavItem("Deliveries", "/deliveries", "webhook", "admin", "d"),
            NavItem("Providers", "/providers", "coins", "manager", "v"),
            NavItem("Sources", "/sources", "plug", "manager", "s"),
            NavItem("Dead letters", "/dead-letters", "mail-warning", "admin"),
            NavItem("Status", "/status", "activity", "read"),
            NavItem("Settings", "/settings", "settings", "admin"),
        ),
    ),
)


def navigation(principal: Principal) -> list[NavGroup]:
    """Return the pages that a key may open, by group; a group without any is left out."""
    groups = [
        NavGroup(group.name, [item for item in group.items if principal.may(item.scope)]) for group in _GROUPS
    ]
    return [group for group in groups if group.items]
