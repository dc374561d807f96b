"""What each provider was asked, what it cost and what came of it, by day. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from msgspec import field
from msgspec.structs import replace

from services.enricher.domain.providers import ProviderAnswer, budget_day
from services.enricher.domain.record import LeadRow
from shared.storage.rows import Row

CONTACTS: Final = "account.contacts"
"""The name under which the cents for people of an account are counted."""


class SpendRow(Row, frozen=True):
    """Calls of one provider on one day (UTC, such as `2026-03-01`), and their cost in cents.

    `answers` of the calls said something, be it that there is no match. After `unchanged` of them the lead
    was as before. `field_cents` has the cents by field; its sum is `cents`.
    """

    day: str
    provider: str
    calls: int = 0
    matches: int = 0
    cents: int = 0
    answers: int = 0
    unchanged: int = 0
    field_cents: dict[str, int] = field(default_factory=dict)
    table: ClassVar[str] = "provider_spend"
    key_fields: ClassVar[tuple[str, ...]] = ("day", "provider")


def add_spend(
    rows: Mapping[tuple[str, str], SpendRow],
    answers: Iterable[ProviderAnswer],
    before: LeadRow,
    after: LeadRow,
) -> list[SpendRow]:
    """Return the rows that change when these answers are counted, which made of a lead what it is `after`."""
    changed: dict[tuple[str, str], SpendRow] = {}
    for answer in answers:
        if not answer.billed or answer.outcome == "skipped":
            continue
        key = (budget_day(answer.at), answer.provider)
        row = changed.get(key) or rows.get(key) or SpendRow(*key)
        gained = _gained_fields(answer, before, after)
        changed[key] = _counted(row, answer, gained or answer.requested, is_gain=bool(gained))
    return [row for _key, row in sorted(changed.items())]


def add_contact_spend(
    rows: Mapping[tuple[str, str], SpendRow], answer: ProviderAnswer, *, found: bool
) -> list[SpendRow]:
    """Return the row that changes when an answer about the people of an account is counted, if any does."""
    if not answer.billed or answer.outcome == "skipped":
        return []
    key = (budget_day(answer.at), answer.provider)
    return [_counted(rows.get(key) or SpendRow(*key), answer, (CONTACTS,), is_gain=found)]


def _counted(row: SpendRow, answer: ProviderAnswer, names: Iterable[str], *, is_gain: bool) -> SpendRow:
    return replace(
        row,
        calls=row.calls + 1,
        matches=row.matches + (answer.outcome in ("match", "stale")),
        cents=row.cents + answer.cost,
        answers=row.answers + answer.is_conclusive,
        unchanged=row.unchanged + (answer.is_conclusive and not is_gain),
        field_cents=_add_shares(row.field_cents, answer.cost, names),
    )


def _gained_fields(answer: ProviderAnswer, before: LeadRow, after: LeadRow) -> tuple[str, ...]:
    """Return the fields of a lead whose value is now the one of this answer, and was not before."""
    return tuple(
        name
        for name in answer.facts.confidence
        if (origin := after.provenance.get(name)) is not None
        and (origin.source, origin.at) == (answer.provider, answer.observed_at)
        and origin != before.provenance.get(name)
    )


def _add_shares(field_cents: Mapping[str, int], cents: int, names: Iterable[str]) -> dict[str, int]:
    """Split cents over fields in whole cents; those of an answer about no field are under an empty name."""
    names = tuple(names) or ("",)
    share, remainder = divmod(cents, len(names))
    shares = {name: share + (index < remainder) for index, name in enumerate(names)}
    total = {name: field_cents.get(name, 0) + shares.get(name, 0) for name in {**field_cents, **shares}}
    return {name: amount for name, amount in total.items() if amount}
