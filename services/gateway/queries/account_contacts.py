"""People whom data providers named at accounts, from the enricher's tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, or_, select

from services.enricher.domain.found_contacts import FoundContactRow, found_contacts, in_order
from services.enricher.tables import account_contacts, account_discoveries, leads
from shared.lead.events.account_enriched import FoundContact
from shared.lead.events.lead_enriched import EnrichmentStep
from shared.storage.database import Tx


async def contacts_of_account(tx: Tx, keys: Sequence[str]) -> tuple[list[FoundContact], list[EnrichmentStep]]:
    """Return the people who were found at an account and are no leads, and what was asked for them.

    `keys` are those of the account and of its aliases, at which they may have been found before.
    """
    table = account_contacts
    is_lead = select(leads.c.lead_id).where(
        leads.c.lead_id.in_([table.c.contact_id, table.c.profile_id]), leads.c.revision > 0
    )
    rows = await tx.execute(select(table).where(table.c.account.in_(keys), ~is_lead.exists()))
    asked = await tx.execute(
        select(account_discoveries.c.steps)
        .where(account_discoveries.c.account.in_(keys))
        .order_by(account_discoveries.c.account)
    )
    contacts = in_order(FoundContactRow(*tuple(row)) for row in rows)
    return found_contacts(contacts), [step for steps in asked.scalars() for step in steps]


def named_by(ids: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that one of these ids means a contact: that of an address, a profile or a name."""
    table = account_contacts.c
    return or_(table.contact_id.in_(ids), table.profile_id.in_(ids), table.name_id.in_(ids))


async def contacts_of_person(tx: Tx, ids: Sequence[str]) -> list[FoundContactRow]:
    """Return the contacts, of any account, that one of these ids means."""
    rows = await tx.execute(select(account_contacts).where(named_by(ids)))
    return [FoundContactRow(*tuple(row)) for row in rows]
