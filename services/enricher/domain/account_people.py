"""Stores and removes the people whom providers named at an account, and tells the other roles. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from services.enricher.domain.discovery import (
    AccountDiscoveryRow,
    ContactQuestion,
    DiscoverContacts,
    enrichment_of,
    next_question,
    with_step,
)
from services.enricher.domain.found_contacts import (
    FoundContactRow,
    KeyedHash,
    contacts_of_ids,
    found_contacts,
    ids_of_person,
    may_be_kept,
    merged_contacts,
)
from services.enricher.domain.record import ROLE, LeadRow
from services.enricher.domain.row_keys import stored_lead
from services.enricher.domain.spending import SpendRow, add_contact_spend
from shared.lead.events.account_enriched import AccountEnrichedV1
from shared.lead.events.envelope import Emit
from shared.storage.rows import Change, IdentityMap, Put, Remove
from shared.worker.decision import Outcome, Step
from shared.worker.erasure import Erasure
from shared.worker.rows import TimerRow

_MICROSECOND: Final = timedelta(microseconds=1)


class ContactChanges(Struct, frozen=True):
    """The changes to the contacts of accounts, and the events that report them."""

    changes: tuple[Change, ...] = ()
    emits: tuple[Emit, ...] = ()


def store_answer(rows: IdentityMap, timer: DiscoverContacts, keyed_hash: KeyedHash, at: datetime) -> Step:
    """Store what a provider said of the people of an account; set the timer of the next question, if any."""
    account, terms, answer = timer.subject, timer.lookup.terms, timer.lookup.answer
    row = rows.get(AccountDiscoveryRow, account) or AccountDiscoveryRow(account)
    known = list(rows.find(FoundContactRow, "account", account))
    if terms is None:
        return Step(Outcome.UNCHANGED, [Remove(TimerRow, timer.key)])
    contacts, changes = known, list[Change]()
    if answer is not None:
        row = with_step(row, answer, terms, at)
        contacts = [
            one for one in merged_contacts(known, answer, account) if may_be_kept(rows, one, keyed_hash)
        ]
        spending = {(spend.day, spend.provider): spend for spend in rows.all(SpendRow)}
        changes += map(Put, add_contact_spend(spending, answer, found=bool(contacts)))
        changes.append(Put(row))
    following = next_question(terms, row, contacts, timer.lookup.known_roles, at)
    if following is None:
        changes.append(Remove(TimerRow, timer.key))
    else:  # later than this timer, whose due time the ids of its events are made of
        due_at = max(following.due_at, timer.due_at + _MICROSECOND)
        changes.append(Put(TimerRow(account, ROLE, timer.kind, due_at)))
    if answer is None:
        return Step(Outcome.UNCHANGED, changes)
    step = _with_contacts(row, known, contacts, following, at)
    if contacts == known and not answer.is_conclusive:
        return Step(Outcome.UNCHANGED, changes)
    return Step(Outcome.APPLIED, [*changes, *step.changes], step.emits)


def without_people(
    rows: IdentityMap, ids: Collection[str], at: datetime, lead: LeadRow | None = None
) -> ContactChanges:
    """Return the changes by which those whom one of these ids means are contacts no more, of any account.

    The person of `lead` is found by name too, at the lead's account.
    """
    own = {*ids, *ids_of_person(lead)} if lead is not None else {*ids}
    gone = list(contacts_of_ids(rows, lead.account if lead is not None else "", own))
    changes: list[Change] = []
    emits: list[Emit] = []
    for key in sorted({contact.account for contact in gone}):
        row = rows.get(AccountDiscoveryRow, key) or AccountDiscoveryRow(key)
        known = rows.find(FoundContactRow, "account", key)
        step = _with_contacts(row, known, [one for one in known if one not in gone], None, at)
        changes += step.changes
        emits += step.emits
    return ContactChanges(tuple(changes), tuple(emits))


def _with_contacts(
    row: AccountDiscoveryRow,
    known: Iterable[FoundContactRow],
    contacts: Iterable[FoundContactRow],
    following: ContactQuestion | None,
    at: datetime,
) -> ContactChanges:
    """Return the changes that make `contacts` of what was `known`, and the event that tells it."""
    before, after = ({contact.key: contact for contact in some} for some in (known, contacts))
    row = replace(row, sequence=row.sequence + 1)
    changes: list[Change] = [Put(row)]
    changes += (Remove(FoundContactRow, key) for key in before if key not in after)
    changes += (Put(contact) for key, contact in after.items() if contact != before.get(key))
    event = AccountEnrichedV1(
        account=row.account,
        sequence=row.sequence,
        contacts=found_contacts(after.values()),
        enrichment=enrichment_of(row, following),
        occurred_at=at,
    )
    return ContactChanges(tuple(changes), (Emit(event, subject=row.account, key=row.account),))


class ForgottenContacts(Struct, frozen=True):
    """The changes that erase contacts, and the ids under which providers may name the people again."""

    changes: tuple[Change, ...]
    ids: frozenset[str]


def forget_contacts(rows: IdentityMap, erasure: Erasure) -> ForgottenContacts:
    """Return what erases a person as a contact of any account, by id or by name.

    The ids are also those of an erased lead, whom no provider may name as a contact again. An id that is
    another lead's is none of them. The other roles strike the person out themselves.
    """
    erased = {*erasure.lead_ids, *erasure.spared}
    gone = [
        contact
        for contact in rows.all(FoundContactRow)
        if not erased.isdisjoint(contact.ids)
        or erasure.mentions.is_one_of(to_builtins(found_contacts([contact])[0]))
    ]
    leads = [lead for lead_id in erasure.lead_ids if (lead := stored_lead(rows, lead_id)) is not None]
    ids = {name for contact in gone for name in contact.ids}
    ids |= {name for lead in leads for name in ids_of_person(lead)}
    others = {name for name in ids - erased if stored_lead(rows, name) is not None}
    return ForgottenContacts(
        tuple(Remove(FoundContactRow, contact.key) for contact in gone), frozenset(ids - others)
    )
