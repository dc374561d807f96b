"""People whom providers named at an account: the rows, and how an answer becomes rows. Pure.

They are no leads, and nobody writes to them. Of each is kept what a seller needs to know who they are: name,
title, address and profile; no telephone number. Whoever is a lead, opted out or was erased is not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import ClassVar, Final

from msgspec.structs import replace

from services.enricher.domain.providers import ProviderAnswer, ProviderFacts
from services.enricher.domain.record import ROLE, AliasRow, LeadRow
from services.enricher.domain.row_keys import surviving_lead_id
from shared.lead.buying_roles import BUYING_ROLES, BuyingRole, buying_role
from shared.lead.derived import derived_of
from shared.lead.events.account_enriched import CONTACTS_MAX, FoundContact
from shared.lead.events.parts import Person
from shared.lead.fields import SENIORITIES
from shared.lead.ids import lead_id_of
from shared.lead.normalise.emails import normalise_email
from shared.lead.normalise.linkedin import normalise_linkedin
from shared.lead.normalise.names import person_name
from shared.lead.normalise.text import NAME_LENGTH_MAX, fold, single_line
from shared.lead.normalise.titles import TITLE_LENGTH_MAX, seniority
from shared.storage.rows import IdentityMap, Row
from shared.worker.rows import TombstoneRow

KeyedHash = Callable[[str], str]
OF_ROLE_MAX: Final = 3
"""How many people of one buying role are kept of an answer, at most; the highest in rank, then the surest."""
_TITLE: Final = "person.title"


class FoundContactRow(Row, frozen=True):
    """Somebody whom a provider named at an account.

    `contact_id` is the lead id that the person's address would give, also one that is not kept, else their
    profile, else their name at this account; `profile_id` and `name_id` are the ids that the other two give.
    """

    account: str
    contact_id: str
    profile_id: str | None
    name_id: str
    person: Person
    role: BuyingRole
    provider: str
    confidence: float
    cost: int
    found_at: datetime
    table: ClassVar[str] = "account_contacts"
    key_fields: ClassVar[tuple[str, ...]] = ("account", "contact_id")
    indexed: ClassVar[tuple[str, ...]] = ("account",)

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id under which the person may be known: as a lead, or as somebody who was erased."""
        return tuple(dict.fromkeys(filter(None, (self.contact_id, self.profile_id, self.name_id))))


def name_id(account: str, person: Person) -> str | None:
    """Return the id that a full name gives at an account; None without a name."""
    name = " ".join(filter(None, (person.first_name, person.last_name)))
    return lead_id_of(f"contact:{account}:{fold(name)}") if name else None


def ids_of_person(lead: LeadRow) -> set[str]:
    """Return the ids under which a provider may have named the person of a lead at its account."""
    profile = lead.person.linkedin_url
    by_profile = lead_id_of(f"linkedin:{profile}") if profile else None
    ids = (derived_of(lead).email_lead_id, by_profile, name_id(lead.account, lead.person))
    return set(filter(None, ids))


def contacts_in(answer: ProviderAnswer, account: str) -> list[FoundContactRow]:
    """Return the people of an answer who have a name and one of the roles that were asked for.

    The price of the answer is split over them in whole cents.
    """
    found: list[FoundContactRow] = []
    seen: set[str] = set()
    for facts in answer.contacts:
        contact = _contact(facts, answer, account)
        if contact is not None and contact.role in answer.requested and seen.isdisjoint(contact.ids):
            found.append(contact)
            seen.update(contact.ids)
    found.sort(key=lambda one: (_rank(one), -one.confidence, one.contact_id))
    kept = [
        one for role in answer.requested for one in [one for one in found if one.role == role][:OF_ROLE_MAX]
    ]
    share, remainder = divmod(answer.cost if answer.billed else 0, len(kept) or 1)
    return [replace(contact, cost=share + (index < remainder)) for index, contact in enumerate(kept)]


