"""The view of a lead: its status, owner and latest events, folded from its events in any order.

The ledger reads several topics, and records of different topics arrive in any order. So the last event to
arrive decides nothing: of each stage the event with the highest `sequence` counts, and the status follows
from the highest form revision that each stage has reached. Applying an event twice changes nothing.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from services.ledger.domain.rows import ViewRow
from shared.lead.events.envelope import Event
from shared.lead.events.lead_closed import LeadClosedV1
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.lead_updated import LeadUpdatedV1
from shared.lead.events.ownership_change import OwnershipChange
from shared.shortened import shortened

QUOTE_LENGTH_MAX: Final = 200
StageEvent = LeadEnrichedV1 | LeadScoredV1 | LeadRoutedV1 | LeadSuppressedV1 | OwnershipChange


def updated_view(view: ViewRow | None, event: Event[StageEvent]) -> ViewRow:
    """Return the view with one more event applied; the result is the same in every order and with repeats."""
    data = event.data
    if view is None:
        view = ViewRow(
            data.lead_id, data.account, None, "enriched", None, None, data.revision, data.occurred_at
        )
    view = replace(view, first_at=min(view.first_at, data.occurred_at))
    # LeadScoredV1 is a subclass of LeadEnrichedV1, so it is tested first.
    if isinstance(data, LeadScoredV1):
        if data.sequence > view.scored_sequence:
            # The scorer knows which account is an alias of another, so its word counts once it has spoken.
            is_current = data.revision >= view.enriched_revision
            view = replace(
                view,
                scored_sequence=data.sequence,
                scored_revision=data.revision,
                scored_id=event.id,
                account=data.account if is_current else view.account,
                name=data.person.full_name,
                title=data.person.title,
                company=data.company.name,
                source=data.source.name,
                grade=data.score.grade,
                band=data.score.band,
                total=data.score.total,
                trigger=data.last_news.type,
                quote=_quote_of(data),
            )
    elif isinstance(data, LeadEnrichedV1):
        if data.sequence > view.enriched_sequence:
            view = replace(
                view,
                enriched_sequence=data.sequence,
                enriched_revision=data.revision,
                enriched_id=event.id,
                account=data.account if data.revision > view.scored_revision else view.account,
                email=data.person.email,
            )
    else:
        view = _with_routing_event(view, event)
    revision = max(view.enriched_revision, view.scored_revision, view.routed_revision, data.revision)
    return replace(view, revision=max(view.revision, revision), status=_status(view))


def _with_routing_event(view: ViewRow, event: Event[Any]) -> ViewRow:
    data = event.data
    if isinstance(data, LeadRoutedV1 | LeadSuppressedV1) and data.sequence > view.routed_sequence:
        view = replace(
            view,
            routed_sequence=data.sequence,
            routed_revision=data.revision,
            routed_id=event.id,
            routed_type=event.type,
        )
    if data.sequence > view.owned_sequence:
        decision = None if isinstance(data, LeadSuppressedV1) else data.decision
        view = replace(
            view,
            owned_sequence=data.sequence,
            owned_id=event.id,
            queue=decision and decision.queue,
            motion=decision and decision.motion,
            owner=decision and decision.owner,
            closed_as=data.status if isinstance(data, LeadClosedV1) else None,
        )
    # An update leaves the lead where it is, and with the rule that led it there.
    if data.sequence > view.ruled_sequence and not isinstance(data, LeadUpdatedV1):
        view = replace(
            view,
            ruled_sequence=data.sequence,
            rule=None if isinstance(data, LeadSuppressedV1) else data.decision and data.decision.rule,
            reason=data.decision.reason if isinstance(data, LeadSuppressedV1) else None,
        )
    says_brief = not isinstance(data, OwnershipChange) or data.brief is not None
    if says_brief and data.sequence > view.briefed_sequence:
        view = replace(view, briefed_sequence=data.sequence, briefed_id=event.id)
    return view


def _status(view: ViewRow) -> str:
    """Return the furthest stage that the newest revision has reached, or how it ended."""
    newest = max(view.enriched_revision, view.scored_revision, view.routed_revision)
    if view.routed_id is not None and view.routed_revision == newest:
        if view.closed_as is not None:
            return view.closed_as
        return "suppressed" if view.routed_type == "baton.lead.suppressed.v1" else "routed"
    if view.scored_id is not None and view.scored_revision == newest:
        return "scored"
    return "enriched"


def _quote_of(data: LeadScoredV1) -> str | None:
    """Return the beginning of the newest message, on one line; None when the person wrote nothing."""
    texts = (data.message or "", *(message.text for message in data.earlier_messages))
    written = (" ".join(text.split()) for text in texts)
    return next((shortened(text, QUOTE_LENGTH_MAX) for text in written if text), None)
