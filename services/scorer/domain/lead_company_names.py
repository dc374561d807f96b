"""The names by which leads are found when an account is recorded, and the rows that hold them."""

from __future__ import annotations

from typing import Final

from services.scorer.domain.account_names import lead_profile
from services.scorer.domain.state import LeadCompanyNameRow, ScoreRow
from shared.lead.matching.company_names import company_name_of, name_blocks
from shared.storage.change_set import ChangeSet

OWN_DOMAIN: Final = "domain:"
"""What the block begins with in which a lead is found by its own domain; the key of its account follows."""


def lead_company_name_rows(row: ScoreRow | None) -> dict[str, LeadCompanyNameRow]:
    """Return the rows of the name of a lead's company, by block; none unless a name decides.

    A lead that says no second fact is never matched, so it has none either.
    """
    if row is None or not row.name_decides or row.lead is None:
        return {}
    profile = lead_profile(row.lead)
    name = company_name_of(profile.name) if profile is not None else None
    if profile is None or name is None:
        return {}
    own = row.lead.account
    if not (profile.phone or profile.postcode or profile.city or (profile.country and own == row.lead_id)):
        return {}
    blocks = [*name_blocks(name)]
    if own not in {row.lead_id, row.account, row.own_account}:
        blocks.append(OWN_DOMAIN + own)
    return {block: LeadCompanyNameRow(block, row.lead_id, profile) for block in blocks}


def put_lead(changes: ChangeSet, row: ScoreRow) -> None:
    """Write a lead and the rows of its name, unless they are stored like that already."""
    before = changes.get(ScoreRow, row.lead_id)
    if before == row:
        return
    changes.put(row)
    stored, rows = lead_company_name_rows(before), lead_company_name_rows(row)
    for block, name in rows.items():
        if stored.get(block) != name:
            changes.put(name)
    for block in stored.keys() - rows.keys():
        changes.remove(LeadCompanyNameRow, block, row.lead_id)


def remove_lead(changes: ChangeSet, row: ScoreRow) -> None:
    """Remove a lead and the rows of its name."""
    changes.remove(ScoreRow, row.lead_id)
    for block in lead_company_name_rows(row):
        changes.remove(LeadCompanyNameRow, block, row.lead_id)