def _contact(facts: ProviderFacts, answer: ProviderAnswer, account: str) -> FoundContactRow | None:
    """Return one person of an answer; None for one without a name or without a buying role."""
    person = facts.person
    address, profile = normalise_email(person.email), normalise_linkedin(person.linkedin_url)
    usable = address if address and address.kind == "work" and person.email_status != "invalid" else None
    person = Person(
        first_name=person_name(person.first_name),
        last_name=person_name(person.last_name),
        title=single_line(person.title, TITLE_LENGTH_MAX) or None,
        email=usable.address if usable else None,
        email_status=person.email_status if usable else None,
        linkedin_url=profile,
    )
    role, by_name = buying_role(person.title), name_id(account, person)
    if role is None or by_name is None:
        return None
    profile_id = lead_id_of(f"linkedin:{profile}") if profile else None
    by_email = lead_id_of(f"email:{address.identity}") if address else None
    return FoundContactRow(
        account=account,
        contact_id=by_email or profile_id or by_name,
        profile_id=profile_id,
        name_id=by_name,
        person=person,
        role=role,
        provider=answer.provider,
        confidence=facts.confidence.get(_TITLE, min(facts.confidence.values(), default=0.0)),
        cost=0,
        found_at=answer.at,
    )


def merged_contacts(
    known: Iterable[FoundContactRow], answer: ProviderAnswer, account: str
) -> list[FoundContactRow]:
    """Return the people of an account after an answer, `CONTACTS_MAX` at most.

    Of the roles that were asked for, an answer takes the place of what the same provider said before. Who is
    known already stays as known, so that two providers name nobody twice.
    """
    kept = [
        one
        for one in known
        if not (answer.is_conclusive and one.provider == answer.provider and one.role in answer.requested)
    ]
    seen = {name for one in kept for name in one.ids}
    new = [one for one in contacts_in(answer, account) if seen.isdisjoint(one.ids)]
    newest_first = sorted([*new, *kept], key=lambda one: one.found_at, reverse=True)
    return in_order(newest_first[:CONTACTS_MAX])


def in_order(contacts: Iterable[FoundContactRow]) -> list[FoundContactRow]:
    """Return contacts as they are shown: by buying role, the highest in rank first."""
    return sorted(contacts, key=lambda one: (BUYING_ROLES.index(one.role), _rank(one), one.contact_id))


def _rank(contact: FoundContactRow) -> int:
    """Return the place of a title in the ranks of a company, 0 for the highest."""
    level = seniority(contact.person.title)
    return SENIORITIES.index(level) if level is not None else len(SENIORITIES)


def may_be_kept(rows: IdentityMap, contact: FoundContactRow, keyed_hash: KeyedHash) -> bool:
    """Tell whether a person may be known as a contact: they are no lead, and did not opt out.

    Nor were they erased: their tombstones, of every id, must be loaded, and the rows of leads with these ids.
    """
    for name in contact.ids:
        lead = rows.get(LeadRow, surviving_lead_id(rows, name))
        if lead is not None and (lead.revision > 0 or lead.consent.opted_out is True):
            return False
        if rows.get(AliasRow, name) is not None or rows.get(TombstoneRow, keyed_hash(name), ROLE) is not None:
            return False
    return True


def contacts_of_ids(rows: IdentityMap, account: str, ids: Collection[str]) -> Iterator[FoundContactRow]:
    """Yield the loaded contacts that one of these ids means, at any account, or by name at this one."""
    for contact in rows.all(FoundContactRow):
        by_name = contact.account == account and contact.name_id in ids
        if by_name or contact.contact_id in ids or contact.profile_id in ids:
            yield contact


def found_contacts(contacts: Iterable[FoundContactRow]) -> list[FoundContact]:
    """Return rows as events carry them, at most `CONTACTS_MAX`."""
    return [
        FoundContact(
            name=" ".join(filter(None, (one.person.first_name, one.person.last_name)))[:NAME_LENGTH_MAX],
            title=one.person.title or "",
            role=one.role,
            known_from=one.provider,
            confidence=one.confidence,
            cost=one.cost,
            found_at=one.found_at,
            email=one.person.email,
            email_status=one.person.email_status,
            linkedin_url=one.person.linkedin_url,
        )
        for one in list(contacts)[:CONTACTS_MAX]
    ]
