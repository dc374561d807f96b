"""`baton.lead.enriched.v1`: the merged lead record, as complete as it was worth making it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from shared.lead.events.event_type import event
from shared.lead.events.parts import (
    Activities,
    Answers,
    Company,
    Consent,
    DerivedFields,
    LongText,
    Message,
    Origin,
    Person,
    Provenance,
    SourceTrust,
    Time,
    Trigger,
    Word,
)
from shared.messaging.manifest import LEADS_ENRICHED


class EnrichmentStep(Struct, frozen=True):
    """One look-up at a provider: the requested fields, the outcome, and the cost in cents."""

    provider: Word
    fields: list[Word]
    outcome: Literal["match", "no_match", "stale", "failed", "timeout", "skipped", "cached"]
    cost: int
    at: Time
    detail: str = ""


class Enrichment(Struct, frozen=True):
    """How far the waterfall came. `cost` in cents."""

    status: Literal["complete", "incomplete", "skipped"]
    cost: int
    steps: list[EnrichmentStep]


@event("baton.lead.enriched.v1", LEADS_ENRICHED)
class LeadEnrichedV1(Struct, frozen=True):
    """`sequence` counts this lead's enriched events from 1; `revision` counts its forms.

    `merged` are the ids of all leads that became part of this one: each role ends and moves what it holds for
    them. They are aliases of this lead from then on. `trust` is `public` if only public forms told of the
    lead, None otherwise. `earlier_messages` is what the person wrote before `message`, newest first.
    """

    lead_id: Word
    revision: int
    sequence: int
    account: Word
    person: Person
    company: Company
    provenance: Provenance
    enrichment: Enrichment
    source: Origin
    message: LongText | None
    answers: Answers
    activities: Activities
    consent: Consent
    occurred_at: Time
    trigger: Trigger | None = None
    derived: DerivedFields | None = None
    merged: Annotated[list[Word], Meta(max_length=1_000)] = []
    trust: SourceTrust | None = None
    earlier_messages: Annotated[list[Message], Meta(max_length=9)] = []
