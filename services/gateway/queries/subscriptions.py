"""Webhook subscriptions: the gateway writes them, the router's delivery reads the active ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Literal

from msgspec.structs import replace
from sqlalchemy import delete, select

from services.gateway.tables import subscriptions
from shared.storage.database import Tx
from shared.storage.keyset import Cursor, after_cursor
from shared.storage.rows import Row
from shared.vault import Vault
from shared.webhooks import SealedSecret

State = Literal["active", "disabled"]
SECRETS_MAX: Final = 5
"""So many sign at once, at most: the header stays small."""


class Subscription(Row, frozen=True):
    """Who wants to hear of which events, and where.

    `events` are short types (`lead.routed`), a family (`lead.*`) or `*`. `filter` maps a dotted path into
    the event's data to the value wanted there, or a list of them; all must match. `secrets` are sealed,
    the newest first; one that was replaced signs too, until its time is over.
    """

    id: str
    url: str
    events: list[str]
    filter: dict[str, Any] | None
    state: State
    secrets: list[SealedSecret]
    created_at: datetime
    updated_at: datetime
    table: ClassVar[str] = "subscriptions"
    key_fields: ClassVar[tuple[str, ...]] = ("id",)

    @property
    def purpose(self) -> str:
        """What the secrets are sealed for."""
        return sealed_for(self.id)

    def signing_at(self, at: datetime) -> Subscription:
        """Return the subscription with those of its secrets that sign at that time."""
        valid = [secret for secret in self.secrets if secret.until is None or at < secret.until]
        return replace(self, secrets=valid)

    def rotated(self, sealed: str, at: datetime, overlap: timedelta) -> Subscription:
        """Return the subscription with a new secret; those that signed until now do so for the overlap."""
        until = at + overlap
        before = [
            replace(secret, until=min(secret.until or until, until)) for secret in self.signing_at(at).secrets
        ]
        kept = before[: SECRETS_MAX - 1] if overlap else []
        return replace(self, secrets=[SealedSecret(sealed), *kept], updated_at=at)

    def opened_secrets(self, vault: Vault) -> list[str]:
        """Return the `whsec_…` secrets. Raises `VaultRefused`."""
        return [vault.open(secret.sealed, purpose=self.purpose) for secret in self.secrets]


def sealed_for(subscription_id: str) -> str:
    """Return the purpose under which the secrets of a subscription are sealed."""
    return f"subscription:{subscription_id}"


async def active_subscriptions(tx: Tx) -> list[Subscription]:
    """Return every active subscription, the oldest first."""
    wanted = select(subscriptions).where(subscriptions.c.state == "active")
    result = await tx.execute(wanted.order_by(subscriptions.c.created_at, subscriptions.c.id))
    return [Subscription(*tuple(row)) for row in result]


async def subscription_list(tx: Tx, after: Cursor | None, limit: int) -> list[Subscription]:
    """Return at most `limit` subscriptions, the newest first, from the place `after` on."""
    statement = select(subscriptions)
    if after is not None:
        statement = statement.where(after_cursor(after, subscriptions.c.created_at, subscriptions.c.id))
    newest = (subscriptions.c.created_at.desc(), subscriptions.c.id.desc())
    return [Subscription(*tuple(row)) for row in await tx.execute(statement.order_by(*newest).limit(limit))]


async def subscription(tx: Tx, subscription_id: str) -> Subscription | None:
    """Return one subscription."""
    found = await tx.load(Subscription, "id", [subscription_id])
    return found[0] if found else None


async def delete_subscription(tx: Tx, subscription_id: str) -> bool:
    """Delete one subscription; False when there is none of that id."""
    result = await tx.execute(delete(subscriptions).where(subscriptions.c.id == subscription_id))
    return result.rowcount > 0
