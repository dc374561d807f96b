"""Finds and strikes out what names a person, knowing only keyed hashes of the names. Pure.

An erasure travels through the stream and stays in the ledger, so it holds no personal data. It holds the
keyed hash of each identifier and of each full name (`hashes_of_person`). Whoever keeps texts in which the
person may be named hashes the addresses, numbers, profiles and names in them, and compares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from typing import Any, Final

from msgspec import Struct

from shared.lead.events.parts import Person
from shared.lead.identity import identify
from shared.lead.literal_text import written_text
from shared.lead.normalise.emails import normalise_email
from shared.lead.normalise.linkedin import normalise_linkedin
from shared.lead.normalise.phones import normalise_phone

STRUCK_OUT: Final = "[erased]"
NAME_WORDS_MAX: Final = 5
"""The longest name that is found within a text, in words."""

# Each pattern begins with what is rare in a text, so that a search takes time in proportion to the text, and
# what may stand before that is matched backwards from there.
_DOMAIN = re.compile(r"@[^\s@\"'<>(),;:=&\[\]{}\\/|?]{1,255}")
_LOCAL_REVERSED = re.compile(r"[^\s@\"'<>(),;:=&\[\]{}\\/|?]{1,64}")
_PROFILE = re.compile(r"linkedin\.com/in/[^\s\"'<>(),;\\]{1,200}", re.IGNORECASE)
_PROFILE_HOST_REVERSED = re.compile(r"(?:\.[\w-]{1,20})?(?://:s?ptth)?", re.IGNORECASE)
_PHONE = re.compile(r"(?:\+|00)\d[\d\s().\-/]{5,25}\d")
_WORD = re.compile(r"[^\W_]+(?:['\u2019\-][^\W_]+)*")
_COLLEAGUE = re.compile(r"- (?:Colleague|New there:|Found there:) ([^,]+)")
# Briefs of earlier releases escape markup with backslashes.
_MARKDOWN_ESCAPE = re.compile(r"\\([\\`*_\[\]<>#|~&/])")

_LEAD_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PIECE = 64 * 1024
_OVERLAP = 400
_PEOPLE: Final = frozenset({"stakeholders", "other_leads", "stakeholders_found", "contacts"})
"""The lists of events and briefs whose members are people."""
_CANDIDATES_MAX = 5_000
"""Of what looks like an identifier in one record, as much is read: a hostile record is nothing else."""

KeyedHash = Callable[[str], str]
"""Maps an identifier or a name to its keyed hash, in hex."""


def hashes_of_person(
    identifiers: Iterable[str], people: Iterable[Person], keyed_hash: KeyedHash
) -> list[str]:
    """Return the keyed hashes of everything that names a person.

    `identifiers` are texts such as `email:ana@kestrel.example`; `people` is what was ever known of the
    person. A first or last name alone names too many people to be found within a text.
    """
    named = set(identifiers)
    for person in people:
        words = _WORD.findall(" ".join(filter(None, (person.first_name, person.last_name))))
        if words:
            named.add(_name(words))
    return sorted(map(keyed_hash, named))


class Mentions(Struct, frozen=True):
    """What names the people whose `hashes` these are."""

    hashes: Collection[str]
    keyed_hash: KeyedHash

    def in_text(self, text: str) -> bool:
        """Tell whether a text names one of them."""
        return next(self._spans(text), None) is not None

    def struck_out(self, text: str) -> str:
        """Return the text with what names them replaced."""
        parts, end = [], 0
        for start, stop in sorted(set(self._spans(text)), key=lambda span: (span[0], -span[1])):
            if start >= end:
                parts += [text[end:start], STRUCK_OUT]
                end = stop
        return "".join([*parts, text[end:]]) if parts else text

    def removed_from(self, value: Any) -> Any:
        """Return a JSON value without what names them; the same object when nothing does.

        They are in no list of an account's people any more, and the lines of a brief about them are gone.
        """
        if isinstance(value, str):
            return self.struck_out(value)
        if isinstance(value, list):
            items = [self.removed_from(item) for item in value]
            return value if all(new is old for new, old in zip(items, value, strict=True)) else items
        if isinstance(value, dict):
            changed = {name: self._field_without(name, item) for name, item in value.items()}
            return value if all(changed[name] is item for name, item in value.items()) else changed
        return value

    def _field_without(self, name: str, value: Any) -> Any:
        if name in _PEOPLE and isinstance(value, list):
            others = [one for one in value if not self.is_one_of(one)]
            return value if len(others) == len(value) else others
        if name == "markdown" and isinstance(value, str):
            lines = value.split("\n")
            written = (_MARKDOWN_ESCAPE.sub(r"\1", written_text(line)) for line in lines)
            kept = [line for line, text in zip(lines, written, strict=True) if not self._is_about(text)]
            return value if len(kept) == len(lines) else "\n".join(kept)
        return self.removed_from(value)

    def _is_about(self, line: str) -> bool:
        """Tell whether a line of a brief names one of them, also a colleague by a single name."""
        colleague = _COLLEAGUE.match(line)
        return self.in_text(line) or (colleague is not None and self.is_one_of({"name": colleague[1]}))

    def is_one_of(self, stakeholder: Any) -> bool:
        """Tell whether a stakeholder is one of them, also one of whom a single name is known."""
        name = stakeholder.get("name") if isinstance(stakeholder, dict) else None
        words = _WORD.findall(name) if isinstance(name, str) else []
        is_named = bool(words) and self.keyed_hash(_name(words)) in self.hashes
        return is_named or self.removed_from(stakeholder) is not stakeholder

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where they are named, from start to end."""
        for start, stop, identifier in _identifiers_in(text):
            if self.keyed_hash(identifier) in self.hashes:
                yield start, stop
        words = list(_WORD.finditer(text))
        for index, first in enumerate(words):
            for last in range(index + 1, min(index + NAME_WORDS_MAX, len(words))):
                found = words[index : last + 1]
                if self.keyed_hash(_name([word[0] for word in found])) in self.hashes:
                    yield first.start(), words[last].end()


