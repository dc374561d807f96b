"""The rows of every role that hold data of a person, for the export."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Table, or_, select

from services.enricher.domain.found_contacts import name_id
from services.enricher.tables import account_contacts, leads, provider_answers
from services.gateway.queries.account_contacts import named_by
from services.gateway.queries.people import StoredPerson
from services.gateway.tables import known_entities
from services.ledger.tables import dead_letters, events
from services.router.tables import assignments, deliveries, delivery_attempts
from services.scorer.tables import scores
from shared.lead.ids import lead_id_of
from shared.storage.database import Tx

Rows = list[dict[str, Any]]
_NAMES_MAX: Final = 5_000
"""Of a person's names at their accounts, as many are looked up, at most."""


async def stored_rows(tx: Tx, person: StoredPerson) -> dict[str, Rows]:
    """Return the rows of each kind, with their columns as the tables have them."""
    ids = list(person.lead_ids)
    own_events = select(events.c.id).where(events.c.subject.in_(ids))
    sent = select(deliveries.c.id).where(deliveries.c.lead_id.in_(ids))
    letters = or_(dead_letters.c.subject.in_(ids), dead_letters.c.event_id.in_(own_events))
    return {
        "records": await _rows(tx, leads, leads.c.lead_id.in_(ids) & (leads.c.revision > 0)),
        "provider_answers": await _rows(tx, provider_answers, provider_answers.c.about.in_(ids)),
        "scores": await _rows(tx, scores, scores.c.lead_id.in_(ids)),
        "assignments": await _rows(tx, assignments, assignments.c.lead_id.in_(ids)),
        "deliveries": await _rows(tx, deliveries, deliveries.c.lead_id.in_(ids)),
        "delivery_attempts": await _rows(tx, delivery_attempts, delivery_attempts.c.delivery_id.in_(sent)),
        "dead_letters": await _rows(tx, dead_letters, letters),
        "known_entities": await _rows(tx, known_entities, known_entities.c.lead_id.in_(ids)),
        "account_contacts": await _rows(tx, account_contacts, named_by(_contact_ids(person))),
    }


def _contact_ids(person: StoredPerson) -> list[str]:
    """Return the ids under which providers may have named the person at one of their accounts."""
    named = (name_id(account, one) for account in person.accounts for one in person.people)
    by_identifier = (lead_id_of(name) for name in person.identifiers)
    return list({*person.lead_ids, *by_identifier, *filter(None, islice(named, _NAMES_MAX))})


async def _rows(tx: Tx, table: Table, which: ColumnElement[bool]) -> Rows:
    found = await tx.execute(select(table).where(which).order_by(*table.primary_key))
    return [{name: _readable(value) for name, value in row.items()} for row in found.mappings()]


def _readable(value: Any) -> Any:
    """Return a value as JSON has it; bytes are text."""
    return (
        value.decode("utf-8", "replace")
        if isinstance(value, bytes)
        else msgspec.to_builtins(value, builtin_types=())
    )
