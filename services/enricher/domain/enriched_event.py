"""What the enricher publishes about a lead, and what it would about a new one without asking a provider."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from services.enricher.domain.enrich import enrich
from services.enricher.domain.form import normalise_form
from services.enricher.domain.merge import account_of
from services.enricher.domain.merge_leads import merged_lead
from services.enricher.domain.messages import earlier_messages
from services.enricher.domain.providers import LookupResult
from services.enricher.domain.record import LeadRow, is_public
from services.enricher.domain.resolve import resolve
from services.enricher.domain.row_keys import identity_matches
from shared.lead.derived import with_derived
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Trigger
from shared.storage.rows import IdentityMap


def enriched_data(lead: LeadRow, trigger: Trigger | None, at: datetime) -> LeadEnrichedV1:
    """Return the data of the event that describes a lead as it is now."""
    lead = with_derived(lead)
    return LeadEnrichedV1(
        lead_id=lead.lead_id,
        revision=lead.revision,
        sequence=lead.sequence,
        account=lead.account,
        person=lead.person,
        company=lead.company,
        provenance=lead.provenance,
        enrichment=lead.enrichment,
        source=lead.source,
        message=lead.message,
        answers=lead.answers,
        activities=lead.activities,
        consent=lead.consent,
        occurred_at=at,
        trigger=trigger,
        derived=lead.derived,
        merged=lead.merged or [],
        trust="public" if is_public(lead) else None,
        earlier_messages=earlier_messages(lead),
    )


def enriched_alone(received: LeadReceivedV1, shared_hosts: frozenset[str], at: datetime) -> LeadEnrichedV1:
    """Return what would be published about a lead that nothing else is known of. Raises `DataError`."""
    form = normalise_form(received, shared_hosts)
    lead = merged_lead(
        IdentityMap(), resolve(form.identity, identity_matches(IdentityMap(), form.identity)), form, at
    )
    lead = enrich(replace(lead, account=account_of(lead)), LookupResult(), at)
    lead = replace(lead, revision=1, sequence=1)
    return enriched_data(lead, form.normalised.trigger, at)
