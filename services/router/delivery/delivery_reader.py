"""What deliveries ask of the tables: the endpoints, what was sent before, and who was erased.

Many records ask at once. Those that ask while one question is on its way are answered together by the
next one, so under load a question is shared by many, and at rest nobody waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import structlog
from sqlalchemy import select

from services.gateway.tables import subscriptions
from services.router.domain.delivery import DELIVER, Target
from services.router.tables import deliveries
from shared.clock import Clock
from shared.storage.database import Database, member_of, members
from shared.vault import Vault, VaultRefused
from shared.webhooks import Subscription
from shared.worker.rows import TombstoneRow

log = structlog.get_logger()

A = TypeVar("A")


class _Shared(Generic[A]):
    """A question whose askers are answered together. An answer is never older than the question."""

    def __init__(self, ask: Callable[[Collection[str]], Awaitable[A]]) -> None:
        self._ask = ask
        self._one_at_a_time = asyncio.Lock()
        self._about: set[str] = set()
        self._next: asyncio.Task[A] | None = None

    async def answer(self, about: Iterable[str] = ()) -> A:
        self._about.update(about)
        if self._next is None:
            self._next = asyncio.create_task(self._answer())
        return await asyncio.shield(self._next)

    async def _answer(self) -> A:
        async with self._one_at_a_time:
            about, self._about, self._next = self._about, set(), None
            return await self._ask(about)


class KnownDeliveries:
    """Asks the tables. `destinations` gives the endpoints that queues have by the policy of the moment."""

    def __init__(
        self, database: Database, vault: Vault, clock: Clock, destinations: Callable[[], Sequence[Target]]
    ) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._destinations = destinations
        self._opened: Mapping[str, tuple[Subscription, Target | None]] = {}
        self._targets = _Shared(self._ask_targets)
        self._seen = _Shared(self._ask_seen)

    async def targets(self) -> Sequence[Target]:
        """Return the endpoints that want events, as they are now."""
        return await self._targets.answer()

    async def seen(self, delivery_ids: Collection[str], tombstone: str) -> frozenset[str] | None:
        """Return those of the deliveries that have a row; None when the person was erased."""
        found = await self._seen.answer([*delivery_ids, tombstone])
        return None if tombstone in found else found.intersection(delivery_ids)

    async def _ask_targets(self, _about: Collection[str]) -> tuple[Target, ...]:
        active = select(subscriptions).where(subscriptions.c.state == "active")
        oldest_first = active.order_by(subscriptions.c.created_at, subscriptions.c.id)
        async with self._database.read() as tx:
            found = [Subscription(*tuple(row)) for row in await tx.execute(oldest_first)]
        now = self._clock.now()
        signing = [each.signing_at(now) for each in found]
        self._opened = {each.id: (each, self._open(each)) for each in signing}
        opened = (target for _subscription, target in self._opened.values() if target is not None)
        return (*self._destinations(), *opened)

    def _open(self, subscription: Subscription) -> Target | None:
        """Return the endpoint of a subscription; None, which is logged once, when it cannot be signed for."""
        before = self._opened.get(subscription.id)
        if before is not None and before[0] == subscription:
            return before[1]
        try:
            secrets = subscription.opened_secrets(self._vault)
        except VaultRefused as error:
            log.warning("subscription cannot be signed for", subscription=subscription.id, reason=str(error))
            return None
        return Target(
            id=subscription.id,
            url=subscription.url,
            events=tuple(subscription.events),
            secrets=tuple(secrets),
            wanted=subscription.filter or {},
        )

    async def _ask_seen(self, about: Collection[str]) -> frozenset[str]:
        wanted = sorted(about)
        async with self._database.read() as tx:
            rows = select(deliveries.c.id).where(member_of(tx.dialect, deliveries.c.id))
            found = {*(await tx.execute(rows, {"members": members(tx.dialect, wanted)})).scalars()}
            stones = await tx.load(TombstoneRow, "hash", wanted, role=DELIVER)
        return frozenset(found.union(stone.hash for stone in stones))
