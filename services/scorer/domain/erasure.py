"""Removes what the scorer keeps of an erased person."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import to_builtins
from msgspec.structs import replace

from services.scorer.domain.account import without_lead
from services.scorer.domain.account_names import put_account
from services.scorer.domain.lead_company_names import remove_lead
from services.scorer.domain.state import AccountRow, ScoreRow
from services.scorer.domain.update_score import ScoringContext, set_decay_timer
from shared.lead.mentions import Mentions
from shared.storage.change_set import ChangeSet


def strike_out(changes: ChangeSet, accounts: Iterable[str], mentions: Mentions) -> None:
    """Remove these people from the contacts of their accounts, and what names them from the signals.

    What happened at the accounts stays.
    """
    for key in accounts:
        account = changes.get(AccountRow, key)
        if account is None:
            continue
        signals = {
            name: replace(signal, details=mentions.removed_from(signal.details))
            for name, signal in account.signals.items()
        }
        contacts = [one for one in account.contacts if not mentions.is_one_of(to_builtins(one))]
        if (signals, contacts) != (account.signals, account.contacts):
            changes.put(replace(account, signals=signals, contacts=contacts))


def forget_lead(
    changes: ChangeSet, context: ScoringContext, lead_id: str, spared: Collection[str] = ()
) -> None:
    """Remove a lead, by its id or by an alias of it, and take it out of its account's counts.

    Leads in `spared` stay, also those that have the id as their alias.
    """
    rows = [*changes.find(ScoreRow, "alias", lead_id), changes.get(ScoreRow, lead_id)]
    for row in rows:
        if row is None or row.lead_id in spared:
            continue
        account = changes.get(AccountRow, row.account)
        if account is not None:
            put_account(changes, without_lead(account, row, context.at, context.policy))
        remove_lead(changes, row)
        set_decay_timer(changes, row.lead_id, None)
    # The account of a person without a company has the lead id as its key, so it goes with the person.
    if changes.get(AccountRow, lead_id) is not None:
        changes.remove(AccountRow, lead_id)
