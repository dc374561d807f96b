"""The rows of lead records and of what leads are found by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar, Final

from msgspec import field
from msgspec.structs import replace

from services.enricher.domain.consent import ConsentStatements
from services.enricher.domain.statements import Statement
from shared.lead.events.lead_enriched import Enrichment
from shared.lead.events.parts import (
    Activities,
    Answers,
    Company,
    Consent,
    DerivedFields,
    Message,
    Origin,
    Person,
    Provenance,
)
from shared.storage.rows import Row

ROLE: Final = "enricher"
OWNERS_MAX = 8
"""The leads that one identifier may belong to, at most; the newest are kept."""
_STATED_SOURCES: Final = frozenset({"form", "human", "crm"})
IDENTIFIERS_MAX = 20
"""The identifiers that one lead can be found by, at most; the oldest are kept."""


class LeadRow(Row, frozen=True):
    """One lead. `revision` counts its forms, `sequence` its enriched events, both from 1.

    A row of revision 0 is no lead: either its id is taken as an alias, or the person opted out before
    any form of theirs arrived. `identifiers` are those under which the lead can be found besides its id;
    `first_at` and `last_at` are when its first and its last form were sent. `statements` say when each value
    was stated and how well that is proven, `consent_statements` the same of its consent; both are None in a
    row from before they were kept. `merged` are the ids of all leads that became part of this one.
    `messages` are what the person wrote, the newest first, `message` among them; None in an older row.
    """

    lead_id: str
    account: str = ""
    revision: int = 0
    sequence: int = 0
    person: Person = Person()
    company: Company = Company()
    provenance: Provenance = field(default_factory=dict)
    enrichment: Enrichment = Enrichment("skipped", 0, [])
    source: Origin = Origin()
    message: str | None = None
    answers: Answers = field(default_factory=dict)
    activities: Activities = field(default_factory=list)
    consent: Consent = Consent()
    identifiers: tuple[str, ...] = ()
    first_at: datetime | None = None
    last_at: datetime | None = None
    derived: DerivedFields | None = None
    statements: list[Statement] | None = None
    consent_statements: ConsentStatements | None = None
    merged: list[str] | None = None
    messages: list[Message] | None = None
    table: ClassVar[str] = "leads"
    key_fields: ClassVar[tuple[str, ...]] = ("lead_id",)


class IdentifierRow(Row, frozen=True):
    """Which leads a phone number (`phone:+49…`) or a profile (`linkedin:https://…`) belongs to, newest first.

    An e-mail address has no row: its lead's id follows from it.
    """

    identifier: str
    lead_ids: list[str]
    table: ClassVar[str] = "lead_identifiers"
    key_fields: ClassVar[tuple[str, ...]] = ("identifier",)


class AliasRow(Row, frozen=True):
    """The lead that answers for an id which an identifier alone would give. Never an alias itself."""

    alias_id: str
    lead_id: str
    table: ClassVar[str] = "lead_aliases"
    key_fields: ClassVar[tuple[str, ...]] = ("alias_id",)
    indexed: ClassVar[tuple[str, ...]] = ("lead_id",)


def has_found_address(provenance: Provenance) -> bool:
    """Return whether a provider found the address: a seller may write to it, but it identifies nobody."""
    origin = provenance.get("person.email")
    return origin is not None and origin.source not in _STATED_SOURCES


def has_stated_address(lead: LeadRow) -> bool:
    """Return whether somebody stated the e-mail address of a lead, so that it identifies it."""
    return lead.person.email is not None and not has_found_address(lead.provenance)


def is_public(lead: LeadRow) -> bool:
    """Return whether only public forms reported the lead. A row without statements is older, not public."""
    return bool(lead.statements) and all(statement.public for statement in lead.statements or ())


def with_identifiers(lead: LeadRow, names: Iterable[str]) -> LeadRow:
    """Return the lead with more identifiers to be found by, at most `IDENTIFIERS_MAX`."""
    identifiers = tuple(dict.fromkeys((*lead.identifiers, *names)))[:IDENTIFIERS_MAX]
    return replace(lead, identifiers=identifiers)


def with_owner(lead_ids: Sequence[str], lead_id: str) -> list[str]:
    """Return the owners of an identifier with one more, the newest first, at most `OWNERS_MAX`."""
    return [lead_id, *lead_ids][:OWNERS_MAX]
