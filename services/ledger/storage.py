"""Loads the ledger's rows: views and histories of leads, and what an erasure or a replay has to see."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Select, select

from services.ledger.domain.erasure import ROLE, names_in, names_somebody
from services.ledger.domain.lead_history import LeadHistoryRow, counted_leads
from services.ledger.domain.rows import AccountEventRow, BacktestMoveRow, DeadLetterRow, EventRow, ViewRow
from services.ledger.domain.view import StageEvent
from services.ledger.tables import dead_letters, lead_views
from services.ledger.tables import events as event_table
from shared.lead.events.dead_letter import DeadLetterV1
from shared.lead.events.envelope import Event
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.mentions import Mentions
from shared.storage.database import Tx
from shared.storage.rows import Row
from shared.worker.erasure import MAY_NAME_OTHERS, KeyedHash
from shared.worker.rows import TombstoneRow

_SCANNED_TOGETHER: Final = 50


class LedgerStore:
    """Loads and locks views, histories and dead letters; events are written without being loaded.

    `keyed_hash` finds the people of an erasure in dead letters, which may be about nobody in particular.
    """

    def __init__(self, keyed_hash: KeyedHash) -> None:
        self._keyed_hash = keyed_hash

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        data = [event.data for event in events]
        erasures = [item for item in data if isinstance(item, PersonErasedV1)]
        erased = {lead for item in erasures for lead in item.lead_ids}
        viewed = {item.lead_id for item in data if isinstance(item, StageEvent)}
        letters = {item.id for item in data if isinstance(item, DeadLetterV1)}
        letters |= {event.replay_of for event in events if event.replay_of}
        rows: list[Row] = []
        at_accounts = [account for item in erasures for account in item.accounts]
        colleagues = _leads_at(at_accounts)
        viewed.update((await tx.execute(colleagues)).scalars() if at_accounts else ())
        rows += await tx.load(ViewRow, "lead_id", viewed | erased, lock=True)
        counted = {lead_id for event in events for lead_id in counted_leads(event)}
        rows += await tx.load(LeadHistoryRow, "lead_id", counted | erased, lock=True)
        rows += await tx.load(DeadLetterRow, "id", letters, lock=True)
        if erased:
            # Every event and dead letter about the erased leads, with the forms that led to them.
            own = await tx.load(EventRow, "subject", erased)
            causes = {row.causation_id for row in own} - {""}
            rows += own
            rows += await tx.load(EventRow, "id", causes)
            rows += await tx.load(DeadLetterRow, "subject", erased)
            rows += await tx.load(BacktestMoveRow, "lead_id", erased)
            rows += await tx.load(DeadLetterRow, "event_id", causes | {row.id for row in own})
        rows += await self._names_of_erased(tx, [item for item in data if isinstance(item, DeadLetterV1)])
        for erasure in erasures:
            rows += await tx.load(TombstoneRow, "hash", erasure.mentions, role=ROLE)
            mentions = Mentions(frozenset(erasure.mentions), self._keyed_hash)
            rows += await _letters_that_mention(tx, mentions)
            rows += await _events_of_accounts(tx, erasure.accounts)
        return rows

    async def _names_of_erased(self, tx: Tx, letters: Sequence[DeadLetterV1]) -> list[Row]:
        """Return whom dead letters name, with the tombstones of those who were erased."""
        names = [await asyncio.to_thread(names_in, letter, self._keyed_hash) for letter in letters]
        hashes = {hashed for row in names for hashed in row.hashes}
        return [*names, *await tx.load(TombstoneRow, "hash", hashes, role=ROLE)]


def _leads_at(accounts: Sequence[str]) -> Select[tuple[str]]:
    return select(lead_views.c.lead_id).where(lead_views.c.account.in_(accounts))


async def _events_of_accounts(tx: Tx, accounts: Sequence[str]) -> list[AccountEventRow]:
    """Return the events that may name people, of accounts and of all leads at them."""
    found: list[AccountEventRow] = []
    for subjects in ([*accounts], _leads_at(accounts)):
        statement = select(event_table).where(
            event_table.c.subject.in_(subjects), event_table.c.type.in_(sorted(MAY_NAME_OTHERS))
        )
        found += [AccountEventRow(*tuple(row)) for row in await tx.execute(statement)] if accounts else []
    return found


async def _letters_that_mention(tx: Tx, mentions: Mentions) -> list[DeadLetterRow]:
    """Return the dead letters whose record names one of these people, read a few at a time."""
    found: list[DeadLetterRow] = []
    last = ""
    while True:
        following = select(dead_letters).where(dead_letters.c.id > last).order_by(dead_letters.c.id)
        rows = await tx.execute(following.limit(_SCANNED_TOGETHER))
        letters = [DeadLetterRow(*tuple(row)) for row in rows]
        if not letters:
            return found
        found += await asyncio.to_thread(
            lambda some: [one for one in some if names_somebody(one, mentions)], letters
        )
        last = letters[-1].id
