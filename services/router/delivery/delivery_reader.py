"""Reads what a delivery depends on: the targets, which deliveries exist, and who was erased.

Many events need this at once, so the reads go through `BatchLoader`: events that arrive while a read is
running share the next one. A result is therefore never older than the request for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import BigInteger, Select, extract, func, select, type_coerce

from services.gateway.tables import subscriptions
from services.router.domain.delivery import (
    DELIVERY_ROLE,
    PendingDeliveries,
    StoredDeliveries,
    WebhookTarget,
)
from services.router.domain.target_index import TargetIndex
from services.router.tables import deliveries
from shared.clock import Clock
from shared.resilience.batch_loader import BatchLoader
from shared.storage.database import Database
from shared.storage.statements import member_of, members, select_columns
from shared.storage.types import UtcTime
from shared.vault import Vault, VaultRefused
from shared.webhooks import Subscription
from shared.worker.rows import ErasedMentionsRow, TombstoneRow

log = structlog.get_logger()


class _Asked(NamedTuple):
    """Ids of deliveries, the id of a lead and the hash of its tombstone; and accounts."""

    ids: Collection[str]
    accounts: Collection[str]


class _Stored(NamedTuple):
    """Stored ids of deliveries; what is pending, by lead and target; erasures, by hash and account."""

    ids: frozenset[str]
    pending: Mapping[str, Mapping[str, PendingDeliveries]]
    tombstones: Mapping[str, TombstoneRow]
    mentions: Mapping[str, Sequence[ErasedMentionsRow]]


class _KnownTargets(NamedTuple):
    """The targets as they were read; the first of their secrets ends to sign at `until`."""

    targets: TargetIndex = TargetIndex()
    version: tuple[Any, ...] | None = None
    destinations: tuple[WebhookTarget, ...] = ()
    until: datetime | None = None

    def are_of(
        self, version: tuple[Any, ...], destinations: tuple[WebhookTarget, ...], now: datetime
    ) -> bool:
        """Return whether reading them again would give the same."""
        is_same = version == self.version and destinations == self.destinations
        return is_same and (self.until is None or now < self.until)


_CHANGED_AT: Final = subscriptions.c.updated_at
_VERSION: Final = {
    dialect: select(func.count(), func.sum(changed)).where(subscriptions.c.state == "active")
    for dialect, changed in (
        ("postgresql", extract("epoch", _CHANGED_AT)),
        # Of the microseconds only so many that their sum is no overflow.
        ("sqlite", type_coerce(_CHANGED_AT, BigInteger) % 10**12),
    )
}
"""Differs when a subscription was made, changed or removed, whatever the clocks of the gateways said."""


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
        self._known = _KnownTargets()
        self._targets: BatchLoader[None, TargetIndex] = BatchLoader(self._read_targets)
        self._existing: BatchLoader[_Asked, _Stored] = BatchLoader(self._read_existing)

    async def targets(self) -> TargetIndex:
        """Return the active subscriptions and the destinations of the policy."""
        return await self._targets.load(None)

    async def existing(
        self, delivery_ids: Collection[str], lead_id: str, lead_hash: str, accounts: Collection[str]
    ) -> StoredDeliveries:
        """Return what is stored of the deliveries, pending for their lead, and of erasures."""
        found = await self._existing.load(_Asked((*delivery_ids, lead_id, lead_hash), accounts))
        return StoredDeliveries(
            found.ids.intersection(delivery_ids),
            found.pending.get(lead_id, {}),
            found.tombstones.get(lead_hash),
            [row for account in accounts for row in found.mentions.get(account, ())],
        )

    async def _read_targets(self, _keys: Sequence[None]) -> TargetIndex:
        """Read the subscriptions if any has changed, which a sum over them tells, and index all targets."""
        now, destinations = self._clock.now(), tuple(self._destinations())
        async with self._database.read() as tx:
            version = tuple((await tx.fetch(_VERSION[tx.dialect], {}))[0])
            if self._known.are_of(version, destinations, now):
                return self._known.targets
            active = select(subscriptions).where(subscriptions.c.state == "active")
            oldest_first = active.order_by(subscriptions.c.created_at, subscriptions.c.id)
            rows = [Subscription(*tuple(row)) for row in await tx.execute(oldest_first)]
        signing = [row.signing_at(now) for row in rows]
        self._opened = {row.id: (row, self._open(row)) for row in signing}
        opened = (target for _subscription, target in self._opened.values() if target is not None)
        ends = [secret.until for row in signing for secret in row.secrets if secret.until is not None]
        self._known = _KnownTargets(
            TargetIndex((*destinations, *opened)), version, destinations, min(ends, default=None)
        )
        return self._known.targets

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

    async def _read_existing(self, keys: Sequence[_Asked]) -> _Stored:
        ids, table = sorted({id_ for asked in keys for id_ in asked.ids}), deliveries.c
        accounts = {account for asked in keys for account in asked.accounts}
        pending: dict[str, dict[str, PendingDeliveries]] = {}
        async with self._database.read() as tx:
            asked = {"members": members(tx.dialect, ids)}
            stored = select_columns((table.id,), tx.dialect, table.id)
            found = frozenset(row[0] for row in await tx.fetch(stored, asked))
            for lead_id, subscription_id, first, last in await tx.fetch(waiting_of_leads(tx.dialect), asked):
                pending.setdefault(lead_id, {})[subscription_id] = PendingDeliveries(first, last)
            tombstones = await tx.load(TombstoneRow, "hash", ids, role=DELIVERY_ROLE)
            mentions: dict[str, list[ErasedMentionsRow]] = {}
            for of_account in await tx.load(ErasedMentionsRow, "account", accounts, role=DELIVERY_ROLE):
                mentions.setdefault(of_account.account, []).append(of_account)
        return _Stored(found, pending, {tombstone.hash: tombstone for tombstone in tombstones}, mentions)


@cache
def waiting_of_leads(dialect: str) -> Select[tuple[Any, ...]]:
    """Select what waits of the leads `:members`: by subscription the first sequence and the last attempt."""
    table = deliveries.c
    first, last = func.min(table.sequence), func.max(table.next_attempt_at, type_=UtcTime())
    return (
        select(table.lead_id, table.subscription_id, first, last)
        .where(member_of(dialect, table.lead_id), table.next_attempt_at.is_not(None))
        .where(table.sequence.is_not(None))
        .group_by(table.lead_id, table.subscription_id)
    )
