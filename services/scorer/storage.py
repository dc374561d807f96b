"""Loads the rows that a batch of events needs, with locks: accounts by key first, then leads by id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import or_, select

from services.scorer.domain.account_names import (
    NAMESAKES_MAX,
    blocks_of,
    candidates_in,
    lead_profile,
)
from services.scorer.domain.aliases import canonical_of
from services.scorer.domain.lead_matching import may_be_matched
from services.scorer.domain.leads import alias_of
from services.scorer.domain.poll_rows import PolledAccountRow, PollSourceRow
from services.scorer.domain.polls import PollStep
from services.scorer.domain.rescore import AT_ONCE_MAX, CHUNK, RESCORE
from services.scorer.domain.state import AccountNameRow, AccountRow, ChunkRow, RescoreRow, ScoreRow
from services.scorer.domain.subjects import (
    account_keys,
    account_name_key,
    canonical_key,
    domain_key,
    name_key,
    signal_subject_of,
)
from services.scorer.tables import account_names, accounts, scores
from shared.errors import Retry
from shared.lead.derived import derived_of
from shared.lead.events.account_enriched import AccountEnrichedV1
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_matched import LeadMatchedV1
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.matching.account_match import rate_candidate
from shared.storage.database import Tx
from shared.storage.rows import Row
from shared.storage.statements import first_of_each, member_of, members
from shared.worker.rows import TimerRow


class ScorerRowKeys:
    """The keys that a batch of events refers to.

    `aliases` are lead ids that may be aliases, `names` name keys of accounts, `whole` accounts of which all
    leads may be re-scored, `told` those of which knowledge was told, with their aliases, `chunks` accounts
    whose next re-score chunk is due, and `polled` accounts by the source that asked about them. `by_name` are
    leads that may be matched by the name of their company, `moved` those that a person puts into an account.
    `linked` are accounts whose links were read, `known` those of them that something is known of.
    """

    def __init__(self, events: Iterable[Event[Any]]) -> None:
        self.leads: set[str] = set()
        self.aliases: set[str] = set()
        self.accounts: set[str] = set()
        self.names: set[str] = set()
        self.whole: set[str] = set()
        self.told: set[str] = set()
        self.chunks: set[str] = set()
        self.polled: dict[str, set[str]] = {}
        self.by_name: list[LeadEnrichedV1] = []
        self.moved: set[str] = set()
        self.linked: set[str] = set()
        self.known: set[str] = set()
        for event in events:
            self.add(event.data)

    def add(self, data: Any) -> None:
        """Add the keys of the rows that a decision on this data may read."""
        if isinstance(data, LeadEnrichedV1):
            self.leads |= {data.lead_id, alias_of(data) or data.lead_id, *data.merged}
            self.accounts |= {data.account, name_key(derived_of(data).company_key) or data.account}
            if may_be_matched(data):
                self.by_name.append(data)
        elif isinstance(data, SignalReceivedV1):
            self.add_signal(data)
        elif isinstance(data, AccountReceivedV1):
            self.told.update(account_keys(data))
            self.whole |= self.told
            self.accounts |= self.whole | {key for key in (account_name_key(data),) if key}
        elif isinstance(data, LeadMatchedV1):
            self.leads.add(data.lead_id)
            self.moved.add(data.lead_id)
            self.accounts |= {data.lead_id, domain_key(data.account) or data.lead_id}
        elif isinstance(data, AccountEnrichedV1):
            self.accounts.add(data.account)
            self.whole.add(data.account)
        elif isinstance(data, PersonErasedV1):
            self.aliases.update(data.lead_ids)
            self.accounts.update((*data.lead_ids, *data.accounts))
        elif isinstance(data, PollStep):
            self.polled.setdefault(data.subject, set()).update(answer.account for answer in data.answers)
        elif isinstance(data, TimerRow) and data.kind == RESCORE:
            self.accounts.add(data.subject)
            self.chunks.add(data.subject)
        elif isinstance(data, TimerRow):
            self.leads.add(data.subject)

    def add_signal(self, signal: SignalReceivedV1) -> None:
        """Add the keys of the person or the account that a signal is about."""
        about = signal_subject_of(signal)
        if signal.type in ("activity", "opt_out"):
            self.aliases.update(filter(None, (about.lead_id,)))
        elif about.account is not None:
            self.accounts.add(about.account)
            self.whole.add(about.account)
        elif about.name_key is not None:
            self.names.add(about.name_key)


class ScorerStore:
    """Loads the rows that the scorer decides on, and locks them.

    All units lock accounts before leads, each in the order of their keys, so that two units never wait for
    each other. Raises `Retry` when a lead changed its account between finding and locking it.
    """

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        keys = ScorerRowKeys(events)
        await add_present_accounts(tx, keys)
        names = await _add_candidates(tx, keys)
        account_rows = await tx.load(AccountRow, "account", keys.accounts, lock=True)
        rescores = await tx.load(RescoreRow, "account", keys.whole | keys.chunks, lock=True)
        chunks = [await _next_chunk(tx, row) for row in rescores if row.account in keys.chunks]
        leads = keys.leads | {lead_id for chunk in chunks for lead_id in chunk.lead_ids}
        few = {row.account for row in account_rows if row.account in keys.whole and row.leads <= AT_ONCE_MAX}
        lead_rows = {row.lead_id: row for row in await tx.load(ScoreRow, "account", few, lock=True)}
        rest = await tx.load(ScoreRow, "lead_id", leads - lead_rows.keys(), lock=True)
        lead_rows.update((row.lead_id, row) for row in rest)
        needed = {row.account for row in lead_rows.values()} | {canonical_of(row) for row in account_rows}
        needed.update(row.own_account for row in lead_rows.values() if row.own_account)
        needed.update(
            row.lead.account for row in lead_rows.values() if row.lead_id in keys.moved and row.lead
        )
        if not needed <= keys.accounts:
            raise Retry("a lead or an alias changed its account meanwhile")
        polls: list[Row] = [*await tx.load(PollSourceRow, "source", keys.polled, lock=True)]
        for source, polled in sorted(keys.polled.items()):
            polls += await tx.load(PolledAccountRow, "account", polled, lock=True, source=source)
        return [*account_rows, *names, *rescores, *chunks, *lead_rows.values(), *polls]


async def add_present_accounts(tx: Tx, keys: ScorerRowKeys) -> None:
    """Add the present accounts of the leads, read without locks, so that they can be locked first."""
    if keys.aliases:
        keys.leads |= keys.aliases
        by_alias = select(scores.c.lead_id).where(member_of(tx.dialect, scores.c.alias))
        found = await tx.execute(by_alias, {"members": members(tx.dialect, sorted(keys.aliases))})
        keys.leads.update(found.scalars())
    if keys.leads:
        where = select(scores.c.account).where(member_of(tx.dialect, scores.c.lead_id)).distinct()
        found = await tx.execute(where, {"members": members(tx.dialect, sorted(keys.leads))})
        keys.accounts.update(found.scalars())
    if keys.names:
        named = select(accounts.c.account).where(member_of(tx.dialect, accounts.c.name_key))
        found = await tx.execute(named, {"members": members(tx.dialect, sorted(keys.names))})
        namesakes = set(found.scalars())
        keys.accounts |= keys.names | namesakes
        keys.whole |= namesakes
    if keys.moved:
        moved = select(scores.c.lead).where(
            member_of(tx.dialect, scores.c.lead_id), scores.c.lead.is_not(None)
        )
        found = await tx.execute(moved, {"members": members(tx.dialect, sorted(keys.moved))})
        keys.accounts.update(lead.account for lead in found.scalars())
    await _add_linked_accounts(tx, keys)


async def _add_candidates(tx: Tx, keys: ScorerRowKeys) -> list[AccountNameRow]:
    """Return the names that leads of no known account may be matched by; add the accounts that they fit.

    They are read without locks: the decision compares them again, with the accounts locked.
    """
    profiles = {
        lead.lead_id: (lead, profile)
        for lead in keys.by_name
        if lead.account not in keys.known and (profile := lead_profile(lead)) is not None
    }
    blocks = {block for _, profile in profiles.values() for block in blocks_of(profile.name)}
    if not blocks:
        return []
    by_block = first_of_each(account_names, tx.dialect, "block", "account", NAMESAKES_MAX)
    found = await tx.execute(by_block, {"members": members(tx.dialect, sorted(blocks))})
    rows = [AccountNameRow(**row) for row in found.mappings()]
    by_key: dict[str, list[AccountNameRow]] = {}
    for row in rows:
        by_key.setdefault(row.block, []).append(row)
    for _, profile in profiles.values():
        near = [row for block in blocks_of(profile.name) for row in by_key.get(block, ())]
        rated = (rate_candidate(profile, account) for account in candidates_in(near, {}))
        keys.accounts.update(one.account for one in rated if one is not None and one.rejected is None)
    await _add_linked_accounts(tx, keys)
    return rows


async def _add_linked_accounts(tx: Tx, keys: ScorerRowKeys) -> None:
    """Add the accounts that aliases stand for, the aliases of told accounts, and the leads' own accounts."""
    known = select(accounts.c.account, accounts.c.knowledge).where(
        member_of(tx.dialect, accounts.c.account),
        or_(accounts.c.knowledge.is_not(None), accounts.c.leads > 1),
    )
    of_account = member_of(tx.dialect, scores.c.account), scores.c.own_account.is_not(None)
    own = select(scores.c.own_account).where(*of_account).distinct()
    while unseen := keys.accounts - keys.linked:
        keys.linked |= unseen
        found = await tx.execute(known, {"members": members(tx.dialect, sorted(unseen))})
        for account, knowledge in map(tuple, found):
            keys.known.add(account)
            if knowledge is None:
                continue
            linked = {canonical_key(account, knowledge)}
            if account in keys.told:
                linked.update(account_keys(knowledge))
            keys.accounts |= linked
            if account in keys.whole:
                keys.whole |= linked
        if rescored := (keys.whole | keys.chunks) & unseen:
            found = await tx.execute(own, {"members": members(tx.dialect, sorted(rescored))})
            keys.accounts.update(found.scalars())


async def _next_chunk(tx: Tx, row: RescoreRow) -> ChunkRow:
    following = (
        select(scores.c.lead_id)
        .where(scores.c.account == row.account, scores.c.lead_id > row.cursor)
        .order_by(scores.c.lead_id)
        .limit(CHUNK)
    )
    lead_ids = tuple((await tx.execute(following)).scalars())
    return ChunkRow(row.account, lead_ids, last=len(lead_ids) < CHUNK)
