"""What follows when the company says what it knows of an account."""

from __future__ import annotations

from msgspec.structs import replace

from services.scorer.domain.account import knowledge_of
from services.scorer.domain.leads import claim_name
from services.scorer.domain.rescore import rescore_account
from services.scorer.domain.score import Moment
from services.scorer.domain.signal_subject import about_account, account_name_key
from services.scorer.domain.signals import ask_for_lead
from services.scorer.domain.state import AccountRow
from shared.errors import DataError
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.parts import Trigger
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome


def take_account(draft: ChangeSet, moment: Moment, data: AccountReceivedV1, event_id: str) -> Outcome:
    """Replace what is known of an account, under its domain and its aliases; score its leads again.

    Raises `DataError` when the domain is no company's.
    """
    keys = about_account(data)
    if not keys:
        raise DataError("this is not the domain of a company", kind="nobody")
    trigger = Trigger("account", event_id, data.relation)
    before = draft.get(AccountRow, keys[0])
    dropped = about_account(before.knowledge) if before and before.knowledge else ()
    gained = _claim_named(draft, keys[0], data)
    changed = [_know(draft, moment, key, data, trigger, gained=gained and key == keys[0]) for key in keys]
    for alias in dropped:
        row = draft.get(AccountRow, alias)
        if alias not in keys and row is not None and _is_alias_of(row, data):
            changed.append(_know(draft, moment, alias, None, trigger))
    return Outcome.APPLIED if any(changed) else Outcome.UNCHANGED


def _claim_named(draft: ChangeSet, key: str, data: AccountReceivedV1) -> bool:
    """Let the account go by its name; tell whether signals were kept under that name."""
    named = account_name_key(data)
    if named is None:
        return False
    account = draft.get(AccountRow, key) or AccountRow(key)
    return claim_name(draft, account, named).signals != account.signals


def _is_alias_of(row: AccountRow, data: AccountReceivedV1) -> bool:
    known = about_account(row.knowledge) if row.knowledge else ()
    return known[:1] == about_account(data)[:1]


def _know(
    draft: ChangeSet,
    moment: Moment,
    key: str,
    data: AccountReceivedV1 | None,
    trigger: Trigger,
    *,
    gained: bool = False,
) -> bool:
    """Let the account be known so; tell whether it was not before. `gained`: it has new signals as well."""
    before = draft.get(AccountRow, key) or AccountRow(key)
    account = replace(before, knowledge=data)
    known, was_known = knowledge_of(account, moment.policy.seeds), knowledge_of(before, moment.policy.seeds)
    if account == before and not gained:
        return False
    if not account.leads and not account.asked and account.signals and known and known.relation == "target":
        latest, signal = max(account.signals.items(), key=lambda item: (item[1].occurred_at, item[0]))
        account = ask_for_lead(draft, account, Trigger("signal", latest, signal.type))
    draft.put(account)
    if account.leads and (gained or _seen(known) != _seen(was_known)):
        rescore_account(draft, moment, account, trigger)
    return True


def _seen(known: AccountReceivedV1 | None) -> tuple[object, ...]:
    """Return what of an account shows in the scores of its leads."""
    return (known.relation, known.owner, known.open_opportunity) if known else ("none", None, None)
