"""The enricher's redaction of an erased person. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from services.enricher.domain.merge_leads import lead_since
from services.enricher.domain.providers import CachedAnswerRow
from services.enricher.domain.record import AliasRow, IdentifierRow, LeadRow
from services.enricher.domain.row_keys import surviving_lead_id
from services.enricher.domain.vendor_jobs import VendorJobRow
from shared.lead.ids import lead_id_of
from shared.storage.rows import Change, IdentityMap, Put, Remove


class Forgotten(Struct, frozen=True):
    """The changes that erase leads. `lead_ids` are all ids under which older forms of them may still arrive.

    `returned` are the leads of people who wrote again after the erasure, and before it was read here.
    """

    changes: Sequence[Change]
    lead_ids: Sequence[str]
    returned: Sequence[LeadRow]


def redact(rows: IdentityMap, lead_ids: Collection[str], erased_at: datetime) -> Forgotten:
    """Return the changes that erase leads, those behind an alias included.

    Of a lead with a form that is later than the erasure stays what that form said.
    """
    surviving = sorted({surviving_lead_id(rows, lead_id) for lead_id in lead_ids})
    changes: list[Change] = []
    all_ids, returned = set(lead_ids), []
    for lead in (rows.get(LeadRow, lead_id) or LeadRow(lead_id) for lead_id in surviving):
        since = _returned_lead(lead, erased_at)
        if since is not None:
            returned.append(since)
        if lead.first_at is not None and lead.first_at > erased_at:
            changes += [Put(since)] if since else []
            continue
        ids = sorted({lead.lead_id, *(row.alias_id for row in rows.find(AliasRow, "lead_id", lead.lead_id))})
        for lead_id in ids:
            changes += (Remove(LeadRow, (lead_id,)), Remove(AliasRow, (lead_id,)))
            changes += (
                Remove(type(row), row.key)
                for kind in (CachedAnswerRow, VendorJobRow)
                for row in rows.find(kind, "about", lead_id)
            )
        changes += [Put(since)] if since else []
        all_ids.update(ids)
        kept = since.identifiers if since else ()
        for name in lead.identifiers:
            row = rows.get(IdentifierRow, name)
            if row is None:
                continue
            owners = [
                owner
                for owner in row.lead_ids
                if owner not in ids or (owner == lead.lead_id and name in kept)
            ]
            changes.append(Put(IdentifierRow(name, owners)) if owners else Remove(IdentifierRow, row.key))
            if not owners:
                all_ids.add(lead_id_of(name))
    return Forgotten(changes, sorted(all_ids), returned)


def _returned_lead(lead: LeadRow, erased_at: datetime) -> LeadRow | None:
    """Return the lead without what was known at the erasure, to be published to the other roles."""
    since = lead if lead.first_at and lead.first_at > erased_at else lead_since(lead, erased_at)
    return replace(since, sequence=lead.sequence + 1) if since and lead.revision > 0 else None
