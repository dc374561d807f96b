"""Removes what others' records in the ledger say of erased people, and dead letters that name them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, ClassVar, Final

import msgspec
from msgspec.structs import replace

from services.ledger.domain.rows import DeadLetterRow, EventRow, ViewRow
from shared.lead.events.dead_letter import DeadLetterV1
from shared.lead.ids import lead_id_of
from shared.lead.mentions import Mentions, named_in_record
from shared.messaging.manifest import LEADS_RECEIVED
from shared.storage.rows import Change, IdentityMap, Put, Row
from shared.worker.erasure import CONTACT, KeyedHash
from shared.worker.rows import TombstoneRow

ROLE: Final = "ledger"
_SAID: Final = ("title", "company", "quote")
"""What a person says in a form, in a view."""


class LetterNamesRow(Row, frozen=True):
    """Whom a dead letter names, as keyed hashes. Stored nowhere: it is made when the letter is loaded."""

    id: str
    hashes: Collection[str]
    key_fields: ClassVar[tuple[str, ...]] = ("id",)


def names_somebody(letter: DeadLetterRow, mentions: Mentions) -> bool:
    """Return whether the record of a dead letter names one of these people, whether it is JSON or not."""
    raw = letter.value or b""
    value = _json_of(raw)
    return mentions.in_text(raw.decode("utf-8", "replace")) or mentions.removed_from(value) is not value


def names_in(letter: DeadLetterV1, keyed_hash: KeyedHash) -> LetterNamesRow:
    """Return the keyed hashes of the lead ids and identifiers that a dead letter holds anywhere."""
    raw = letter.value or b""
    key = (letter.key or b"").decode("utf-8", "replace")
    names = set(named_in_record((letter.subject, key, raw.decode("utf-8", "replace")), _json_of(raw)))
    names |= {lead_id_of(name) for name in names if ":" in name}
    return LetterNamesRow(letter.id, frozenset(map(keyed_hash, names)))


def is_of_erased(rows: IdentityMap, letter: DeadLetterV1) -> bool:
    """Tell whether a dead letter names a person who was erased, and who is no contact again by it.

    Its names and their tombstones must be loaded.
    """
    names = rows.get(LetterNamesRow, letter.id)
    stones = [rows.get(TombstoneRow, hashed, ROLE) for hashed in names.hashes] if names else []
    erased = [stone for stone in stones if stone is not None]
    is_later = letter.sent_at is not None and all(letter.sent_at > stone.at for stone in erased)
    is_contact = letter.topic == LEADS_RECEIVED.name and letter.event_type in ("", CONTACT)
    return bool(erased) and not (is_later and (is_contact or any(stone.returned for stone in erased)))


def tombstones_of_names(rows: IdentityMap, hashes: Iterable[str], stone: TombstoneRow) -> Iterator[Change]:
    """Yield the changes that keep what names an erased person, for dead letters that arrive later.

    `stone` is of that erasure; those of a later one stay.
    """
    for hashed in hashes:
        known = rows.get(TombstoneRow, hashed, stone.role)
        if known is None or known.at < stone.at:
            yield Put(replace(stone, hash=hashed))


def strike_out(events: Iterable[EventRow], mentions: Mentions) -> Iterator[Change]:
    """Yield the changes that remove these people from events about their account and their colleagues."""
    for row in events:
        data = msgspec.json.decode(row.data)
        without = mentions.removed_from(data)
        if without is not data:
            yield Put(replace(row, data=msgspec.json.encode(without).decode()))


def strike_out_of_views(views: Iterable[ViewRow], mentions: Mentions) -> Iterator[Change]:
    """Yield the changes that remove these people from what the views of other leads quote."""
    for row in views:
        said = {name: getattr(row, name) for name in _SAID}
        without = mentions.removed_from(said)
        if without is not said:
            yield Put(replace(row, **without))


def _json_of(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
