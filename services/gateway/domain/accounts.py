"""The intake decision for account knowledge, and accounts read from CSV. Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Annotated, Final

from msgspec import Meta, Struct

from services.gateway.domain.arrival import SOURCE, Arrival, invalid
from shared.errors import FieldProblem, Reject
from shared.lead.events.account_received import AccountReceivedV1, Relation
from shared.lead.events.envelope import Event
from shared.lead.events.parts import Word
from shared.lead.identity import account_key

ACCOUNT_RECEIVED: Final = "baton.account.received.v1"

_TRUE = frozenset({"true", "yes", "y", "1", "x"})
_FALSE = frozenset({"false", "no", "n", "0"})
_BETWEEN_ALIASES = re.compile(r"[;|,\s]+")
_NOBODYS = "This is not the domain of a company"


class AccountBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of what is known of an account; it replaces what was known before."""

    domain: Word | None = None
    name: Word | None = None
    relation: Relation = "none"
    owner: Word | None = None
    open_opportunity: bool = False
    segment: Word | None = None
    aliases: Annotated[list[Word], Meta(max_length=50)] = []


COLUMNS: Final = AccountBody.__struct_fields__


def key_of(domain: str | None) -> str:
    """Return the key of the account with this domain, empty when it is no company's."""
    return account_key(domain, None, "")


def receive_account(body: AccountBody, arrival: Arrival) -> Event[AccountReceivedV1]:
    """Return the event that `body` becomes. Raises `Reject` (422) when it names no company."""
    key = key_of(body.domain)
    problems = [] if key else [FieldProblem("/domain", _NOBODYS)]
    problems += [
        FieldProblem(f"/aliases/{index}", _NOBODYS)
        for index, alias in enumerate(body.aliases)
        if not key_of(alias)
    ]
    if problems or body.domain is None:
        raise invalid(tuple(problems))
    return Event(
        id=arrival.event_id(ACCOUNT_RECEIVED),
        source=SOURCE,
        type=ACCOUNT_RECEIVED,
        subject=key,
        time=arrival.at,
        data=AccountReceivedV1(
            domain=body.domain,
            name=body.name,
            relation=body.relation,
            owner=body.owner,
            open_opportunity=body.open_opportunity,
            segment=body.segment,
            aliases=body.aliases,
        ),
        key=key,
        traceparent=arrival.traceparent,
    )


def read_csv(raw: bytes) -> list[list[str]]:
    """Return the rows of a CSV text, its header first. Raises `Reject` (400)."""
    try:
        return [row for row in csv.reader(StringIO(raw.decode("utf-8-sig"), newline=""), strict=True) if row]
    except UnicodeDecodeError as error:
        raise Reject(400, "malformed-csv", "The body is not CSV", "It is not UTF-8") from error
    except csv.Error as error:
        raise Reject(400, "malformed-csv", "The body is not CSV", str(error)) from error


def columns_of(header: Sequence[str]) -> list[str]:
    """Return the fields that the columns stand for. Raises `Reject` (422) for a column that is none.

    Knowledge replaces knowledge: a column that is misspelt must not count as one that is empty.
    """
    names = [re.sub(r"[\s-]+", "_", name.strip().lower()) for name in header]
    problems = [
        FieldProblem(
            "", f"The column {name[:100]!r} is unknown or there twice; there are {', '.join(COLUMNS)}"
        )
        for index, name in enumerate(names)
        if name not in COLUMNS or name in names[:index]
    ]
    if "domain" not in names:
        problems.append(FieldProblem("", "A column domain is needed"))
    if problems:
        raise invalid(tuple(problems))
    return names


def cells_of(columns: Sequence[str], row: Sequence[str]) -> dict[str, object]:
    """Return what one row says of an account; an empty cell says nothing. Raises `Reject` (422)."""
    if len(row) > len(columns):
        raise invalid((FieldProblem("", f"The row has {len(row)} cells, the header has {len(columns)}"),))
    return dict(_cells(columns, row))


def _cells(columns: Sequence[str], row: Sequence[str]) -> Iterator[tuple[str, object]]:
    for name, cell in zip(columns, row, strict=False):
        text = cell.strip()
        if "\0" in text:
            raise invalid((FieldProblem(f"/{name}", "This holds a NUL character, which cannot be stored"),))
        if not text:
            continue
        match name:
            case "aliases":
                yield name, [alias for alias in _BETWEEN_ALIASES.split(text) if alias]
            case "relation":
                yield name, text.lower()
            case "open_opportunity":
                yield name, _boolean(text)
            case _:
                yield name, text


def _boolean(text: str) -> bool:
    word = text.lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise invalid((FieldProblem("/open_opportunity", "Say true or false"),))
