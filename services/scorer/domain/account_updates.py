"""The decision for account data from outside, such as a CRM: it is stored, and the leads are scored again."""

from __future__ import annotations

from msgspec.structs import replace

from services.scorer.domain.account import account_data_of
from services.scorer.domain.leads import adopt_named_signals
from services.scorer.domain.rescore import rescore_account
from services.scorer.domain.signals import emit_account_lead
from services.scorer.domain.state import AccountRow
from services.scorer.domain.stored_signals import signals_of
from services.scorer.domain.subjects import account_keys, account_name_key
from services.scorer.domain.update_score import ScoringContext
from shared.errors import DataError
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.parts import Trigger
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome


def handle_account(
    changes: ChangeSet, context: ScoringContext, data: AccountReceivedV1, event_id: str
) -> Outcome:
    """Store what is known of an account, under its domain and its aliases, and score its leads again.

    Aliases that the account had before lose the data. Raises `DataError` when the domain cannot be a
    company's.
    """
    keys = account_keys(data)
    if not keys:
        raise DataError("this is not the domain of a company", kind="nobody")
    trigger = Trigger("account", event_id, data.relation)
    stored = changes.get(AccountRow, keys[0])
    old_keys = account_keys(stored.knowledge) if stored and stored.knowledge else ()
    has_new_signals = _adopt_named_signals(changes, keys[0], data)
    changed = [
        _store(changes, context, key, data, trigger, has_new_signals=has_new_signals and key == keys[0])
        for key in keys
    ]
    for alias in old_keys:
        row = changes.get(AccountRow, alias)
        # An alias may have become an account of its own, or another's, since then.
        if (
            alias in keys
            or row is None
            or row.knowledge is None
            or account_keys(row.knowledge)[:1] != keys[:1]
        ):
            continue
        changed.append(_store(changes, context, alias, None, trigger))
    return Outcome.APPLIED if any(changed) else Outcome.UNCHANGED


def _adopt_named_signals(changes: ChangeSet, key: str, data: AccountReceivedV1) -> bool:
    """Give the account its name; return whether signals were stored under that name alone."""
    by_name = account_name_key(data)
    if by_name is None:
        return False
    account = changes.get(AccountRow, key) or AccountRow(key)
    return adopt_named_signals(changes, account, by_name).signals != account.signals


def _store(
    changes: ChangeSet,
    context: ScoringContext,
    key: str,
    data: AccountReceivedV1 | None,
    trigger: Trigger,
    *,
    has_new_signals: bool = False,
) -> bool:
    """Store the data under one key, `None` to remove it; return whether the account changed."""
    before = changes.get(AccountRow, key) or AccountRow(key)
    account = replace(before, knowledge=data)
    if account == before and not has_new_signals:
        return False
    data_now = account_data_of(account, context.policy.seeds)
    data_before = account_data_of(before, context.policy.seeds)
    is_target = data_now is not None and data_now.relation == "target"
    if is_target and account.signals and not account.leads and not account.asked:
        # Signals that came while the account was no target; its newest one is the reason for the lead.
        latest = max(signals_of(account).values(), key=lambda signal: (signal.occurred_at, signal.content))
        account = emit_account_lead(changes, account, Trigger("signal", latest.event_id, latest.type))
    changes.put(account)
    if account.leads and (has_new_signals or _scored_part(data_now) != _scored_part(data_before)):
        rescore_account(changes, context, account, trigger)
    return True


def _scored_part(data: AccountReceivedV1 | None) -> tuple[object, ...]:
    """Return the fields of an account that show in the scores of its leads."""
    return (data.relation, data.owner, data.open_opportunity) if data else ("none", None, None)
