"""Reads what a delivery depends on: the targets, which deliveries exist, and who was erased.

Many events need this at once, so the reads go through `BatchLoader`: events that arrive while a read is
running share the next one. A result is therefore never older than the request for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import structlog
from sqlalchemy import func, select

from services.gateway.tables import subscriptions
from services.router.domain.delivery import (
    DELIVERY_ROLE,
    PendingDeliveries,
    StoredDeliveries,
    WebhookTarget,
)
from services.router.tables import deliveries
from shared.clock import Clock
from shared.resilience.batch_loader import BatchLoader
from shared.storage.database import Database
from shared.storage.statements import member_of, members
from shared.storage.types import UtcTime
from shared.vault import Vault, VaultRefused
from shared.webhooks import Subscription
from shared.worker.rows import ErasedMentionsRow, TombstoneRow

log = structlog.get_logger()


class _Stored(NamedTuple):
    """Stored ids of deliveries; what is pending, by lead and target; tombstones by their hash."""

    ids: frozenset[str]
    pending: Mapping[str, Mapping[str, PendingDeliveries]]
    tombstones: Mapping[str, TombstoneRow]


class DeliveryReader:
    """Reads from the tables. `destinations` returns the targets that the active policy names."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        destinations: Callable[[], Sequence[WebhookTarget]],
    ) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._destinations = destinations
        self._opened: Mapping[str, tuple[Subscription, WebhookTarget | None]] = {}
        self._targets: BatchLoader[None, tuple[WebhookTarget, ...]] = BatchLoader(self._read_targets)
        self._mentions: BatchLoader[Collection[str], list[ErasedMentionsRow]] = BatchLoader(
            self._read_mentions
        )
        self._existing: BatchLoader[Collection[str], _Stored] = BatchLoader(self._read_existing)

    async def targets(self) -> Sequence[WebhookTarget]:
        """Return the active subscriptions and the destinations of the policy."""
        return await self._targets.load(None)

    async def existing(self, delivery_ids: Collection[str], lead_id: str, lead_hash: str) -> StoredDeliveries:
        """Return what is stored of the deliveries, pending for their lead, and the tombstone of that hash."""
        found = await self._existing.load([*delivery_ids, lead_id, lead_hash])
        ids, pending = found.ids & frozenset(delivery_ids), found.pending.get(lead_id, {})
        return StoredDeliveries(ids, pending, found.tombstones.get(lead_hash))

    async def erased_mentions(self, accounts: Collection[str]) -> Sequence[ErasedMentionsRow]:
        """Return what names erased people in events about these accounts."""
        return [row for row in await self._mentions.load(accounts) if row.account in accounts]

    async def _read_targets(self, _keys: Sequence[None]) -> tuple[WebhookTarget, ...]:
        active = select(subscriptions).where(subscriptions.c.state == "active")
        oldest_first = active.order_by(subscriptions.c.created_at, subscriptions.c.id)
        async with self._database.read() as tx:
            rows = [Subscription(*tuple(row)) for row in await tx.execute(oldest_first)]
        now = self._clock.now()
        signing = [row.signing_at(now) for row in rows]
        self._opened = {row.id: (row, self._open(row)) for row in signing}
        opened = (target for _subscription, target in self._opened.values() if target is not None)
        return (*self._destinations(), *opened)

    def _open(self, subscription: Subscription) -> WebhookTarget | None:
        """Return the target of a subscription, None if its secrets cannot be decrypted.

        Targets of unchanged subscriptions are reused, so that nothing is decrypted or logged twice.
        """
        previous = self._opened.get(subscription.id)
        if previous is not None and previous[0] == subscription:
            return previous[1]
        try:
            secrets = subscription.opened_secrets(self._vault)
        except VaultRefused as error:
            log.warning(
                "cannot decrypt the secrets of a subscription",
                subscription=subscription.id,
                reason=str(error),
            )
            return None
        return WebhookTarget(
            id=subscription.id,
            url=subscription.url,
            events=tuple(subscription.events),
            secrets=tuple(secrets),
            filter=subscription.filter or {},
        )

    async def _read_existing(self, keys: Sequence[Collection[str]]) -> _Stored:
        """Return what is stored of these delivery ids, lead ids and tombstone hashes."""
        ids, table = sorted({id_ for group in keys for id_ in group}), deliveries.c
        pending: dict[str, dict[str, PendingDeliveries]] = {}
        async with self._database.read() as tx:
            asked = {"members": members(tx.dialect, ids)}
            stored = select(table.id).where(member_of(tx.dialect, table.id))
            found = frozenset((await tx.execute(stored, asked)).scalars())
            first = func.min(table.sequence).label("first_sequence")
            last = func.max(table.next_attempt_at, type_=UtcTime()).label("next_attempt_at")
            waiting = (
                select(table.lead_id, table.subscription_id, first, last)
                .where(member_of(tx.dialect, table.lead_id), table.next_attempt_at.is_not(None))
                .where(table.sequence.is_not(None))
                .group_by(table.lead_id, table.subscription_id)
            )
            for row in (await tx.execute(waiting, asked)).mappings():
                of_lead = pending.setdefault(row["lead_id"], {})
                of_lead[row["subscription_id"]] = PendingDeliveries(
                    row["first_sequence"], row["next_attempt_at"]
                )
            tombstones = await tx.load(TombstoneRow, "hash", ids, role=DELIVERY_ROLE)
        return _Stored(found, pending, {tombstone.hash: tombstone for tombstone in tombstones})

    async def _read_mentions(self, keys: Sequence[Collection[str]]) -> list[ErasedMentionsRow]:
        accounts = {account for group in keys for account in group}
        async with self._database.read() as tx:
            return await tx.load(ErasedMentionsRow, "account", accounts, role=DELIVERY_ROLE)
