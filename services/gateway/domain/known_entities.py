"""Which person or account the id of a vendor means, as earlier records say. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import ClassVar, Final

from msgspec import Struct

from shared.storage.rows import Row

KEPT: Final = timedelta(days=400)
"""How long an id is known after a record last named it."""
VENDOR_ROWS_MAX: Final = 200_000
"""How many ids of one vendor are known; those that were named longest ago are forgotten."""


class EntityId(Struct, frozen=True):
    """The id that a vendor gives to a person or an account."""

    kind: str
    id: str


class Entity(Struct, frozen=True):
    """A person or an account whose id an earlier record has."""

    email: str | None = None
    domain: str | None = None
    lead_id: str | None = None


Entities = Mapping[EntityId, Entity]
NO_ENTITIES: Final[Entities] = {}


class EntityRow(Row, frozen=True):
    """An entity under its key; see `entity_key`."""

    key_text: str
    vendor: str
    email: str | None
    domain: str | None
    lead_id: str | None
    told_at: datetime
    table: ClassVar[str] = "known_entities"
    key_fields: ClassVar[tuple[str, ...]] = ("key_text",)
    upsert: ClassVar[bool] = True


def entity_key(vendor: str, entity: EntityId) -> str:
    """Return the key under which an entity is known: ids count within their vendor and kind."""
    return f"{vendor}:{entity.kind}:{entity.id}"


def entity_rows(vendor: str, entities: Entities, at: datetime) -> list[EntityRow]:
    """Return the rows of the entities of a record, which was received at `at`."""
    return [
        EntityRow(entity_key(vendor, id_), vendor, entity.email, entity.domain, entity.lead_id, at)
        for id_, entity in entities.items()
    ]


def entities_by_id(vendor: str, ids: Iterable[EntityId], rows: Iterable[EntityRow]) -> Entities:
    """Return the entities that rows hold, by id."""
    stored = {row.key_text: Entity(row.email, row.domain, row.lead_id) for row in rows}
    found = {id_: stored.get(entity_key(vendor, id_)) for id_ in ids}
    return {id_: entity for id_, entity in found.items() if entity is not None}
