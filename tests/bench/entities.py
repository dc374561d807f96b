"""The tables as classes of an ORM, and the objects that one message is decided on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from msgspec.structs import asdict
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

from services.tables import metadata as tables
from shared.storage.rows import IdentityMap, Row

R = TypeVar("R", bound=Row)


class Entity(DeclarativeBase):
    metadata = tables


@cache
def entity_of(table: str) -> type[Entity]:
    """Return the mapped class of a table."""
    return type(table, (Entity,), {"__table__": tables.tables[table]})


class InSession:
    """Objects of one session; `rows` has them as the values that decisions take."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self.rows = IdentityMap()

    async def get(self, kind: type[R], *key: Any, lock: bool = False) -> R | None:
        """Load the object of that key."""
        found = await self._session.get(entity_of(kind.table), key, with_for_update=lock)
        return None if found is None else self._take(kind, found)

    async def find(self, kind: type[R], which: Select[Any]) -> Sequence[R]:
        """Load the objects that a statement selects."""
        return [self._take(kind, found) for found in await self._session.scalars(which)]

    def _take(self, kind: type[R], found: Entity) -> R:
        row = kind(*[getattr(found, name) for name in kind.__struct_fields__])
        self.rows.add([row])
        return row

    async def commit(self) -> None:
        """Let the objects be as the rows have become, and commit."""
        for kind, net in self.rows.pending_writes().items():
            entity = entity_of(kind.table)
            self._session.add_all([entity(**asdict(row)) for row in net.inserted])
            for row in net.updated:
                await self._session.merge(entity(**asdict(row)))  # it was loaded: nothing is asked for
            for key in net.removed:
                stored = await self._session.get(entity, key)
                if stored is not None:
                    await self._session.delete(stored)
        await self._session.commit()
