"""Loads the enricher's rows, with locks: identifiers by name, leads by id, then each day's spending."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.enricher.domain.discovery import AccountDiscoveryRow, DiscoverContacts
from services.enricher.domain.found_contacts import FoundContactRow, KeyedHash, contacts_in
from services.enricher.domain.providers import CachedAnswerRow, EnrichForm, EnrichRetry, budget_day
from services.enricher.domain.record import ROLE, AliasRow, IdentifierRow, LeadRow, has_stated_address
from services.enricher.domain.row_keys import RowKeys, keys_of_event
from services.enricher.domain.spending import SpendRow
from services.enricher.domain.vendor_jobs import VendorJobRow
from shared.errors import Retry
from shared.lead.events.envelope import Event
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.ownership_change import OwnershipChange
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.storage.database import Tx
from shared.storage.rows import Row
from shared.worker.rows import TimerRow, TombstoneRow


class EnricherStore:
    """Loads the rows that forms, opt-outs, answers of providers and erasures may change.

    `keyed_hash` finds the tombstones of people whom providers name. Raises `Retry` when another unit of work
    changed what was found before it was locked.
    """

    def __init__(self, keyed_hash: KeyedHash) -> None:
        self._keyed_hash = keyed_hash

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        keys = [keys_of_event(event.data) for event in events]
        erases = any(one.erases for one in keys)
        # An erasure needs all identifiers of its leads, and identifiers are locked first: so find them first.
        seen = _leads(await rows_of(tx, keys)) if erases else []
        identifiers = {name for lead in seen for name in lead.identifiers}
        rows = await rows_of(tx, keys, identifiers=identifiers, lock=True)
        aliases = [row for row in rows if isinstance(row, AliasRow)]
        erased = {lead_id for one in keys if one.erases for lead_id in one.lead_ids}
        # An earlier event of the same unit may make any lead that was seen the one that is erased.
        erasable = {lead.lead_id for lead in seen} | erased
        erasable |= {alias.lead_id for alias in aliases if alias.alias_id in erased}
        for lead in _leads(rows):
            if lead.lead_id in erasable and not identifiers.issuperset(lead.identifiers):
                raise Retry("a lead that may be erased was just changed")
        alias_ids = {alias.alias_id for alias in aliases}
        reserved = {lead.lead_id for lead in _leads(rows) if lead.revision == 0} - alias_ids
        if reserved and await tx.load(AliasRow, "alias_id", reserved):
            raise Retry("the lead was just joined to another")
        if erases:
            lead_ids = {lead_id for one in keys for lead_id in one.lead_ids}
            lead_ids |= alias_ids | {lead.lead_id for lead in _leads(rows)}
            rows += await tx.load(CachedAnswerRow, "about", lead_ids)
            rows += await tx.load(VendorJobRow, "about", lead_ids)
        owned = {
            lead_id
            for event, one in zip(events, keys, strict=True)
            if isinstance(event.data, LeadRoutedV1 | OwnershipChange)
            for lead_id in one.lead_ids
        }
        owned |= {alias.lead_id for alias in aliases if alias.alias_id in owned}
        owned |= {
            event.data.account for event in events if isinstance(event.data, LeadRoutedV1 | OwnershipChange)
        }
        rows += await tx.load(TimerRow, "subject", owned, role=ROLE)
        rows += await self._contacts(tx, events, keys)
        lookups = [event.data.lookup for event in events if isinstance(event.data, EnrichForm | EnrichRetry)]
        answers = [answer for lookup in lookups for answer in lookup.answers]
        found = (event.data.lookup.answer for event in events if isinstance(event.data, DiscoverContacts))
        answers += filter(None, found)
        days = {budget_day(answer.at) for answer in answers if answer.billed}
        return [*rows, *await tx.load(SpendRow, "day", days, lock=True)]

    async def _contacts(self, tx: Tx, events: Sequence[Event[Any]], keys: Sequence[RowKeys]) -> list[Row]:
        """Return the people whom providers named, with what was asked for them.

        Of those in an answer, also the leads and tombstones under whose ids they may be known.
        """
        erases = any(one.erases for one in keys)
        discovered = {event.data.subject for event in events if isinstance(event.data, DiscoverContacts)}
        ids = {
            lead_id
            for event, one in zip(events, keys, strict=True)
            if isinstance(event.data, EnrichForm | SignalReceivedV1 | PersonErasedV1)
            for lead_id in one.lead_ids
        }
        accounts = discovered | {account for one in keys for account in one.accounts}
        seen = await tx.load(FoundContactRow, "account", accounts)
        seen += await tx.load(FoundContactRow, "contact_id", ids)
        seen += await tx.load(FoundContactRow, "profile_id", ids if erases else ())
        if not seen and not discovered:
            return []
        accounts = discovered | {row.account for row in seen}
        # Once these are locked, no other unit of work changes the contacts of the accounts.
        rows: list[Row] = [*await tx.load(AccountDiscoveryRow, "account", accounts, lock=True)]
        contacts = await tx.load(FoundContactRow, "account", accounts)
        named = [*contacts]
        for event in events:
            if isinstance(event.data, DiscoverContacts) and event.data.lookup.answer is not None:
                named += contacts_in(event.data.lookup.answer, event.data.subject)
        named_ids = {name for row in named for name in row.ids} if discovered or erases else set[str]()
        aliases = await tx.load(AliasRow, "alias_id", named_ids)
        rows += [*aliases, *await tx.load(LeadRow, "lead_id", named_ids | {row.lead_id for row in aliases})]
        hashes = {self._keyed_hash(name) for name in named_ids}
        return [*contacts, *rows, *await tx.load(TombstoneRow, "hash", hashes, role=ROLE)]


async def rows_of(
    tx: Tx, keys: Sequence[RowKeys], *, identifiers: Iterable[str] = (), lock: bool = False
) -> list[Row]:
    """Return the rows of all keys and of more `identifiers`, and the leads that these lead to."""
    lead_ids = {lead_id for one in keys for lead_id in one.lead_ids}
    names = {name for one in keys for name in one.identifiers} | set(identifiers)
    owned = await tx.load(IdentifierRow, "identifier", names, lock=lock)
    lead_ids |= {lead_id for row in owned for lead_id in row.lead_ids}
    aliases = await tx.load(AliasRow, "alias_id", lead_ids)
    lead_ids |= {alias.lead_id for alias in aliases}
    if any(one.erases for one in keys):
        aliases += await tx.load(AliasRow, "lead_id", lead_ids)
        lead_ids |= {alias.alias_id for alias in aliases}
    leads = await tx.load(LeadRow, "lead_id", lead_ids, lock=lock)
    # A form may merge any lead without e-mail that its phone or profile leads to; its aliases move then.
    movable = {lead.lead_id for lead in leads if lead.revision > 0 and not has_stated_address(lead)}
    if owned and movable:
        aliases += await tx.load(AliasRow, "lead_id", movable)
    return [*owned, *aliases, *leads]


def _leads(rows: Iterable[Row]) -> list[LeadRow]:
    return [row for row in rows if isinstance(row, LeadRow)]
