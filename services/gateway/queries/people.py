"""Everything under which a person is stored: the ids of leads, identifiers, names, and accounts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import select

from services.enricher.domain.found_contacts import name_id
from services.enricher.tables import lead_identifiers, leads
from services.gateway.queries.account_contacts import contacts_of_person
from services.gateway.queries.lead_view import ids_of_lead, surviving_lead
from services.ledger.tables import events, lead_views
from services.scorer.domain.subjects import name_key
from services.scorer.tables import accounts as scored_accounts
from services.scorer.tables import scores
from shared.lead.events.parts import Company, Person
from shared.lead.events.subjects import account_name_id
from shared.lead.identity import Identity, identify
from shared.lead.normalise.names import company_key
from shared.storage.database import Tx

_RECORDED: Final = "baton.lead.enriched.v1"
"""The events that have former names: the merged records, not what anybody typed into a form."""
_EVENTS_MAX: Final = 1_000
"""The events of a person that are searched for former names and companies, at most; the newest ones."""
_NAMED_MAX: Final = 400
"""Of identifiers, of names and of accounts, as many as an erasure can hold; the present ones come first."""


class StoredPerson(Struct, frozen=True):
    """What a person is stored under. The first of `lead_ids` is their lead, the others are its aliases.

    `people` is every name that the person was ever known by; `accounts` are the keys of accounts at which
    others' records may name the person.
    """

    lead_ids: Sequence[str]
    identifiers: Collection[str]
    people: Sequence[Person]
    accounts: Sequence[str]


class _NamedData(Struct):
    person: Person = Person()
    company: Company = Company()


_read_names = msgspec.json.Decoder(_NamedData).decode


async def leads_of_person(tx: Tx, identities: Sequence[Identity]) -> list[str]:
    """Return the ids of the leads that any of these identities means, without their aliases.

    A phone number or a profile means the leads that it belongs to; there may be several.
    """
    found: dict[str, None] = {}
    for identity in identities:
        lead_id = await surviving_lead(tx, identity.lead_id)
        owners = await tx.execute(
            select(lead_identifiers.c.lead_ids).where(lead_identifiers.c.identifier.in_(identity.identifiers))
        )
        owned = [await surviving_lead(tx, owner) for row in owners.scalars() for owner in row]
        found |= dict.fromkeys(owned or [lead_id])
    return list(found)


async def stored_person(tx: Tx, lead_ids: Sequence[str], identities: Sequence[Identity]) -> StoredPerson:
    """Return what a person is stored under who has these leads and is named by these identities."""
    aliases = [one for lead_id in lead_ids for one in await ids_of_lead(tx, lead_id)]
    ids = list(dict.fromkeys([*lead_ids, *(identity.lead_id for identity in identities), *aliases]))
    identifiers = dict.fromkeys(name for identity in identities for name in identity.identifiers)
    people: dict[Person, None] = {}
    accounts: dict[str, None] = {}
    stored = await tx.execute(
        select(leads.c.account, leads.c.person, leads.c.company, leads.c.identifiers).where(
            leads.c.lead_id.in_(ids)
        )
    )
    named: dict[tuple[Person, str | None], None] = {}
    for row in stored.mappings():
        accounts[row["account"]] = None
        identifiers |= dict.fromkeys(row["identifiers"])
        named[row["person"], row["company"].name] = None
    # Whom providers named at an account, be it somebody who never was a lead.
    by_name = (name_id(account, person) for person, _ in named for account in accounts)
    for contact in await contacts_of_person(tx, [*ids, *filter(None, by_name)]):
        accounts[contact.account] = None
        named[contact.person, None] = None
    for table in (lead_views, scores):
        found = await tx.execute(select(table.c.account).where(table.c.lead_id.in_(ids)))
        accounts |= dict.fromkeys(found.scalars())
    newest = select(events.c.data).where(events.c.subject.in_(ids), events.c.type == _RECORDED)
    for text in (await tx.execute(newest.order_by(events.c.at.desc()).limit(_EVENTS_MAX))).scalars():
        data = _read_names(text)
        named[data.person, data.company.name] = None
    company_names: list[str | None] = []
    for person, company_name in named:
        own = identify(person.email, person.phone, person.linkedin_url, None, person.country)
        identifiers |= dict.fromkeys(own.identifiers if own else ())
        people[Person(first_name=person.first_name, last_name=person.last_name)] = None
        if company_name:  # signals that give the account by its name only
            company_names.append(company_key(company_name))
    known_as = select(scored_accounts.c.name_key).where(scored_accounts.c.account.in_(list(accounts)))
    known = (await tx.execute(known_as)).scalars()
    company_names += [key.removeprefix("name:") for key in known if key]
    for name in company_names:
        accounts |= {account_name_id(name): None, name_key(name) or "": None}
    shared = await _shared_with_others(tx, identifiers, ids)
    return StoredPerson(
        lead_ids=ids,
        identifiers=[name for name in identifiers if name not in shared][:_NAMED_MAX],
        people=list(people)[:_NAMED_MAX],
        accounts=[key for key in accounts if key and key not in ids][:_NAMED_MAX],
    )


async def _shared_with_others(tx: Tx, identifiers: Collection[str], lead_ids: Collection[str]) -> set[str]:
    """Return the phone numbers and profiles that are those of other leads too, such as a switchboard's."""
    statement = select(lead_identifiers).where(lead_identifiers.c.identifier.in_(identifiers))
    rows = (await tx.execute(statement)).mappings()
    return {row["identifier"] for row in rows if not set(row["lead_ids"]).issubset(lead_ids)}
