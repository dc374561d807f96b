"""The enricher's redaction of an erased person. Pure."""

from __future__ import annotations

from services.enricher.domain.providers import CachedAnswerRow
from services.enricher.domain.record import AliasRow, IdentifierRow, LeadRow
from services.enricher.domain.row_keys import surviving_lead_id
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.ids import lead_id_of
from shared.storage.rows import Change, IdentityMap, Put, Remove
from shared.worker.erasure import Redaction


def redact(rows: IdentityMap, erasure: PersonErasedV1) -> Redaction:
    """Return the changes that erase the leads of an erasure, those behind an alias included.

    `lead_ids` of the result are all ids under which older forms of these leads may still arrive. A lead whose
    first form is later than the erasure stays: the erasure is then an old one that is read again.
    """
    surviving = sorted({surviving_lead_id(rows, lead_id) for lead_id in erasure.lead_ids})
    changes: list[Change] = []
    lead_ids = set(erasure.lead_ids)
    for lead in (rows.get(LeadRow, lead_id) or LeadRow(lead_id) for lead_id in surviving):
        if lead.first_at is not None and lead.first_at > erasure.at:
            continue
        ids = sorted({lead.lead_id, *(row.alias_id for row in rows.find(AliasRow, "lead_id", lead.lead_id))})
        for lead_id in ids:
            changes += (Remove(LeadRow, (lead_id,)), Remove(AliasRow, (lead_id,)))
            changes += (
                Remove(CachedAnswerRow, row.key) for row in rows.find(CachedAnswerRow, "about", lead_id)
            )
        lead_ids.update(ids)
        for name in lead.identifiers:
            row = rows.get(IdentifierRow, name)
            if row is None:
                continue
            others = [owner for owner in row.lead_ids if owner not in ids]
            changes.append(Put(IdentifierRow(name, others)) if others else Remove(IdentifierRow, row.key))
            if not others:
                lead_ids.add(lead_id_of(name))
    return Redaction(changes, lead_ids=sorted(lead_ids))
