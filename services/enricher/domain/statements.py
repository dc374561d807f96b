"""What weighs more when two statements about the same field differ: proof first, then the newer one. Pure.

A form from a public source, which anybody can fill in under any name, never replaces what a known source, a
provider or a person of ours has stated. Among statements of equal proof the newer one holds, in whatever
order they arrive. Messages, answers and the origin of a lead go by time alone: they are what was said last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Provenance

_ATTRIBUTED: Final = ("person.", "company.")
"""Fields with a provenance: facts about somebody, which need proof."""


class Statement(Struct, frozen=True, omit_defaults=True):
    """When something was stated and how well that is proven; `fields` are the names that it still holds for.

    `public`: by a form from a public source. `unparsed`: the text has no normal form. `derived`: the value
    follows from another field, as the company's domain does from an e-mail address.
    """

    at: datetime
    public: bool = False
    unparsed: bool = False
    derived: bool = False
    fields: tuple[str, ...] = ()


def stated_at(received: LeadReceivedV1, arrived_at: datetime) -> datetime:
    """Return when a form was filled in: as it says itself, but never later than it arrived."""
    return min(received.source.submitted_at or arrived_at, arrived_at)


def outweighs(name: str, new: Statement, old: Statement | None) -> bool:
    """Return whether the new statement about the field `name` replaces the old one."""
    return old is None or _weight(name, new) >= _weight(name, old)


def _weight(name: str, statement: Statement) -> tuple[bool, bool, bool, datetime]:
    if not name.startswith(_ATTRIBUTED):
        return (True, True, True, statement.at)
    return (not statement.public, not statement.unparsed, not statement.derived, statement.at)


def by_field(
    statements: Iterable[Statement], provenance: Provenance, others: Iterable[str], others_at: datetime | None
) -> dict[str, Statement]:
    """Return the statement that holds for each field, without `fields`.

    A field with a provenance and no statement was given by a provider, or before statements were kept. The
    fields in `others` have neither if they were given before; they count as stated at `others_at`.
    """
    current: dict[str, Statement] = {}
    if others_at is not None:
        current = dict.fromkeys(others, Statement(others_at))
    current |= {name: Statement(origin.at) for name, origin in provenance.items()}
    for statement in statements:
        current |= dict.fromkeys(statement.fields, replace(statement, fields=()))
    return current


def grouped(current: Mapping[str, Statement]) -> list[Statement]:
    """Return the statements with the fields that they hold for, the oldest first: as they are stored."""
    fields: dict[Statement, list[str]] = {}
    for name in sorted(current):
        fields.setdefault(current[name], []).append(name)
    groups = [replace(statement, fields=tuple(names)) for statement, names in fields.items()]
    return sorted(groups, key=lambda group: (group.at, group.fields))
