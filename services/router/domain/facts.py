"""What routing rules can ask of a scored lead, by dotted field name; only what a policy asks is read.

The names of most fields are the path of the value in the event. What is absent, an empty text or an empty
list is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct

from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.fields import FactKeys
from shared.lead.normalise.spam import spam_score
from shared.lead.normalise.titles import department, seniority

Reader = Callable[[LeadScoredV1], Any]
Readers = tuple[tuple[str, Reader], ...]
"""Fields, and how each is read."""


class OwnerFacts(Struct, frozen=True):
    """The active owner of the lead or its account. `accepted`: this lead itself was accepted."""

    queue: str
    accepted: bool


def readers_of(fields: Iterable[str]) -> Readers:
    """Return how the fields are read that a scored lead has."""
    return tuple((field, reader) for field in fields if (reader := _reader(field)) is not None)


def route_facts(readers: Readers, data: LeadScoredV1, owner: OwnerFacts | None) -> dict[str, Any]:
    """Return the facts about a scored lead and its owner. The relation and the market are its account's."""
    facts: dict[str, Any] = {}
    for field, reader in readers:
        value = reader(data)
        if value is not None and value not in ("", []):
            facts[field] = value
    if owner is not None:
        facts[FactKeys.OWNER_ACTIVE] = True
        facts[FactKeys.OWNER_QUEUE] = owner.queue
        facts[FactKeys.OWNER_ACCEPTED] = owner.accepted
    return facts


def _reader(field: str) -> Reader | None:
    if field in _SPECIAL:
        return _SPECIAL[field]
    for stem, collection in _FAMILIES.items():
        if field.startswith(stem):
            return _entry(collection, field.removeprefix(stem))
    part, _, _name = field.partition(".")
    path = {"account": "account_view."}.get(part, f"{part}.") + field.removeprefix(f"{part}.")
    return attrgetter(path) if part in _PARTS else None


def _entry(collection: Callable[[Any], Any], name: str) -> Reader:
    return lambda data: collection(data).get(name)


def _email_domain(data: LeadScoredV1) -> str | None:
    email = data.person.email
    return email.rpartition("@")[2] if email else None


def _seniority(data: LeadScoredV1) -> str | None:
    person = data.person
    return person.seniority or (seniority(person.title) if person.title else None)


def _department(data: LeadScoredV1) -> str | None:
    person = data.person
    return person.department or (department(person.title) if person.title else None)


def _spam(data: LeadScoredV1) -> int:
    return spam_score(data.message, data.person.first_name, data.person.last_name).score


_PARTS: Final = frozenset(
    {"person", "company", "account", "source", "consent", "score", "signals", "trigger"}
)
_FAMILIES: Final[dict[str, Callable[[Any], Any]]] = {
    FactKeys.ANSWERS: attrgetter("answers"),
    FactKeys.UTM: attrgetter("source.utm"),
}
_SPECIAL: Final[dict[str, Reader]] = {
    FactKeys.EMAIL_DOMAIN: _email_domain,
    FactKeys.SENIORITY: _seniority,
    FactKeys.DEPARTMENT: _department,
    FactKeys.MESSAGE: attrgetter("message"),
    FactKeys.SPAM_SCORE: _spam,
    FactKeys.FIT_GRADE: lambda data: data.score.grade[:1],
    FactKeys.INTENT_GRADE: lambda data: int(data.score.grade[1:]),
    FactKeys.REVISION: attrgetter("revision"),
}