def named_in_record(texts: Iterable[str], value: Any) -> Iterator[str]:
    """Yield the identifiers and lead ids in a record of any size that may be anything, with repeats.

    `value` is its JSON value, None when it is no JSON: escapes may hide an identifier in the text, and a
    number in national form is read in the person's country. The texts are searched in pieces, and only the
    first of what looks like an identifier is read, so that no record holds up the process.
    """
    person = value.get("person") if isinstance(value, dict) else None
    if isinstance(person, dict):
        email, phone, profile, country = (
            text if isinstance(text := person.get(name), str) else None
            for name in ("email", "phone", "linkedin_url", "country")
        )
        identity = identify(email, phone, profile, None, country)
        yield from identity.identifiers if identity else ()
    texts = tuple(texts)
    is_escaped = any("\\" in text for text in texts)
    found = (
        name
        for text in (*texts, *(_texts_in(value) if is_escaped else ()))
        for start in range(0, len(text), _PIECE)
        for name in _names_in(text[start : start + _PIECE + _OVERLAP])
    )
    yield from filter(None, islice(found, _CANDIDATES_MAX))


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value if isinstance(value, list) else (*value, *value.values()):
            yield from _texts_in(item)


def _names_in(text: str) -> Iterator[str | None]:
    """Yield each lead id, and the normal form of whatever looks like an identifier; None if it is none."""
    if "-" in text:
        yield from (found[0].lower() for found in _LEAD_ID.finditer(text))
    yield from (identifier for _start, _stop, identifier in _candidates_in(text))


def _identifiers_in(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and normal form of each address, profile and international number in a text."""
    for start, stop, identifier in _candidates_in(text):
        if identifier is not None:
            yield start, stop, identifier


def _candidates_in(text: str) -> Iterator[tuple[int, int, str | None]]:
    """Yield start, end and normal form of what looks like an identifier; None if it is none."""
    for found in _DOMAIN.finditer(text):
        local = _LOCAL_REVERSED.match(text[max(0, found.start() - 64) : found.start()][::-1])
        start = found.start() - (len(local[0]) if local else 0)
        address = normalise_email(text[start : found.end()].rstrip(".")) if local else None
        yield start, found.end(), f"email:{address.identity}" if address else None
    for found in _PROFILE.finditer(text):
        host = _PROFILE_HOST_REVERSED.match(text[max(0, found.start() - 30) : found.start()][::-1])
        start = found.start() - (len(host[0]) if host else 0)
        profile = normalise_linkedin(text[start : found.end()].rstrip("."))
        yield start, found.end(), f"linkedin:{profile}" if profile else None
    for found in _PHONE.finditer(text):
        number = normalise_phone(found[0])
        yield found.start(), found.end(), f"phone:{number}" if number else None


def _name(words: Iterable[str]) -> str:
    return f"name:{' '.join(words).casefold()}"
