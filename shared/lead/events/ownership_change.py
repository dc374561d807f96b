"""The fields that all events about an owned lead between two routings have in common."""

from __future__ import annotations

from msgspec import Struct

from shared.lead.events.parts import Actor, Company, Person, Time, Trigger, Word
from shared.lead.events.routing import Brief, Decision, PolicyVersions, Sla
from shared.lead.events.scoring import Score


class OwnershipChange(Struct, frozen=True, omit_defaults=True):
    """Base of reassigned, escalated, alerted, handed off and closed; no event of its own.

    `previous_owner` and `previous_queue` had the lead before. `actor` is who acted, None for a timer. The
    fields from `person` to `brief` describe the lead as it is now; `brief` is None where the owner stays or
    there is none to be. `policy_versions` are those of a decision on a score, None for an action or a timer.
    """

    lead_id: Word
    revision: int
    sequence: int
    account: Word
    decision: Decision
    previous_owner: Word | None
    reason: str
    occurred_at: Time
    previous_queue: Word | None = None
    actor: Actor | None = None
    person: Person | None = None
    company: Company | None = None
    score: Score | None = None
    trigger: Trigger | None = None
    sla: Sla | None = None
    brief: Brief | None = None
    policy_versions: PolicyVersions | None = None
