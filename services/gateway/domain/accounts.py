"""Account knowledge as the API takes it: the event that it becomes, and rows of CSV. Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any, Final

from services.gateway.domain.arrival import Arrival, domain_problem, invalid
from services.gateway.domain.received import Received, received_event
from services.scorer.domain.subjects import account_keys, canonical_key
from shared.errors import FieldProblem, Reject
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.identity import account_key

ACCOUNT_RECEIVED: Final = "baton.account.received.v1"
COLUMNS: Final = AccountReceivedV1.__struct_fields__
"""The columns that a CSV of accounts may have, of which `domain` is needed."""

_TRUE = frozenset({"true", "yes", "y", "1", "x"})
_FALSE = frozenset({"false", "no", "n", "0"})
_BETWEEN_ALIASES = re.compile(r"[;|,\s]+")


def key_of_domain(domain: str | None, also_shared: frozenset[str] = frozenset()) -> str:
    """Return the account key of a domain; empty when it is no company's, as of a free mail provider."""
    return account_key(domain, None, "", also_shared)


def receive_account(knowledge: AccountReceivedV1, arrival: Arrival) -> Received[AccountReceivedV1]:
    """Return the event for account knowledge. Raises `Reject` (422) for a domain of no company."""
    key = key_of_domain(knowledge.domain, arrival.shared_hosts)
    faults = [] if key else [domain_problem("/domain", knowledge.domain)]
    faults += [
        domain_problem(f"/aliases/{index}", alias)
        for index, alias in enumerate(knowledge.aliases)
        if not key_of_domain(alias, arrival.shared_hosts)
    ]
    if faults:
        raise invalid(tuple(faults))
    return received_event(ACCOUNT_RECEIVED, knowledge, arrival, subject=key, key=key)


def refuse_alias_conflicts(told: AccountReceivedV1, known: Mapping[str, AccountReceivedV1]) -> None:
    """Raise `Reject` (422) for an alias that cannot join the account, or for knowledge of an alias itself.

    `known` is what is stored under the keys of the account and of its aliases; an alias has the knowledge of
    the account that it is an alias of. An alias that has knowledge of its own joins: that gives way.
    """
    key, faults = key_of_domain(told.domain), []
    account = canonical_key(key, known.get(key))
    if account != key:
        told_there = (
            f"{key} is an alias of {account}: say there what is known, or that it is no alias any more"
        )
        faults.append(FieldProblem("/domain", told_there))
    named = {key_of_domain(alias) for alias in told.aliases}
    for index, text in enumerate(told.aliases):
        alias = key_of_domain(text)
        owner = canonical_key(alias, known.get(alias))
        if owner not in (key, alias):
            faults.append(FieldProblem(f"/aliases/{index}", f"{alias} is an alias of {owner} already"))
        elif owner == alias != key and (others := _aliases_of(known.get(alias)) - named):
            others_named = f"{alias} has aliases of its own, which have to be named here too: {min(others)}"
            faults.append(FieldProblem(f"/aliases/{index}", others_named))
    if faults:
        raise invalid(tuple(faults))


def _aliases_of(knowledge: AccountReceivedV1 | None) -> set[str]:
    return set(account_keys(knowledge)[1:]) if knowledge else set()


def read_csv(raw: bytes) -> tuple[list[str], list[list[str]]]:
    """Return the columns, as names of fields, and the rows below the header, without empty ones.

    Raises `Reject`: 400 when it is not CSV in UTF-8, 422 when there is no row, or a column is unknown, there
    twice or missing. Knowledge replaces knowledge: a misspelt column must not count as an empty one.
    """
    try:
        reader = csv.reader(StringIO(raw.decode("utf-8-sig"), newline=""), strict=True)
        header, *rows = [row for row in reader if row] or [[]]
    except UnicodeDecodeError as error:
        raise Reject(400, "malformed-csv", "The body is not CSV", "It is not UTF-8") from error
    except csv.Error as error:
        raise Reject(400, "malformed-csv", "The body is not CSV", str(error)) from error
    columns = [re.sub(r"[\s-]+", "_", name.strip().lower()) for name in header]
    faults = [
        f"The column {name[:100]!r} is unknown or there twice; there are {', '.join(COLUMNS)}"
        for index, name in enumerate(columns)
        if name not in COLUMNS or name in columns[:index]
    ]
    if "domain" not in columns:
        faults.append("A column domain is needed")
    if faults:
        raise invalid(tuple(FieldProblem("", fault) for fault in faults))
    if not rows:
        raise Reject(422, "empty-list", "There is no row under the header")
    return columns, rows


def fields_of_row(columns: Sequence[str], row: Sequence[str]) -> dict[str, Any]:
    """Return the fields of one row, as a JSON body would have them; an empty cell is left out.

    Raises `Reject` (422) with all faults of the row that have to do with its being text.
    """
    if len(row) > len(columns):
        raise invalid((FieldProblem("", f"The row has {len(row)} cells, the header has {len(columns)}"),))
    fields: dict[str, Any] = {}
    faults: list[FieldProblem] = []
    for name, cell in zip(columns, row, strict=False):
        text = cell.strip()
        if "\0" in text:
            faults.append(FieldProblem(f"/{name}", "This holds a NUL character, which cannot be stored"))
        elif text and name == "aliases":
            fields[name] = [alias for alias in _BETWEEN_ALIASES.split(text) if alias]
        elif text and name == "relation":
            fields[name] = text.lower()
        elif text and name == "open_opportunity":
            fields[name] = text.lower() in _TRUE
            if text.lower() not in _TRUE | _FALSE:
                faults.append(FieldProblem("/open_opportunity", "This is neither true nor false"))
        elif text:
            fields[name] = text
    if faults:
        raise invalid(tuple(faults))
    return fields
