"""The sign-in page, and that of a one-time link."""

from __future__ import annotations

from msgspec import Struct


class SignInView(Struct, frozen=True):
    """Where the person goes afterwards, what was wrong, and the name of the provider, if there is one."""

    next: str
    fault: str = ""
    provider: str = ""


class LinkView(Struct, frozen=True):
    """The token of the link that the person followed."""

    token: str
