"""What others' records in the ledger say of erased people is removed, and their dead letters are. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any, ClassVar, Final

import msgspec
from msgspec.structs import replace

from services.ledger.domain.rows import DeadLetterRow, EventRow
from shared.lead.events.dead_letter import DeadLetterV1
from shared.lead.identity import identify
from shared.lead.ids import lead_id_of
from shared.lead.mentions import Mentions, identifiers_in
from shared.messaging.manifest import LEADS_RECEIVED
from shared.storage.rows import Change, IdentityMap, Put, Row
from shared.worker.erasure import CONTACT, KeyedHash
from shared.worker.rows import TombstoneRow

ROLE: Final = "ledger"
_NAMES_MAX: Final = 20_000
"""Of the identifiers in one dead letter, as many are compared."""
_PIECE: Final = 64 * 1024
"""A text is searched in pieces, so that no search holds up the process."""
_OVERLAP: Final = 400
_LEAD_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


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
    value = _json_of(raw)
    person = value.get("person") if isinstance(value, dict) else None
    names: dict[str, None] = dict.fromkeys(_contact_identifiers(person) if isinstance(person, dict) else ())
    texts = [letter.subject, (letter.key or b"").decode("utf-8", "replace"), raw.decode("utf-8", "replace")]
    if b"\\" in raw:  # escapes may hide an identifier in the text
        texts += _texts_in(value)
    found = (name for text in texts for name in _names_in_text(text))
    names |= dict.fromkeys(islice(found, _NAMES_MAX))
    names |= {lead_id_of(name): None for name in names if ":" in name}
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


def _json_of(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _contact_identifiers(person: dict[str, Any]) -> tuple[str, ...]:
    """Return the identifiers of a person; a number in national form is read in the person's country."""
    fields = ("email", "phone", "linkedin_url", "country")
    email, phone, profile, country = (
        text if isinstance(text := person.get(name), str) else None for name in fields
    )
    identity = identify(email, phone, profile, None, country)
    return identity.identifiers if identity else ()


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value if isinstance(value, list) else (*value, *value.values()):
            yield from _texts_in(item)


def _names_in_text(text: str) -> Iterator[str]:
    for start in range(0, len(text), _PIECE):
        piece = text[start : start + _PIECE + _OVERLAP]
        yield from (found[0].lower() for found in _LEAD_ID.finditer(piece))
        yield from (identifier for _start, _stop, identifier in identifiers_in(piece))
