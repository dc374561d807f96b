"""Which lead an outcome or an action is about: by its id, an alias of it, or an e-mail address."""

from __future__ import annotations

from typing import ClassVar

from shared.lead.identity import identify
from shared.storage.change_set import ChangeSet
from shared.storage.rows import Row


class AliasRow(Row, frozen=True):
    """The enricher found that `alias_id` is the lead `lead_id`. Read here, never written."""

    alias_id: str
    lead_id: str
    table: ClassVar[str] = "lead_aliases"
    key_fields: ClassVar[tuple[str, ...]] = ("alias_id",)


def named_lead(lead_id: str | None, email: str | None) -> str | None:
    """Return the lead id that is meant, before aliases; None when nobody is."""
    if lead_id:
        return lead_id
    identity = identify(email=email) if email else None
    return identity.lead_id if identity else None


def surviving_lead(draft: ChangeSet, lead_id: str) -> str:
    """Return the lead that answers to this id: itself, or the one that it is an alias of."""
    alias = draft.get(AliasRow, lead_id)
    return alias.lead_id if alias else lead_id
