"""What the router says about a lead: routed, suppressed, and what happens to its owner afterwards."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from shared.lead.events.parts import Company, Person, Provenance, Time, Trigger, Word
from shared.lead.events.routing import Brief, Decision, PolicyVersions, Sla, Suppression
from shared.lead.events.scoring import Score


class LeadRoutedV1(Struct, frozen=True):
    """`baton.lead.routed.v1`: queue, owner and everything needed to act."""

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


class LeadSuppressedV1(Struct, frozen=True):
    """`baton.lead.suppressed.v1`: nobody gets it; `decision.reason` says why."""

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


class OwnershipChange(Struct, frozen=True):
    """The common shape of what happens to an owned lead between two routings."""

    lead_id: Word
    revision: int
    sequence: int
    account: Word
    decision: Decision
    previous_owner: Word | None
    reason: str
    occurred_at: Time


class LeadReassignedV1(OwnershipChange, frozen=True):
    """`baton.lead.reassigned.v1`: `previous_owner` lost the lead to `decision.owner`."""


class LeadEscalatedV1(OwnershipChange, frozen=True):
    """`baton.lead.escalated.v1`: nobody accepted in time."""


class LeadAlertedV1(OwnershipChange, frozen=True):
    """`baton.lead.alerted.v1`: the lead stays with its owner, and the owner should look now."""


class LeadHandedOffV1(OwnershipChange, frozen=True, kw_only=True):
    """`baton.lead.handed_off.v1`: the owner passed the lead on, with what was learnt."""

    notes: dict[str, Any] = {}
