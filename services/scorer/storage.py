"""The scorer's rows: which ones a batch of events needs; accounts are locked by key, then leads by id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select

from services.scorer.domain.account import name_key
from services.scorer.domain.leads import alias_of
from services.scorer.domain.rescore import AT_ONCE_MAX, CHUNK, RESCORE
from services.scorer.domain.signal_subject import about_account, about_signal, account_name_key
from services.scorer.domain.state import AccountRow, ChunkRow, RescoreRow, ScoreRow
from services.scorer.tables import accounts, scores
from shared.errors import Retry
from shared.lead.derived import derived_of
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.storage.database import Tx, member_of, members
from shared.storage.rows import Row
from shared.worker.rows import TimerRow


class _Wanted:
    """The keys that a batch of events names. `whole`: accounts whose leads may all be re-scored."""

    def __init__(self, events: Iterable[Event[Any]]) -> None:
        self.leads: set[str] = set()
        self.aliases: set[str] = set()
        self.accounts: set[str] = set()
        self.names: set[str] = set()
        self.whole: set[str] = set()
        self.chunks: set[str] = set()
        for event in events:
            self._want(event.data)

    def _want(self, data: Any) -> None:
        if isinstance(data, LeadEnrichedV1):
            self.leads |= {data.lead_id, alias_of(data) or data.lead_id}
            self.accounts |= {data.account, name_key(derived_of(data).company_key) or data.account}
        elif isinstance(data, SignalReceivedV1):
            self._want_signal(data)
        elif isinstance(data, AccountReceivedV1):
            self.whole.update(about_account(data))
            self.accounts |= self.whole | {key for key in (account_name_key(data),) if key}
        elif isinstance(data, PersonErasedV1):
            self.aliases.update(data.lead_ids)
            self.accounts.update(data.lead_ids)
        elif isinstance(data, TimerRow) and data.kind == RESCORE:
            self.accounts.add(data.subject)
            self.chunks.add(data.subject)
        elif isinstance(data, TimerRow):
            self.leads.add(data.subject)

    def _want_signal(self, signal: SignalReceivedV1) -> None:
        about = about_signal(signal)
        if signal.type in ("activity", "opt_out"):
            self.aliases.update(filter(None, (about.lead_id,)))
        elif about.account is not None:
            self.accounts.add(about.account)
            self.whole.add(about.account)
        elif about.named is not None:
            self.names.add(about.named)


class ScorerStore:
    """Loads what the scorer decides on."""

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        wanted = _Wanted(events)
        await _find_accounts(tx, wanted)
        account_rows = await tx.load(AccountRow, "account", wanted.accounts, lock=True)
        rescores = await tx.load(RescoreRow, "account", wanted.whole | wanted.chunks, lock=True)
        chunks = [await _chunk(tx, row) for row in rescores if row.account in wanted.chunks]
        leads = wanted.leads | {lead_id for chunk in chunks for lead_id in chunk.lead_ids}
        few = {
            row.account for row in account_rows if row.account in wanted.whole and row.leads <= AT_ONCE_MAX
        }
        lead_rows = {row.lead_id: row for row in await tx.load(ScoreRow, "account", few, lock=True)}
        rest = await tx.load(ScoreRow, "lead_id", leads - lead_rows.keys(), lock=True)
        lead_rows.update((row.lead_id, row) for row in rest)
        if any(row.account not in wanted.accounts for row in lead_rows.values()):
            raise Retry("a lead went to another account in between")
        return [*account_rows, *rescores, *chunks, *lead_rows.values()]


async def _find_accounts(tx: Tx, wanted: _Wanted) -> None:
    """Look, without locks, where the wanted leads are now, and add the accounts that are to be locked."""
    if wanted.aliases:
        wanted.leads |= wanted.aliases
        by_alias = select(scores.c.lead_id).where(member_of(tx.dialect, scores.c.alias))
        found = await tx.execute(by_alias, {"members": members(tx.dialect, sorted(wanted.aliases))})
        wanted.leads.update(found.scalars())
    if wanted.leads:
        where = select(scores.c.account).where(member_of(tx.dialect, scores.c.lead_id)).distinct()
        found = await tx.execute(where, {"members": members(tx.dialect, sorted(wanted.leads))})
        wanted.accounts.update(found.scalars())
    if wanted.names:
        named = select(accounts.c.account).where(member_of(tx.dialect, accounts.c.name_key))
        found = await tx.execute(named, {"members": members(tx.dialect, sorted(wanted.names))})
        namesakes = set(found.scalars())
        wanted.accounts |= wanted.names | namesakes
        wanted.whole |= namesakes
    for row in await tx.load(AccountRow, "account", wanted.whole):
        # Aliases that an account had before lose what was known of them.
        aliases = about_account(row.knowledge) if row.knowledge else ()
        wanted.accounts.update(aliases)
        wanted.whole.update(aliases)


async def _chunk(tx: Tx, row: RescoreRow) -> ChunkRow:
    following = (
        select(scores.c.lead_id)
        .where(scores.c.account == row.account, scores.c.lead_id > row.cursor)
        .order_by(scores.c.lead_id)
        .limit(CHUNK)
    )
    lead_ids = tuple((await tx.execute(following)).scalars())
    return ChunkRow(row.account, lead_ids, last=len(lead_ids) < CHUNK)
