"""`baton.lead.scored.v1`: the enriched lead with fit, intent, live signals and the view of its account."""

from __future__ import annotations

from msgspec import field

from shared.lead.events.account_enriched import FoundContacts
from shared.lead.events.event_type import event
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.matching import AccountMatch
from shared.lead.events.parts import Trigger, Word
from shared.lead.events.scoring import AccountView, Score, Signals
from shared.messaging.manifest import LEADS_SCORED


@event("baton.lead.scored.v1", LEADS_SCORED)
class LeadScoredV1(LeadEnrichedV1, frozen=True, kw_only=True):
    """`sequence` counts this lead's scored events from 1. Everything that routing needs is in here.

    `trigger` is what led to this score. `news` is the last trigger that told something new of the buyer,
    which a seller can speak of: it stays when the score changes by decay or enrichment. Events of
    earlier releases have none. `stakeholders_found` are people of the account whom providers named; they are
    no leads. `account_match` tells how the account was found, and which others were considered, where its
    domain does not say it.
    """

    trigger: Trigger
    score: Score
    signals: Signals
    account_view: AccountView
    policy_version: Word
    news: Trigger | None = None
    stakeholders_found: FoundContacts = field(default_factory=list)
    account_match: AccountMatch | None = None

    @property
    def last_news(self) -> Trigger:
        """The trigger to show people: the last news, else what led to this score."""
        return self.news or self.trigger
