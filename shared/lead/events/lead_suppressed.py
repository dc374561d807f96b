"""`baton.lead.suppressed.v1`: the lead goes to nobody."""

from __future__ import annotations

from msgspec import Struct

from shared.lead.events.event_type import event
from shared.lead.events.parts import Company, Person, Provenance, Time, Trigger, Word
from shared.lead.events.routing import PolicyVersions, Suppression
from shared.lead.events.scoring import Score
from shared.messaging.manifest import LEADS_ROUTED


@event("baton.lead.suppressed.v1", LEADS_ROUTED)
class LeadSuppressedV1(Struct, frozen=True, omit_defaults=True):
    """`decision.reason` is the reason. `previous_owner` and `previous_queue` had the lead before."""

    lead_id: Word
    revision: int
    sequence: int
    account: Word
    trigger: Trigger
    person: Person
    company: Company
    provenance: Provenance
    score: Score
    decision: Suppression
    policy_versions: PolicyVersions
    occurred_at: Time
    previous_owner: Word | None = None
    previous_queue: Word | None = None
