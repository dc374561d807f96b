"""Which events there are: type, model and topic of each."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from shared.lead.events.account_qualified import AccountQualifiedV1
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.lead_routed import (
    LeadAlertedV1,
    LeadEscalatedV1,
    LeadHandedOffV1,
    LeadReassignedV1,
    LeadRoutedV1,
    LeadSuppressedV1,
)
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.messaging import manifest
from shared.messaging.manifest import Topic


@dataclass(frozen=True, slots=True)
class EventType:
    """`name` is the CloudEvents type, `short` what subscriptions call it."""

    name: str
    model: type[Struct]
    topic: Topic

    @property
    def short(self) -> str:
        return self.name.removeprefix("baton.").rsplit(".", 1)[0]


EVENT_TYPES: tuple[EventType, ...] = (
    EventType("baton.lead.received.v1", LeadReceivedV1, manifest.LEADS_RECEIVED),
    EventType("baton.signal.received.v1", SignalReceivedV1, manifest.SIGNALS_RECEIVED),
    EventType("baton.account.received.v1", AccountReceivedV1, manifest.ACCOUNTS_RECEIVED),
    EventType("baton.lead.enriched.v1", LeadEnrichedV1, manifest.LEADS_ENRICHED),
    EventType("baton.lead.scored.v1", LeadScoredV1, manifest.LEADS_SCORED),
    EventType("baton.lead.routed.v1", LeadRoutedV1, manifest.LEADS_ROUTED),
    EventType("baton.lead.suppressed.v1", LeadSuppressedV1, manifest.LEADS_ROUTED),
    EventType("baton.lead.reassigned.v1", LeadReassignedV1, manifest.LEADS_ROUTED),
    EventType("baton.lead.escalated.v1", LeadEscalatedV1, manifest.LEADS_ROUTED),
    EventType("baton.lead.alerted.v1", LeadAlertedV1, manifest.LEADS_ROUTED),
    EventType("baton.lead.handed_off.v1", LeadHandedOffV1, manifest.LEADS_ROUTED),
    EventType("baton.account.qualified.v1", AccountQualifiedV1, manifest.LEADS_ROUTED),
    EventType("baton.action.received.v1", ActionReceivedV1, manifest.ACTIONS_RECEIVED),
    EventType("baton.outcome.received.v1", OutcomeReceivedV1, manifest.OUTCOMES_RECEIVED),
    EventType("baton.person.erased.v1", PersonErasedV1, manifest.PEOPLE_ERASED),
)
BY_NAME = {event_type.name: event_type for event_type in EVENT_TYPES}
BY_MODEL = {event_type.model: event_type for event_type in EVENT_TYPES}
BY_SHORT = {event_type.short: event_type for event_type in EVENT_TYPES}

PLAIN_TYPE: dict[str, EventType] = {
    topic.name: next(event_type for event_type in EVENT_TYPES if event_type.topic is topic)
    for topic in (
        manifest.LEADS_RECEIVED,
        manifest.SIGNALS_RECEIVED,
        manifest.ACCOUNTS_RECEIVED,
        manifest.OUTCOMES_RECEIVED,
    )
}
"""What a record without CloudEvents headers means, on the topics that outside producers write."""
