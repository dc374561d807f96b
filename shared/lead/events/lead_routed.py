"""`baton.lead.routed.v1`: the queue and owner of a lead, with everything the owner needs to act."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from shared.lead.events.event_type import event
from shared.lead.events.parts import Company, Person, Provenance, Time, Trigger, Word
from shared.lead.events.routing import Brief, Decision, PolicyVersions, Sla
from shared.lead.events.scoring import Score
from shared.messaging.manifest import LEADS_ROUTED


@event("baton.lead.routed.v1", LEADS_ROUTED)
class LeadRoutedV1(Struct, frozen=True):
    """`sequence` counts the router's events of this lead from 1; `revision` is that of its form.

    `trigger` is the last news of the buyer. `previous_queue` is the queue that the lead has left.
    """

    lead_id: Word
    revision: int
    sequence: int
    account: Word
    trigger: Trigger
    person: Person
    company: Company
    provenance: Provenance
    score: Score
    decision: Decision
    sla: Sla
    brief: Brief
    policy_versions: PolicyVersions
    occurred_at: Time
    previous_queue: Word | UnsetType = UNSET
