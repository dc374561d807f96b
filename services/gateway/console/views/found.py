"""What a search found, for the palette. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from services.gateway.queries.search import FoundAccount, FoundRep


class FoundLeadView(Struct, frozen=True):
    """A lead; `about` is title and company."""

    lead_id: str
    grade: str | None
    name: str
    about: str
    queue: str | None


class FoundView(Struct, frozen=True):
    """The options of the palette that the server knows."""

    leads: Sequence[FoundLeadView] = ()
    accounts: Sequence[FoundAccount] = ()
    reps: Sequence[FoundRep] = ()


def found_view(
    leads: Sequence[Mapping[str, Any]], accounts: Sequence[FoundAccount], reps: Sequence[FoundRep]
) -> FoundView:
    """Return the view of what was found; `leads` are rows of the search."""
    return FoundView([_lead(row) for row in leads], accounts, reps)


def _lead(row: Mapping[str, Any]) -> FoundLeadView:
    name = row["name"] or row["email"] or row["account"]
    about = ", ".join(filter(None, (row["title"], row["company"] or row["account"])))
    return FoundLeadView(row["lead_id"], row["grade"], name, about, row["queue"])
