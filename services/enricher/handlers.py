"""The decisions of the enricher: a form, an opt-out, an erasure, a late answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from msgspec.structs import asdict, replace

from services.enricher.domain.enrich import Status, enrich, retry_at
from services.enricher.domain.erase import redact
from services.enricher.domain.form import read_form
from services.enricher.domain.merge import account_of, merge
from services.enricher.domain.providers import (
    EnrichForm,
    EnrichRetry,
    LeadLookup,
    LookupResult,
    SpendRow,
    add_spend,
    cache_row,
)
from services.enricher.domain.record import AliasRow, IdentifierRow, LeadRow, found_by, with_identifiers
from services.enricher.domain.resolve import resolve, shared_identifiers
from services.enricher.domain.row_keys import known_in, lead_in, opted_out_person, survivor
from shared.lead.derived import with_derived
from shared.lead.events.envelope import Emit, Event
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Trigger
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.storage.rows import Change, IdentityMap, Put, Remove
from shared.worker.decision import Outcome, Step
from shared.worker.erasure import KeyedHash, Redaction
from shared.worker.handler import Handler
from shared.worker.rows import TimerRow

ROLE: Final = "enricher"
ENRICH_AGAIN: Final = "enrich-again"


class EnricherHandler(Handler):
    """Makes one lead record of all the forms of a person."""

    role = ROLE
    claimed = frozenset({"baton.lead.received.v1", "baton.signal.received.v1"})

    def __init__(self, look_up: LeadLookup) -> None:
        self._look_up = look_up

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        """Find whose form it is and what providers say; the subject is the id that the form alone gives."""
        match event.data:
            case LeadReceivedV1():
                form = read_form(event.data)
                looked = EnrichForm(form, await self._look_up.look_up(form))
                return replace(event, subject=form.identity.lead_id, data=looked)
            case TimerRow():
                lookup = await self._look_up.refresh(event.subject)
                return replace(event, data=EnrichRetry(**asdict(event.data), lookup=lookup))
        return event

    def decide(self, world: IdentityMap, event: Event[Any], at: datetime) -> Step:
        match event.data:
            case EnrichForm():
                return _take_form(world, event.data, min(event.time, at), at)
            case EnrichRetry():
                return _look_again(world, event, event.data, at)
            case SignalReceivedV1():
                return _opt_out(world, event.data, at)
        return Step(Outcome.UNCHANGED)

    def redact(
        self, rows: IdentityMap, erased: Event[PersonErasedV1], at: datetime, keyed_hash: KeyedHash
    ) -> Redaction:
        del at, keyed_hash
        redaction = redact(rows, erased.data)
        timers = [Remove(TimerRow, (lead_id, ROLE, ENRICH_AGAIN)) for lead_id in redaction.lead_ids]
        return Redaction((*redaction.changes, *timers), lead_ids=redaction.lead_ids)


def _take_form(world: IdentityMap, looked: EnrichForm, sent_at: datetime, at: datetime) -> Step:
    """Make a form a revision of the lead that it belongs to, or the first of a new one."""
    form = looked.form
    resolution = resolve(form.identity, known_in(world, form.identity))
    lead = world.get(LeadRow, resolution.lead_id) or LeadRow(resolution.lead_id)
    lead = merge(lead, form, sent_at)
    changes: list[Change] = []
    if resolution.alias is not None:
        parked = world.get(LeadRow, resolution.alias)
        if parked is not None and parked.consent.opted_out:
            lead = replace(lead, consent=replace(lead.consent, opted_out=True))
        changes += (
            Put(AliasRow(resolution.alias, lead.lead_id)),
            # Takes the id among the leads, so that nobody can begin a lead under it at the same time.
            Put(LeadRow(resolution.alias)),
        )
    lead = replace(lead, account=account_of(lead))
    lookup, before = looked.lookup, lead.enrichment.status
    lead = enrich(lead, lookup, at)
    names = shared_identifiers(form.identity)
    lead = with_identifiers(lead, names)
    lead = replace(lead, revision=lead.revision + 1, sequence=lead.sequence + 1)
    changes.append(Put(lead))
    changes += _identifiers(world, lead, names)
    changes += _purchases(world, lookup)
    changes += _timer(lead, before, at)
    return Step(Outcome.APPLIED, changes, [_enriched(lead, form.told.trigger, at)])


def _look_again(world: IdentityMap, event: Event[Any], again: EnrichRetry, at: datetime) -> Step:
    """Let a lead have what came too late for it: an event of its own, of the same revision."""
    before = lead_in(world, again.subject)
    if before is None:
        return Step(Outcome.UNCHANGED, [Remove(TimerRow, again.key)])
    lead = enrich(before, again.lookup, at)
    changes = [*_purchases(world, again.lookup), *_timer(lead, before.enrichment.status, at)]
    if (lead.person, lead.company) == (before.person, before.company):
        lead = replace(before, enrichment=replace(before.enrichment, status=lead.enrichment.status))
        return Step(Outcome.UNCHANGED, [Put(lead), *changes])
    lead = replace(lead, sequence=lead.sequence + 1)
    trigger = Trigger(kind="enrichment", event_id=event.id)
    return Step(Outcome.APPLIED, [Put(lead), *changes], [_enriched(lead, trigger, at)])


def _purchases(world: IdentityMap, lookup: LookupResult) -> Iterator[Change]:
    """Keep what providers said for other leads, and what it cost."""
    if not lookup.answers:
        return
    yield from (Put(row) for each in lookup.answers if (row := cache_row(each, lookup.fields)) is not None)
    spending = {(row.day, row.provider): row for row in world.all(SpendRow)}
    yield from map(Put, add_spend(spending, lookup.answers))


def _timer(lead: LeadRow, before: Status, at: datetime) -> Iterator[Change]:
    """Set the timer of an incomplete lead; there may be one if it was incomplete before."""
    due_at = retry_at(lead, at)
    timer = TimerRow(lead.lead_id, ROLE, ENRICH_AGAIN, due_at or at)
    if due_at is not None:
        yield Put(timer)
    elif before == "incomplete":
        yield Remove(TimerRow, timer.key)


def _identifiers(world: IdentityMap, lead: LeadRow, names: Iterable[str]) -> Iterator[Change]:
    """Let the lead be found by what this form named; rows of other identifiers are not in hand."""
    for name in names:
        row = world.get(IdentifierRow, name)
        owners = row.lead_ids if row else []
        if name in lead.identifiers and lead.lead_id not in owners:
            yield Put(IdentifierRow(name, found_by(owners, lead.lead_id)))


def _opt_out(world: IdentityMap, signal: SignalReceivedV1, at: datetime) -> Step:
    """Note that a person wants no contact; if nobody of that name wrote yet, for when they do."""
    named = opted_out_person(signal)
    if named is None:
        return Step(Outcome.UNCHANGED)
    lead_id = survivor(world, named)
    lead = lead_in(world, lead_id)
    if lead is None:
        parked = world.get(LeadRow, lead_id) or LeadRow(lead_id)
        return Step(Outcome.PARKED, [Put(_opted_out(parked, signal))])
    if lead.consent.opted_out:
        return Step(Outcome.UNCHANGED)
    lead = replace(_opted_out(lead, signal), sequence=lead.sequence + 1)
    return Step(Outcome.APPLIED, [Put(lead)], [_enriched(lead, None, at)])


def _opted_out(lead: LeadRow, signal: SignalReceivedV1) -> LeadRow:
    return replace(lead, consent=replace(lead.consent, opted_out=True, at=signal.occurred_at))


def _enriched(lead: LeadRow, trigger: Trigger | None, at: datetime) -> Emit:
    lead = with_derived(lead)
    data = LeadEnrichedV1(
        lead_id=lead.lead_id,
        revision=lead.revision,
        sequence=lead.sequence,
        account=lead.account,
        person=lead.person,
        company=lead.company,
        provenance=lead.provenance,
        enrichment=lead.enrichment,
        source=lead.source,
        message=lead.message,
        answers=lead.answers,
        activities=lead.activities,
        consent=lead.consent,
        occurred_at=at,
        trigger=trigger,
        derived=lead.derived,
    )
    return Emit(data, subject=lead.lead_id, key=lead.account)
