"""Finds the lead that an outcome or an action refers to: by id, by an alias of the id, or by e-mail."""

from __future__ import annotations

from typing import ClassVar

from shared.lead.identity import identify
from shared.storage.change_set import ChangeSet
from shared.storage.rows import Row


class LeadAliasRow(Row, frozen=True):
    """The enricher merged `alias_id` into the lead `lead_id`. The router only reads these rows."""

    alias_id: str
    lead_id: str
    table: ClassVar[str] = "lead_aliases"
    key_fields: ClassVar[tuple[str, ...]] = ("alias_id",)
    indexed: ClassVar[tuple[str, ...]] = ("lead_id",)


def referenced_lead_id(lead_id: str | None, email: str | None) -> str | None:
    """Return the given lead id, or else the one that the e-mail address identifies. Aliases are not resolved.

    None when there is neither an id nor a valid address.
    """
    if lead_id:
        return lead_id
    identity = identify(email=email) if email else None
    return identity.lead_id if identity else None


def resolve_alias(changes: ChangeSet, lead_id: str) -> str:
    """Return the id of the lead that `lead_id` was merged into, or `lead_id` itself."""
    alias = changes.get(LeadAliasRow, lead_id)
    return alias.lead_id if alias else lead_id
