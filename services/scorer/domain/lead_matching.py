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
from shared.lead.events.matching import AccountMatch, CompanyProfile
from shared.lead.events.parts import Trigger
from shared.lead.matching.account_match import match_account
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome


def may_be_matched(lead: LeadEnrichedV1) -> bool:
    """Tell whether a lead says enough to be matched by the name of its company. A machine's form does not."""
    return bool(lead.company.name) and not lead.source.honeypot


def in_matched_account(
    changes: ChangeSet, context: ScoringContext, before: ScoreRow, lead: LeadEnrichedV1
) -> ScoreRow:
    """Return the row of a lead in the account that it is of by its present data, with its match.

    That is a person's choice, else the account of its domain if that is known: then no other is considered.
    Else it is an account with a close name, and else the one of its domain.
    """
    match, name_decides = before.account_match, False
    if match is None or match.by != "manual":
        has_domain = lead.account != lead.lead_id
        is_known = has_domain and _is_known_account(changes, context, before, lead.account)
        profile = lead_profile(lead) if may_be_matched(lead) and not is_known else None
        name_decides = profile is not None
        match = _match_by_name(changes, context, before, lead, profile) if profile is not None else None
    placed = in_account(changes, before, home_account(lead, match))
    return replace(placed, account_match=match, name_decides=name_decides)


def match_again(changes: ChangeSet, context: ScoringContext, row: ScoreRow, trigger: Trigger) -> bool:
    """Match a lead again, as the names of accounts changed; return whether it was emitted.

    What a lead that stays was compared with is kept as its readers have it.
    """
    if row.lead is None:
        return False
    matched = in_matched_account(changes, context, row, row.lead)
    if home_account(row.lead, matched.account_match) == home_account(row.lead, row.account_match):
        matched = replace(matched, account_match=row.account_match)
    match = matched.account_match
    why = "name_fits_no_more" if matched.name_decides else "domain_known"
    if match is not None and match.account:
        why = "name_fits"
    return matched != row and update_score(
        changes, context, matched, replace(trigger, type=why), "if_changed"
    )


def _match_by_name(
    changes: ChangeSet,
    context: ScoringContext,
    before: ScoreRow,
    lead: LeadEnrichedV1,
    profile: CompanyProfile,
) -> AccountMatch | None:
    """Return the match of a lead that says this of its company, None where no account has a name like it."""
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
        present=before.account_match.account if before.account_match else None,
        has_domain=lead.account != lead.lead_id,
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
    decided_row = replace(row, account_match=decided, name_decides=False)
    moved = in_account(changes, decided_row, home_account(lead, decided))
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
