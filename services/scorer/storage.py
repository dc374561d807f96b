"""Loads the rows that a batch of events needs, with locks: accounts by key first, then leads by id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

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
from services.scorer.domain.rematch import (
    NAMES_AT_ONCE_MAX,
    REMATCH,
    blocks_to_look_at,
    rematch_chunk,
)
from services.scorer.domain.rescore import AT_ONCE_MAX, CHUNK, RESCORE
from services.scorer.domain.state import (
    AccountNameRow,
    AccountRow,
    ChunkRow,
    LeadCompanyNameRow,
    RematchChunkRow,
    RematchRow,
    RescoreRow,
    ScoreRow,
)
from services.scorer.domain.subjects import (
    account_keys,
    account_name_key,
    canonical_key,
    domain_key,
    name_key,
    signal_subject_of,
)
from services.scorer.tables import account_names, accounts, lead_company_names, scores
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
from shared.storage.statements import first_of_each, member_of, members, select_columns
from shared.worker.rows import TimerRow

_KNOWN_OR_SHARED = or_(accounts.c.knowledge.is_not(None), accounts.c.leads > 1)

NAMES_LOCK: Final = "scorer account names"
"""Held by a unit of work that stores account data, and shared by those that match leads by name.

A lead that is matched while an account is stored would else miss the account, and the account the lead.
"""


class ScorerRowKeys:
    """The keys of the rows that a batch of events refers to; they grow while linked rows are found."""

    def __init__(self, events: Iterable[Event[Any]]) -> None:
        self.accounts: set[str] = set()
        """The accounts to lock."""
        self.leads: set[str] = set()
        """The leads to lock."""
        self.account_names: set[str] = set()
        """The name keys of accounts that signals are about."""
        self.possible_aliases: set[str] = set()
        """Lead ids of which some may be aliases of other leads."""
        self.rescored_accounts: set[str] = set()
        """The accounts of which all leads may be re-scored."""
        self.rescore_due_accounts: set[str] = set()
        """The accounts whose next chunk of leads to re-score is due."""
        self.rematch_due_accounts: set[str] = set()
        """The accounts whose next chunk of leads to match again is due."""
        self.account_records: list[AccountReceivedV1] = []
        """The account data that was received."""
        self.recorded_accounts: set[str] = set()
        """The accounts that `account_records` are about, with their aliases."""
        self.leads_to_match: list[LeadEnrichedV1] = []
        """The leads that may be matched to an account by the name of their company."""
        self.manually_matched_leads: set[str] = set()
        """The leads that a person matches to an account."""
        self.rematched_leads: dict[str, int] = {}
        """The leads of a due rematch: the sequence of the data by which their candidates were found."""
        self.polled_accounts: dict[str, set[str]] = {}
        """The accounts that a poll has answers about, by the source that was polled."""
        self.resolved_accounts: set[str] = set()
        """The accounts whose aliases and other linked accounts were looked up."""
        self.known_accounts: set[str] = set()
        """The resolved accounts that have account data, or more than one lead."""
        for event in events:
            self.add(event.data)

    def add(self, data: Any) -> None:
        """Add the keys of the rows that a decision on this data may read."""
        match data:
            case LeadEnrichedV1():
                self.leads |= {data.lead_id, alias_of(data) or data.lead_id, *data.merged}
                self.accounts |= {data.account, name_key(derived_of(data).company_key) or data.account}
                if may_be_matched(data):
                    self.leads_to_match.append(data)
            case SignalReceivedV1():
                self.add_signal(data)
            case AccountReceivedV1():
                self.account_records.append(data)
                keys = set(account_keys(data))
                self.recorded_accounts |= keys
                self.rescored_accounts |= keys
                self.accounts |= keys | {key for key in (account_name_key(data),) if key}
            case LeadMatchedV1():
                self.leads.add(data.lead_id)
                self.manually_matched_leads.add(data.lead_id)
                self.accounts |= {data.lead_id, domain_key(data.account) or data.lead_id}
            case AccountEnrichedV1():
                self.accounts.add(data.account)
                self.rescored_accounts.add(data.account)
            case PersonErasedV1():
                self.possible_aliases.update(data.lead_ids)
                self.accounts.update((*data.lead_ids, *data.accounts))
            case PollStep():
                answered = {answer.account for answer in data.answers}
                self.polled_accounts.setdefault(data.subject, set()).update(answered)
            case TimerRow():
                self.add_timer(data)

    def add_signal(self, signal: SignalReceivedV1) -> None:
        """Add the keys of the person or the account that a signal is about."""
        about = signal_subject_of(signal)
        if signal.type in ("activity", "opt_out"):
            self.possible_aliases.update(filter(None, (about.lead_id,)))
        elif about.account is not None:
            self.accounts.add(about.account)
            self.rescored_accounts.add(about.account)
        elif about.name_key is not None:
            self.account_names.add(about.name_key)

    def add_timer(self, timer: TimerRow) -> None:
        """Add the account whose chunk of leads is due, or the lead that a timer is about."""
        if timer.kind == RESCORE:
            self.accounts.add(timer.subject)
            self.rescore_due_accounts.add(timer.subject)
        elif timer.kind == REMATCH:
            self.accounts.add(timer.subject)
            self.rematch_due_accounts.add(timer.subject)
        else:
            self.leads.add(timer.subject)


class ScorerStore:
    """Loads the rows that the scorer decides on, and locks them.

    All units lock accounts before leads, each in the order of their keys, so that two units never wait for
    each other. Raises `Retry` when a lead changed its account between finding and locking it.
    """

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        keys = ScorerRowKeys(events)
        if keys.recorded_accounts:
            await tx.lock(NAMES_LOCK, exclusive=True)
        rematches = await tx.load(RematchRow, "account", keys.rematch_due_accounts)
        rematch_chunks = [await _add_rematched_leads(tx, keys, row) for row in rematches]
        await add_present_accounts(tx, keys)
        names: list[Row] = [*await _add_candidates(tx, keys)]
        account_rows = await tx.load(AccountRow, "account", keys.accounts, lock=True)
        rescores = await tx.load(
            RescoreRow, "account", keys.rescored_accounts | keys.rescore_due_accounts, lock=True
        )
        chunks = [await _next_chunk(tx, row) for row in rescores if row.account in keys.rescore_due_accounts]
        locked_rematches = await tx.load(
            RematchRow, "account", keys.recorded_accounts | keys.rematch_due_accounts, lock=True
        )
        leads = keys.leads | {lead_id for chunk in chunks for lead_id in chunk.lead_ids}
        rescored_at_once = {
            row.account
            for row in account_rows
            if row.account in keys.rescored_accounts and row.leads <= AT_ONCE_MAX
        }
        lead_rows = {
            row.lead_id: row for row in await tx.load(ScoreRow, "account", rescored_at_once, lock=True)
        }
        other_rows = await tx.load(ScoreRow, "lead_id", leads - lead_rows.keys(), lock=True)
        lead_rows.update((row.lead_id, row) for row in other_rows)
        needed_accounts = {row.account for row in lead_rows.values()} | {
            canonical_of(row) for row in account_rows
        }
        needed_accounts.update(row.own_account for row in lead_rows.values() if row.own_account)
        needed_accounts.update(
            row.lead.account
            for row in lead_rows.values()
            if row.lead_id in keys.manually_matched_leads and row.lead
        )
        if not needed_accounts <= keys.accounts:
            raise Retry("a lead or an alias changed its account meanwhile")
        rematched = (row for row in lead_rows.values() if row.lead_id in keys.rematched_leads)
        if [row for row in locked_rematches if row.account in keys.rematch_due_accounts] != rematches or any(
            row.lead is not None and row.lead.sequence != keys.rematched_leads[row.lead_id]
            for row in rematched
        ):
            raise Retry("a rematch or one of its leads changed meanwhile")
        polls: list[Row] = [*await tx.load(PollSourceRow, "source", keys.polled_accounts, lock=True)]
        for source, polled in sorted(keys.polled_accounts.items()):
            polls += await tx.load(PolledAccountRow, "account", polled, lock=True, source=source)
        if keys.recorded_accounts:
            first = first_of_each(lead_company_names, tx.dialect, "block", "lead_id", 1)
            blocks = members(tx.dialect, blocks_to_look_at(account_rows, keys.account_records))
            waiting = await tx.execute(first, {"members": blocks})
            names += [LeadCompanyNameRow(**row) for row in waiting.mappings()]
        scheduled = [*rescores, *chunks, *locked_rematches, *rematch_chunks]
        return [*account_rows, *names, *scheduled, *lead_rows.values(), *polls]


async def add_present_accounts(tx: Tx, keys: ScorerRowKeys) -> None:
    """Add the present accounts of the leads, read without locks, so that they can be locked first."""
    if keys.possible_aliases:
        keys.leads |= keys.possible_aliases
        by_alias = select_columns((scores.c.lead_id,), tx.dialect, scores.c.alias)
        found = await tx.fetch(by_alias, {"members": members(tx.dialect, sorted(keys.possible_aliases))})
        keys.leads.update(row[0] for row in found)
    if keys.leads:
        where = select_columns((scores.c.account, scores.c.own_account), tx.dialect, scores.c.lead_id)
        found = await tx.fetch(where, {"members": members(tx.dialect, sorted(keys.leads))})
        keys.accounts.update(key for row in found for key in row if key)
    if keys.account_names:
        named = select_columns((accounts.c.account,), tx.dialect, accounts.c.name_key)
        found = await tx.fetch(named, {"members": members(tx.dialect, sorted(keys.account_names))})
        namesakes = {row[0] for row in found}
        keys.accounts |= keys.account_names | namesakes
        keys.rescored_accounts |= namesakes
    if keys.manually_matched_leads:
        moved = select_columns((scores.c.lead,), tx.dialect, scores.c.lead_id)
        found = await tx.fetch(moved, {"members": members(tx.dialect, sorted(keys.manually_matched_leads))})
        keys.accounts.update(row[0].account for row in found if row[0] is not None)
    await _add_linked_accounts(tx, keys)


async def _add_rematched_leads(tx: Tx, keys: ScorerRowKeys, row: RematchRow) -> RematchChunkRow:
    """Return the next leads that are matched again; add them as if they had written again."""
    names: dict[str, list[LeadCompanyNameRow]] = {}
    for block in row.blocks:
        after = row.cursor if block == row.blocks[0] else ""
        following = (
            select(lead_company_names)
            .where(lead_company_names.c.block == block, lead_company_names.c.lead_id > after)
            .order_by(lead_company_names.c.lead_id)
            .limit(NAMES_AT_ONCE_MAX)
        )
        names[block] = [LeadCompanyNameRow(**one) for one in (await tx.execute(following)).mappings()]
        if sum(map(len, names.values())) >= NAMES_AT_ONCE_MAX:
            break
    chunk = rematch_chunk(row, names)
    where = select(scores.c.lead).where(member_of(tx.dialect, scores.c.lead_id), scores.c.lead.is_not(None))
    found = await tx.execute(where, {"members": members(tx.dialect, chunk.lead_ids)})
    for lead in found.scalars():
        keys.add(lead)
        keys.rematched_leads[lead.lead_id] = lead.sequence
    return chunk


async def _add_candidates(tx: Tx, keys: ScorerRowKeys) -> list[AccountNameRow]:
    """Return the names that leads of no known account may be matched by; add the accounts that they fit.

    They are read without locks: the decision compares them again, with the accounts locked.
    """
    profiles = {
        lead.lead_id: (lead, profile)
        for lead in keys.leads_to_match
        if lead.account not in keys.known_accounts and (profile := lead_profile(lead)) is not None
    }
    blocks = {block for _, profile in profiles.values() for block in blocks_of(profile.name)}
    if not blocks:
        return []
    await tx.lock(NAMES_LOCK, exclusive=False)
    by_block = first_of_each(account_names, tx.dialect, "block", "account", NAMESAKES_MAX)
    found = await tx.fetch(by_block, {"members": members(tx.dialect, sorted(blocks))})
    rows = [AccountNameRow(*row) for row in found]
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
    """Add the accounts that aliases belong to, aliases of recorded accounts, and own accounts of leads."""
    known = select_columns(
        (accounts.c.account, accounts.c.knowledge), tx.dialect, accounts.c.account, _KNOWN_OR_SHARED
    )
    of_account = member_of(tx.dialect, scores.c.account), scores.c.own_account.is_not(None)
    own = select(scores.c.own_account).where(*of_account).distinct()
    while unseen := keys.accounts - keys.resolved_accounts:
        keys.resolved_accounts |= unseen
        found = await tx.fetch(known, {"members": members(tx.dialect, sorted(unseen))})
        for account, knowledge in map(tuple, found):
            keys.known_accounts.add(account)
            if knowledge is None:
                continue
            linked = {canonical_key(account, knowledge)}
            if account in keys.recorded_accounts:
                linked.update(account_keys(knowledge))
            keys.accounts |= linked
            if account in keys.rescored_accounts:
                keys.rescored_accounts |= linked
        if rescored := (keys.rescored_accounts | keys.rescore_due_accounts) & unseen:
            others = await tx.execute(own, {"members": members(tx.dialect, sorted(rescored))})
            keys.accounts.update(others.scalars())


async def _next_chunk(tx: Tx, row: RescoreRow) -> ChunkRow:
    following = (
        select(scores.c.lead_id)
        .where(scores.c.account == row.account, scores.c.lead_id > row.cursor)
        .order_by(scores.c.lead_id)
        .limit(CHUNK)
    )
    lead_ids = tuple((await tx.execute(following)).scalars())
    return ChunkRow(row.account, lead_ids, last=len(lead_ids) < CHUNK)
