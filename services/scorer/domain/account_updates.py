"""The decisions for account data: it is stored, and the account's leads are scored again.

It comes from outside, such as a CRM, or from the enricher, which asked providers for people of the account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from services.scorer.domain.account import account_data_of
from services.scorer.domain.aliases import (
    aliases_in,
    canonical_of,
    may_join,
    resolve_account,
    with_alias,
    without_alias,
)
from services.scorer.domain.leads import adopt_named_signals
from services.scorer.domain.rematch import schedule_rematch
from services.scorer.domain.rescore import rescore_account
from services.scorer.domain.signals import emit_account_lead
from services.scorer.domain.state import AccountRow, CompanyMemory
from services.scorer.domain.stored_signals import signals_of
from services.scorer.domain.subjects import account_keys, account_name_key
from services.scorer.domain.update_score import ScoringContext, put_changed
from shared.errors import DataError
from shared.lead.events.account_enriched import AccountEnrichedV1
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.parts import Trigger
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome


def handle_account(
    changes: ChangeSet,
    context: ScoringContext,
    data: AccountReceivedV1,
    event_id: str,
    received_at: datetime | None = None,
) -> Outcome:
    """Store what is known of an account, let its aliases join it, and score its leads again.

    Leads that its names concern, wherever they are, are matched again after this.

    Aliases that it had before are accounts of their own again. An alias of another account joins when it is
    named for the first time. Knowledge of a key that is an alias is superseded: what its account says holds,
    but leads find the alias by its name, and its knowledge holds once it is an alias no more.
    Raises `DataError` when the domain cannot be a company's.
    """
    keys = account_keys(data)
    if not keys:
        raise DataError("this is not the domain of a company", kind="nobody")
    trigger = Trigger("account", event_id, data.relation)
    before = changes.get(AccountRow, keys[0]) or AccountRow(keys[0])
    if canonical_of(before) != keys[0]:
        put_changed(changes, replace(before, own_knowledge=data))
        schedule_rematch(changes, keys[:1], trigger, received_at or context.at)
        return Outcome.SUPERSEDED
    named_before = account_keys(before.knowledge) if before.knowledge else ()
    new = [alias for alias in keys[1:] if alias not in named_before]
    owners = sorted({resolve_account(changes, alias) for alias in new} - {*keys})
    released = _release_aliases(changes, keys[0], keys[1:], dict.fromkeys(owners, new))
    aliases = [alias for alias in keys[1:] if may_join(changes, alias, keys[0])]
    former = [alias for alias in released if alias not in aliases]
    account, by_name = changes.get(AccountRow, keys[0]) or before, account_name_key(data)
    if by_name is not None:
        account = adopt_named_signals(changes, account, by_name)
    account = replace(
        account,
        knowledge=data,
        company=account.company or CompanyMemory(),
        relation=data.relation,
        open_opportunity=data.open_opportunity,
    )
    for alias in aliases:
        account = with_alias(changes, account, alias, data)
    linked = (*aliases, *former, *owners)
    others = [row for key in linked if (row := changes.get(AccountRow, key)) and row.leads]
    if not others:
        account = _asking_for_lead(changes, context, account)
    put_changed(changes, account)
    for row in others:
        rescore_account(changes, context, row, trigger)
    known, known_before = (account_data_of(row, context.policy.seeds) for row in (account, before))
    scores_otherwise = account.signals != before.signals or _scored_part(known) != _scored_part(known_before)
    if former or (account.leads and scores_otherwise):
        account = changes.get(AccountRow, keys[0]) or account
        rescore_account(changes, context, account, trigger)
    schedule_rematch(changes, (keys[0], *aliases, *released, *owners), trigger, received_at or context.at)
    return Outcome.APPLIED if changes.changes else Outcome.UNCHANGED


def handle_contacts(
    changes: ChangeSet, context: ScoringContext, data: AccountEnrichedV1, event_id: str
) -> Outcome:
    """Store who was found at an account; its leads are emitted again, so that their owners learn of it.

    No score changes by it. An event that is older than the stored one is superseded, and so is one of a key
    that became an alias meanwhile.
    """
    key = data.account
    if resolve_account(changes, key) != key:
        return Outcome.SUPERSEDED
    account = changes.get(AccountRow, key) or AccountRow(key)
    if data.sequence <= account.contacts_sequence:
        return Outcome.UNCHANGED if data.sequence == account.contacts_sequence else Outcome.SUPERSEDED
    is_news = data.contacts != account.contacts
    account = replace(account, contacts=data.contacts, contacts_sequence=data.sequence)
    changes.put(account)
    if is_news and account.leads:
        rescore_account(changes, context, account, Trigger("enrichment", event_id, "contacts"))
    return Outcome.APPLIED


def _release_aliases(
    changes: ChangeSet, key: str, named: Sequence[str], claimed: Mapping[str, Sequence[str]]
) -> list[str]:
    """Release aliases from the accounts that have them no more; return their keys.

    They are those that the account names no more, all of those that it names itself now, and the `claimed`
    ones of other accounts.
    """
    released = []
    for owner in (key, *named, *claimed):
        row = changes.get(AccountRow, owner)
        if row is None or canonical_of(row) != owner:
            continue
        for alias in aliases_in(changes, row):
            if (owner == key and alias not in named) or owner in named or alias in claimed.get(owner, ()):
                row = without_alias(changes, row, alias)
                released.append(alias)
        put_changed(changes, row)
    return released


def _asking_for_lead(changes: ChangeSet, context: ScoringContext, account: AccountRow) -> AccountRow:
    """Ask for a lead of a target account that has signals and no leads; its newest signal is the reason."""
    data = account_data_of(account, context.policy.seeds)
    if data is None or data.relation != "target" or not account.signals or account.leads or account.asked:
        return account
    latest = max(signals_of(account).values(), key=lambda signal: (signal.occurred_at, signal.content))
    return emit_account_lead(changes, account, Trigger("signal", latest.event_id, latest.type))


def _scored_part(data: AccountReceivedV1 | None) -> tuple[object, ...]:
    """Return the fields of an account that show in the scores of its leads."""
    return (data.relation, data.owner, data.open_opportunity) if data else ("none", None, None)
