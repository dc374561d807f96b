"""The policy drafts, one for each API key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import delete, select

from services.gateway.tables import policy_drafts
from shared.storage.database import Tx
from shared.storage.statements import upsert_row


class PolicyDraft(Struct, frozen=True):
    """What the holder of a key is writing: every file, and the version and activation it began from."""

    key_id: str
    files: Mapping[str, str]
    base_version: str
    base_activation: int
    saved_at: datetime


async def find_draft(tx: Tx, key_id: str) -> PolicyDraft | None:
    """Return the draft of a key, None when it has none."""
    found = await tx.execute(select(policy_drafts).where(policy_drafts.c.key_id == key_id))
    row = found.mappings().one_or_none()
    return None if row is None else PolicyDraft(**row)


async def save_draft(tx: Tx, draft: PolicyDraft) -> None:
    """Store a draft in place of the one that its key has."""
    await tx.execute(upsert_row(policy_drafts, tx.dialect, once=False), asdict(draft))


async def delete_draft(tx: Tx, key_id: str) -> None:
    """Delete the draft of a key, if it has one."""
    await tx.execute(delete(policy_drafts).where(policy_drafts.c.key_id == key_id))
