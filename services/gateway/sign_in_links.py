"""Links that sign the holder of an API key in to the console: once, within minutes."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, insert, select

from services.gateway.audit import AuditTrail
from services.gateway.domain.access import KnownKey, Principal, key_hash
from services.gateway.state import GatewayState
from services.gateway.tables import sign_in_links
from shared.storage.database import Database

VALID: Final = timedelta(minutes=15)
_TOKEN_BYTES: Final = 32


async def create_link(gateway: GatewayState, principal: Principal, audit: AuditTrail) -> tuple[str, datetime]:
    """Store a link for the key of a caller; return its token and until when it is valid."""
    token = urlsafe_b64encode(gateway.random(_TOKEN_BYTES)).rstrip(b"=").decode()
    expires_at = gateway.clock.now() + VALID
    row = {"id": key_hash(token), "key_id": principal.key_id, "expires_at": expires_at}
    async with gateway.database.begin() as tx:
        await tx.execute(insert(sign_in_links), row)
        await audit.record(tx, "session.link_created")
    return token, expires_at


async def redeem_link(gateway: GatewayState, token: str) -> KnownKey | None:
    """Return the key of a link that nobody used yet, and use it up; None for any other."""
    one = sign_in_links.c.id == key_hash(token)
    async with gateway.database.read() as tx:
        if (await tx.execute(select(sign_in_links.c.id).where(one))).first() is None:
            return None  # nobody outside can have a write transaction begun by guessing
    async with gateway.database.begin() as tx:
        used = delete(sign_in_links).where(one).returning(sign_in_links.c.key_id, sign_in_links.c.expires_at)
        link = (await tx.execute(used)).first()
    if link is None or link.expires_at <= gateway.clock.now():
        return None
    return await gateway.keys.by_id(link.key_id)


async def prune_links(database: Database, now: datetime) -> None:
    """Delete the links that are not valid any more."""
    async with database.begin() as tx:
        await tx.execute(delete(sign_in_links).where(sign_in_links.c.expires_at <= now))
