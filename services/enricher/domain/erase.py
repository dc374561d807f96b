"""The enricher's redaction of an erased person. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from services.enricher.domain.providers import CachedAnswerRow
from services.enricher.domain.record import AliasRow, IdentifierRow, LeadRow
from services.enricher.domain.row_keys import survivor
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.ids import lead_id_of
from shared.storage.rows import Change, IdentityMap, Put, Remove
from shared.worker.erasure import Redaction


def redact(world: IdentityMap, erasure: PersonErasedV1) -> Redaction:
    """Return the changes that forget the leads of the erasure, those behind an alias included.

    `lead_ids` of the result are all ids under which older forms of these leads may still arrive.

    A lead whose first form is later than the erasure stays: then the erasure is an old one, read again.
    """
    survivors = sorted({survivor(world, lead_id) for lead_id in erasure.lead_ids})
    changes: list[Change] = []
    lead_ids = set(erasure.lead_ids)
    for lead in (world.get(LeadRow, lead_id) or LeadRow(lead_id) for lead_id in survivors):
        if lead.first_at is not None and lead.first_at > erasure.at:
            continue
        ids = sorted({lead.lead_id, *(row.alias_id for row in world.find(AliasRow, "lead_id", lead.lead_id))})
        for lead_id in ids:
            changes += (Remove(LeadRow, (lead_id,)), Remove(AliasRow, (lead_id,)))
            changes += (
                Remove(CachedAnswerRow, row.key) for row in world.find(CachedAnswerRow, "about", lead_id)
            )
        disowned = list(_disowned(world, lead))
        changes += disowned
        lead_ids.update(ids, (lead_id_of(change.key[0]) for change in disowned if isinstance(change, Remove)))
    return Redaction(changes, lead_ids=sorted(lead_ids))


def _disowned(world: IdentityMap, lead: LeadRow) -> Iterator[Change]:
    """Yield the changes by which nothing leads to the lead any more."""
    for name in lead.identifiers:
        row = world.get(IdentifierRow, name)
        if row is None:
            continue
        left = [owner for owner in row.lead_ids if owner != lead.lead_id]
        yield Put(IdentifierRow(name, left)) if left else Remove(IdentifierRow, row.key)
