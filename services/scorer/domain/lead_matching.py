"""Which account a lead is put into: that of its domain, one that it is matched to, or a person's choice."""

from __future__ import annotations

from msgspec.structs import replace

from services.scorer.domain.account_names import (
    NAMESAKES_MAX,
    blocks_of,
    candidates_in,
    lead_profile,
    with_decision,
)
from services.scorer.domain.aliases import home_account, in_account, resolve_account
from services.scorer.domain.state import AccountNameRow, AccountRow, ScoreRow
from services.scorer.domain.subjects import domain_key
from services.scorer.domain.update_score import ScoringContext, put_changed, update_score
from shared.errors import DataError
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_matched import LeadMatchedV1
from shared.lead.events.matching import AccountMatch
from shared.lead.events.parts import Trigger
from shared.lead.matching.account_match import match_account
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome


def may_be_matched(lead: LeadEnrichedV1) -> bool:
    """Tell whether a lead says enough to be matched by the name of its company. A machine's form does not."""
    return bool(lead.company.name) and not lead.source.honeypot


def find_match(
    changes: ChangeSet, context: ScoringContext, before: ScoreRow, lead: LeadEnrichedV1
) -> AccountMatch | None:
    """Return the match of a lead with its new data: a person's choice, else an account with a close name.

    A lead whose domain is a known account is of that one, and no other is considered.
    """
    present = before.account_match
    if present is not None and present.by == "manual":
        return present
    if not may_be_matched(lead):
        return None
    has_domain = lead.account != lead.lead_id
    if has_domain and _is_known_account(changes, context, before, lead.account):
        return None
    profile = lead_profile(lead)
    if profile is None:
        return None
    rows = [
        row
        for block in blocks_of(profile.name)
        for row in sorted(changes.find(AccountNameRow, "block", block), key=lambda row: row.account)[
            :NAMESAKES_MAX
        ]
        if row.account != lead.account
    ]
    return match_account(
        profile,
        candidates_in(rows, context.policy.seeds),
        present=present.account if present else None,
        has_domain=has_domain,
    )


def handle_matched(
    changes: ChangeSet, context: ScoringContext, data: LeadMatchedV1, event_id: str
) -> Outcome:
    """Put a lead into the account that a person names, or take it out of its account; score it again.

    The account remembers the company of the lead: others that say the same are matched to it, or never again.
    A lead that is taken out is of the account of its own domain, and if it was there already, an account of
    its own. Raises `DataError` for a lead that is not known and for a domain of no company.
    """
    row = changes.get(ScoreRow, data.lead_id)
    named = domain_key(data.account) if data.account else ""
    if data.account and not named:
        raise DataError("this is not the domain of a company", kind="nobody")
    if row is None or row.lead is None:
        raise DataError("this lead is not known", kind="nobody")
    lead, profile = row.lead, lead_profile(row.lead)
    by_domain = resolve_account(changes, lead.account)
    if named:
        chosen: str | None = named
    else:
        chosen = None if row.account != by_domain else lead.lead_id
    decided = AccountMatch(
        "manual",
        chosen,
        candidates=row.account_match.candidates if row.account_match else [],
        actor=data.actor.key if data.actor else None,
    )
    moved = in_account(changes, replace(row, account_match=decided), home_account(lead, decided))
    account = resolve_account(changes, named) if named else row.account
    if account != lead.lead_id:
        remembered = with_decision(
            changes.get(AccountRow, account) or AccountRow(account), profile, is_of_account=bool(named)
        )
        put_changed(changes, remembered)
    trigger = Trigger("account", event_id, "matched" if named else "split")
    update_score(changes, context, moved, trigger, "always")
    return Outcome.APPLIED


def _is_known_account(changes: ChangeSet, context: ScoringContext, before: ScoreRow, key: str) -> bool:
    """Tell whether anything is known of the account of a domain but this lead."""
    account = changes.get(AccountRow, key)
    if account is None:
        return key in context.policy.seeds
    is_counted = before.score is not None and before.account == key
    return account.knowledge is not None or key in context.policy.seeds or account.leads > is_counted
