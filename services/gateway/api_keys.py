"""The API keys, cached in memory and read again from their table every few seconds."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Sequence
from time import monotonic

import structlog
from sqlalchemy import select, update

from services.gateway.audit import AuditTrail
from services.gateway.domain.access import (
    ADMIN,
    KEY_BYTES,
    ApiKey,
    KnownKey,
    Principal,
    Scope,
    key_hash,
    new_key,
)
from services.gateway.tables import api_keys
from shared.clock import Clock
from shared.errors import Retry
from shared.storage.database import Database
from shared.storage.rows import IdentityMap, Put

FRESH_S = 5.0
STALE_S_MAX = 300.0
_AFTER_MISS_S = 1.0

log = structlog.get_logger()


class StoredKeys:
    """The keys of the table, and the administrator's key from the settings.

    A key that another process revokes is refused within `FRESH_S`, a new one is accepted within a second.
    While the database is unreachable the cached keys stay valid for at most `STALE_S_MAX`: intake goes on.
    """

    def __init__(
        self,
        admin_key: str,
        database: Database,
        clock: Clock,
        random: Callable[[int], bytes],
        *,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._admin = KnownKey(ADMIN, key_hash(admin_key))
        self._database = database
        self._clock = clock
        self._random = random
        self._seconds = seconds
        self._by_hash: dict[str, KnownKey] = {}
        self._by_id: dict[str, KnownKey] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def find(self, key: str) -> Principal | None:
        """Return the caller that a key identifies; see `state.KeyStore`."""
        hashed = key_hash(key)
        if hmac.compare_digest(hashed, self._admin.hash):
            return ADMIN
        known = await self._look_up(lambda: self._by_hash.get(hashed))
        return known.principal if known else None

    async def by_id(self, key_id: str) -> KnownKey | None:
        """Return the key with this id; see `state.KeyStore`."""
        if key_id == ADMIN.key_id:
            return self._admin
        return await self._look_up(lambda: self._by_id.get(key_id))

    async def create(
        self, name: str, scopes: list[Scope], rep: str | None, audit: AuditTrail
    ) -> tuple[ApiKey, str]:
        """Store a new key; return it and its text."""
        text = new_key(self._random(KEY_BYTES))
        key = ApiKey(
            id=self._random(8).hex(),
            name=name,
            hash=key_hash(text),
            scopes=scopes,
            rep=rep,
            created_at=self._clock.now(),
            revoked_at=None,
        )
        rows = IdentityMap()
        rows.apply((Put(key),))
        async with self._database.begin() as tx:
            await tx.write(rows)
            await audit.record(tx, "api_key.created", key.id, name=name, scopes=scopes, rep=rep)
        self._keep([*self._by_hash.values(), KnownKey(key.principal, key.hash)])
        return key, text

    async def list_all(self) -> list[ApiKey]:
        """Return every key that is not revoked, the oldest first."""
        live = select(api_keys).where(api_keys.c.revoked_at.is_(None))
        async with self._database.read() as tx:
            result = await tx.execute(live.order_by(api_keys.c.created_at, api_keys.c.id))
            return [ApiKey(*tuple(row)) for row in result]

    async def revoke(self, key_id: str, audit: AuditTrail) -> bool:
        """Revoke a key: here at once, in other processes within `FRESH_S`."""
        live = (api_keys.c.id == key_id) & api_keys.c.revoked_at.is_(None)
        revoked = update(api_keys).where(live).values(revoked_at=self._clock.now())
        async with self._database.begin() as tx:
            name = (await tx.execute(revoked.returning(api_keys.c.name))).scalar()
            if name is not None:
                await audit.record(tx, "api_key.revoked", key_id, name=name)
        self._keep([known for known in self._by_hash.values() if known.principal.key_id != key_id])
        return name is not None

    async def _look_up(self, cached: Callable[[], KnownKey | None]) -> KnownKey | None:
        found = cached()
        if self._age() > (FRESH_S if found else _AFTER_MISS_S):
            await self._read_again(self._read_at)
            found = cached()
        return found

    def _keep(self, known: Sequence[KnownKey]) -> None:
        self._by_hash = {key.hash: key for key in known}
        self._by_id = {key.principal.key_id: key for key in known}

    def _age(self) -> float:
        return self._seconds() - self._read_at

    async def _read_again(self, seen: float) -> None:
        async with self._reading:
            if self._read_at != seen:
                return  # another request has read them meanwhile
            try:
                self._keep([KnownKey(key.principal, key.hash) for key in await self.list_all()])
            except Retry as error:
                if self._age() > STALE_S_MAX:
                    raise
                log.warning("API keys not refreshed, the cached ones are used", reason=str(error))
            else:
                self._read_at = self._seconds()
