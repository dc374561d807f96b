"""The enricher's handler: forms, opt-outs, later look-ups of incomplete and of owned leads, erasures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from msgspec.structs import asdict, replace

from services.enricher.domain.account_people import forget_contacts, store_answer, without_people
from services.enricher.domain.consent import opt_out_statement
from services.enricher.domain.discovery import DISCOVER_CONTACTS, ContactFinder, DiscoverContacts
from services.enricher.domain.enrich import Status, enrich, enrich_again, retry_at
from services.enricher.domain.enriched_event import enriched_data
from services.enricher.domain.erase import redact
from services.enricher.domain.for_sellers import ENRICH_FOR_SELLER
from services.enricher.domain.form import normalise_form
from services.enricher.domain.merge import account_of, consent_statements_of, with_consent
from services.enricher.domain.merge_leads import leads_to_merge, merged_lead
from services.enricher.domain.providers import (
    EnrichForm,
    EnrichRetry,
    LeadLookup,
    LookupResult,
    cache_row,
    company_row,
)
from services.enricher.domain.record import (
    ROLE,
    AliasRow,
    IdentifierRow,
    LeadRow,
    with_identifiers,
    with_owner,
)
from services.enricher.domain.resolve import resolve, shared_identifiers
from services.enricher.domain.row_keys import (
    identity_matches,
    opted_out_lead_id,
    stored_lead,
    surviving_lead_id,
)
from services.enricher.domain.spending import SpendRow, add_spend
from shared.lead.events.envelope import Emit, Event
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_updated import LeadUpdatedV1
from shared.lead.events.ownership_change import OwnershipChange
from shared.lead.events.parts import Trigger
from shared.lead.events.signal_received import SignalReceivedV1
from shared.storage.rows import Change, IdentityMap, Put, Remove
from shared.worker.decision import Outcome, Step
from shared.worker.erasure import Erasure, Redaction
from shared.worker.handler import Handler
from shared.worker.rows import TimerRow

ENRICH_AGAIN: Final = "enrich-again"


class EnricherHandler(Handler):
    """Merges all forms of a person into one lead record, with what providers know."""

    role = ROLE
    claimed = frozenset({"baton.lead.received.v1", "baton.signal.received.v1"})

    def __init__(
        self,
        look_up: LeadLookup,
        shared_hosts: Callable[[], frozenset[str]] = frozenset,
        discovery: ContactFinder | None = None,
        seller_needs: Callable[[bytes, datetime], bool] = lambda _event, _at: True,
    ) -> None:
        """`shared_hosts` returns the hosts that the active policy adds to those that are nobody's company.

        Without `discovery` nobody is looked for at accounts. `seller_needs` returns whether the seller of the
        lead in an event needs more of it.
        """
        self._look_up = look_up
        self._shared_hosts = shared_hosts
        self._discovery = discovery
        self._seller_needs = seller_needs

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        """Parse a form and look up what it does not say; its subject is the lead id that it gives itself."""
        match event.data:
            case LeadReceivedV1():
                form = normalise_form(event.data, self._shared_hosts())
                enriched = EnrichForm(form, await self._look_up.look_up(form, event.time))
                return replace(event, subject=form.identity.lead_id, data=enriched)
            case TimerRow(kind=kind) if kind == DISCOVER_CONTACTS and self._discovery is not None:
                found = await self._discovery.ask(event.subject)
                return replace(event, data=DiscoverContacts(**asdict(event.data), lookup=found))
            case TimerRow():
                lookup = await self._look_up.refresh(event.subject)
                return replace(event, data=EnrichRetry(**asdict(event.data), lookup=lookup))
        return event

    def decide(self, world: IdentityMap, event: Event[Any], at: datetime) -> Step:
        match event.data:
            case EnrichForm():
                return _handle_form(world, event.data, min(event.time, at), at)
            case EnrichRetry():
                return _handle_retry(world, event, event.data, at)
            case SignalReceivedV1():
                return _handle_opt_out(world, event, min(event.time, at), at)
            case DiscoverContacts() if self._discovery is not None:
                return store_answer(world, event.data, self._discovery.keyed_hash, at)
            case LeadRoutedV1() | OwnershipChange():
                is_new = not isinstance(event.data, LeadUpdatedV1) and self._seller_needs(event.raw, at)
                account = self._discovery.account_of(event.raw, at) if self._discovery else None
                return _handle_owned(world, event.data.lead_id, at, for_seller=is_new, account=account)
        return Step(Outcome.UNCHANGED)

    def redact(self, rows: IdentityMap, erasure: Erasure, at: datetime) -> Redaction:
        forgotten, contacts = redact(rows, erasure.lead_ids, erasure.at), forget_contacts(rows, erasure)
        timers = [change for lead_id in forgotten.lead_ids for change in _without_timers(lead_id)]
        for lead in forgotten.returned:
            timers += _retry_timer(lead, lead.enrichment.status, at)
        return Redaction(
            (*forgotten.changes, *timers, *contacts.changes),
            [_enriched(lead, None, at) for lead in forgotten.returned],
            {*forgotten.lead_ids, *contacts.ids},
            [lead.lead_id for lead in forgotten.returned],
        )


def _handle_form(rows: IdentityMap, enriched: EnrichForm, sent_at: datetime, at: datetime) -> Step:
    """Make a form a revision of the lead that it belongs to, or the first revision of a new lead."""
    form, lookup = enriched.form, enriched.lookup
    resolution = resolve(form.identity, identity_matches(rows, form.identity))
    before = rows.get(LeadRow, resolution.lead_id) or LeadRow(resolution.lead_id)
    lead = merged_lead(rows, resolution, form, sent_at, begun=lookup.begun)
    changes: list[Change] = []
    if resolution.alias is not None:
        parked = rows.get(LeadRow, resolution.alias)
        if parked is not None:
            lead = with_consent(lead, consent_statements_of(parked))
        changes += _alias(resolution.alias, lead.lead_id)
    others = {other.lead_id: other for other in leads_to_merge(rows, resolution, before)}
    for other in others.values():
        for alias in rows.find(AliasRow, "lead_id", other.lead_id):
            changes.append(Put(AliasRow(alias.alias_id, lead.lead_id)))
        changes += _alias(other.lead_id, lead.lead_id)
        changes += _without_timers(other.lead_id)
    merged = replace(lead, account=account_of(lead))
    identifiers = shared_identifiers(form.identity)
    lead = with_identifiers(enrich(merged, lookup, at), identifiers)
    lead = replace(lead, revision=lead.revision + 1, sequence=lead.sequence + 1)
    changes.append(Put(lead))
    for name in identifiers:
        row = rows.get(IdentifierRow, name)
        owners = [surviving_lead_id(rows, owner) for owner in row.lead_ids] if row else []
        owners = [owner for owner in dict.fromkeys(owners) if owner not in others]
        if name in lead.identifiers and lead.lead_id not in owners:
            owners = with_owner(owners, lead.lead_id)
        if owners and owners != (row.lead_ids if row else []):
            changes.append(Put(IdentifierRow(name, owners)))
    changes += _purchases(rows, lookup, merged, lead)
    changes += _retry_timer(lead, merged.enrichment.status, at)
    contacts = without_people(rows, (form.identity.lead_id, lead.lead_id), at, lead)
    emits = (_enriched(lead, form.normalised.trigger, at), *contacts.emits)
    return Step(Outcome.APPLIED, (*changes, *contacts.changes), emits)


def _alias(alias_id: str, lead_id: str) -> tuple[Change, Change]:
    """Return the changes that make one id answer with another lead.

    The row under the alias reserves it, so that no other unit of work begins a lead there at the same time.
    """
    return Put(AliasRow(alias_id, lead_id)), Put(LeadRow(alias_id))


def _without_timers(lead_id: str) -> list[Change]:
    """Return the changes that end the later look-ups of a lead."""
    return [Remove(TimerRow, (lead_id, ROLE, kind)) for kind in (ENRICH_AGAIN, ENRICH_FOR_SELLER)]


def _handle_owned(
    rows: IdentityMap, lead_id: str, at: datetime, *, for_seller: bool, account: str | None
) -> Step:
    """Have a lead looked up for the seller who works it now; at once, but not before the next event.

    People are looked for at its `account`, if that is given.
    """
    lead = stored_lead(rows, surviving_lead_id(rows, lead_id))
    if lead is None:
        return Step(Outcome.UNCHANGED)
    timers = [TimerRow(lead.lead_id, ROLE, ENRICH_FOR_SELLER, at)] if for_seller else []
    timers += [TimerRow(account, ROLE, DISCOVER_CONTACTS, at)] if account is not None else []
    new = [Put(timer) for timer in timers if rows.get(TimerRow, *timer.key) is None]
    return Step(Outcome.APPLIED if new else Outcome.UNCHANGED, new)


def _handle_retry(rows: IdentityMap, event: Event[Any], retry: EnrichRetry, at: datetime) -> Step:
    """Add what a later look-up brought: an event of its own, of the same revision, if that is news."""
    before = stored_lead(rows, retry.subject)
    changes: list[Change] = []
    if retry.kind != ENRICH_AGAIN or before is None:
        changes.append(Remove(TimerRow, retry.key))
    if before is None:
        return Step(Outcome.UNCHANGED, changes)
    lead = enrich_again(before, retry.lookup, at)
    changes += [Put(lead), *_purchases(rows, retry.lookup, before, lead)]
    changes += _retry_timer(lead, before.enrichment.status, at)
    if (lead.person, lead.company) == (before.person, before.company):
        return Step(Outcome.UNCHANGED, changes)
    lead = replace(lead, sequence=lead.sequence + 1)
    trigger = Trigger(kind="enrichment", event_id=event.id)
    return Step(Outcome.APPLIED, [*changes, Put(lead)], [_enriched(lead, trigger, at)])


def _handle_opt_out(
    rows: IdentityMap, event: Event[SignalReceivedV1], sent_at: datetime, at: datetime
) -> Step:
    """Record that a person wants no contact; before their first form, in the row that reserves their id."""
    signal = event.data
    by_email = opted_out_lead_id(signal)
    if by_email is None:
        return Step(Outcome.UNCHANGED)
    lead_id = surviving_lead_id(rows, by_email)
    lead = stored_lead(rows, lead_id)
    before = lead or rows.get(LeadRow, lead_id) or LeadRow(lead_id)
    row = with_consent(before, opt_out_statement(signal, sent_at))
    if lead is None:
        contacts = without_people(rows, (by_email,), at)
        return Step(Outcome.PARKED, (Put(row), *contacts.changes), contacts.emits)
    consent_before = (before.consent.opted_out, before.consent.proven)
    if (row.consent.opted_out, row.consent.proven) == consent_before:
        return Step(Outcome.UNCHANGED, [Put(row)])
    row = replace(row, sequence=row.sequence + 1)
    trigger = Trigger(kind="signal", event_id=event.id, type=signal.type)
    return Step(Outcome.APPLIED, [Put(row)], [_enriched(row, trigger, at)])


def _purchases(rows: IdentityMap, lookup: LookupResult, before: LeadRow, after: LeadRow) -> Iterator[Change]:
    """Store answers for other leads that ask the same, what they cost, and what they changed of the lead."""
    if not lookup.answers:
        return
    for answer in lookup.answers:
        for row in (cache_row(answer, lookup.fields), company_row(answer, lookup.fields)):
            if row is not None:
                yield Put(row)
    spending = {(row.day, row.provider): row for row in rows.all(SpendRow)}
    yield from map(Put, add_spend(spending, lookup.answers, before, after))


def _retry_timer(lead: LeadRow, status_before: Status, at: datetime) -> Iterator[Change]:
    """Set the timer of an incomplete lead, remove that of a lead that was incomplete before."""
    due_at = retry_at(lead, at)
    timer = TimerRow(lead.lead_id, ROLE, ENRICH_AGAIN, due_at or at)
    if due_at is not None:
        yield Put(timer)
    elif status_before == "incomplete":
        yield Remove(TimerRow, timer.key)


def _enriched(lead: LeadRow, trigger: Trigger | None, at: datetime) -> Emit:
    return Emit(enriched_data(lead, trigger, at), subject=lead.lead_id, key=lead.account)
