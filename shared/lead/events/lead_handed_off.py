"""`baton.lead.handed_off.v1`: the owner passed the lead on."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from shared.lead.events.event_type import event
from shared.lead.events.ownership_change import OwnershipChange
from shared.lead.events.parts import Word
from shared.messaging.manifest import LEADS_ROUTED


class JoiningRep(Struct, frozen=True):
    """A rep who works the lead beside its owner, and the queue whose turn it was."""

    rep: Word
    queue: Word


@event("baton.lead.handed_off.v1", LEADS_ROUTED)
class LeadHandedOffV1(OwnershipChange, frozen=True, kw_only=True):
    """`notes` holds what the owner learnt, by name: an element of qualification, or any other word.

    With `joined` the owner stays, and that rep works the lead beside the owner.
    """

    notes: dict[str, Any] = field(default_factory=dict)
    joined: JoiningRep | None = None
