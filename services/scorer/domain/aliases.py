"""The aliases of an account are one account: its leads, its signals and its counts.

The row of an alias points to its account by the knowledge that it holds. Whoever is given a key resolves it
first. An alias belongs to the account that began to name it last, and an alias has no aliases.
"""

from __future__ import annotations

from msgspec.structs import replace

from services.scorer.domain.account_names import put_account
from services.scorer.domain.state import AccountRow, ScoreRow
from services.scorer.domain.stored_signals import merged_signals, signals_of
from services.scorer.domain.subjects import account_keys, canonical_key, signal_subject_of
from shared.lead.events.account_enriched import CONTACTS_MAX
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.matching import AccountMatch
from shared.storage.change_set import ChangeSet


def canonical_of(row: AccountRow) -> str:
    """Return the key of the account that a row is about."""
    return canonical_key(row.account, row.knowledge)


def resolve_account(changes: ChangeSet, key: str) -> str:
    """Return the key of the account that a key stands for; an alias stands for the account that has it."""
    row = changes.get(AccountRow, key)
    return key if row is None else canonical_of(row)


def home_account(lead: LeadEnrichedV1, match: AccountMatch | None) -> str:
    """Return the key that a lead is put under: of the account it was matched to, else of its own domain."""
    return match.account if match is not None and match.account else lead.account


def in_account(changes: ChangeSet, row: ScoreRow, own_account: str) -> ScoreRow:
    """Return a lead in the account that a key stands for now."""
    account = resolve_account(changes, own_account)
    return replace(row, account=account, own_account=own_account if own_account != account else None)


def aliases_in(changes: ChangeSet, account: AccountRow) -> list[str]:
    """Return the keys that are aliases of the account now."""
    named = account_keys(account.knowledge)[1:] if account.knowledge else ()
    return [key for key in named if resolve_account(changes, key) == account.account]


def may_join(changes: ChangeSet, alias: str, key: str) -> bool:
    """Tell whether a key can be an alias of an account: it is not one of another account already."""
    return resolve_account(changes, alias) in (alias, key)


def with_alias(
    changes: ChangeSet, account: AccountRow, alias: str, knowledge: AccountReceivedV1
) -> AccountRow:
    """Make a key an alias of the account; return the account with the signals and contacts of the alias.

    What was known of the alias itself gives way until it is released; it stays an account that leads are
    matched to by its own name. Its leads are moved when they are scored again.
    """
    row = changes.get(AccountRow, alias) or AccountRow(alias)
    joined = replace(
        row,
        knowledge=knowledge,
        own_knowledge=row.knowledge if canonical_of(row) == alias else row.own_knowledge,
        signals={},
        asked=False,
        contacts=[],
        relation=None,
        open_opportunity=False,
    )
    put_account(changes, joined)
    signals = merged_signals(signals_of(account).values(), signals_of(row).values())
    contacts = [*account.contacts, *(one for one in row.contacts if one not in account.contacts)]
    return replace(
        account, signals=signals, asked=account.asked or row.asked, contacts=contacts[:CONTACTS_MAX]
    )


def without_alias(changes: ChangeSet, account: AccountRow, alias: str) -> AccountRow:
    """Make an alias an account of its own again; return the account without the signals about the alias.

    The account data of the alias itself holds again, but for its aliases: those are of others by now.
    """
    row = changes.get(AccountRow, alias) or AccountRow(alias)
    signals = signals_of(account)
    own_signals = {key: one for key, one in signals.items() if signal_subject_of(one).account == alias}
    known = replace(row.own_knowledge, aliases=[]) if row.own_knowledge else None
    own = replace(
        row,
        knowledge=known,
        own_knowledge=None,
        signals=merged_signals(signals_of(row).values(), own_signals.values()),
        relation=known.relation if known else None,
        open_opportunity=known is not None and known.open_opportunity,
    )
    put_account(changes, own)
    return replace(account, signals={key: one for key, one in signals.items() if key not in own_signals})
