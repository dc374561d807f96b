"""Webhooks as gateway and router share them: secrets, failed attempts, orders to deliver. Values only."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct

TRIAL: Final = "baton.webhook.test.v1"
"""The type of what is sent to try an endpoint. It is no event of the topics."""
EVERYTHING: Final = "*"
"""In the place of types: all of them."""


class SealedSecret(Struct, frozen=True, omit_defaults=True):
    """A secret that signs, sealed by `shared.vault`; one that was replaced signs `until` then."""

    sealed: str
    until: datetime | None = None


class FailedAttempt(Struct, frozen=True):
    """An attempt that was not taken; `status` is None when there was no answer."""

    at: datetime
    status: int | None
    error: str


class TrialOrder(Struct, frozen=True, tag="trial"):
    """Send an event that means nothing to a subscription."""

    subscription_id: str


class RetryOrder(Struct, frozen=True, tag="retry"):
    """Send one delivery, now, whatever became of it before."""

    delivery_id: str


class ReplayOrder(Struct, frozen=True, tag="replay"):
    """Send again what was made for an endpoint from `since` on and before `until`: all, or what failed."""

    subscription_id: str
    since: datetime
    until: datetime
    failed_only: bool = False


What = TrialOrder | RetryOrder | ReplayOrder
