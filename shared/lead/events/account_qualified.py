"""`baton.account.qualified.v1`: the account as a whole reached qualification (MQA)."""

from __future__ import annotations

from msgspec import Struct

from shared.lead.events.event_type import event
from shared.lead.events.parts import Time, Word
from shared.lead.events.scoring import AccountView
from shared.messaging.manifest import LEADS_ROUTED


@event("baton.account.qualified.v1", LEADS_ROUTED)
class AccountQualifiedV1(Struct, frozen=True):
    """Sent once each time the account becomes qualified; `lead_ids` are the people who made it so."""

    account: Word
    account_view: AccountView
    lead_ids: list[Word]
    policy_version: Word
    occurred_at: Time
