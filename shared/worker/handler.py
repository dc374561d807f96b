"""What a role brings to the runtime: how to get ready, what to load, and the decision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from shared.lead.events.envelope import Event
from shared.storage.database import Tx
from shared.storage.rows import IdentityMap, Row
from shared.worker.decision import Step


class Handler(Protocol):
    """The decisions of a role. `role` names its consumer group and its tables' rows.

    Inputs whose type is in `claimed` are claimed by (source, id): a second one is `unchanged`. Others
    must be fenced by the handler itself (by `sequence`). Roles subclass it, for the default of `for_unit`.
    """

    role: str
    claimed: frozenset[str]

    def for_unit(self) -> Handler:
        """Return the handler that decides one whole unit of work, asked for as the unit begins.

        One that follows what may change meanwhile, such as the active policy, returns itself bound to what
        is there now, so that no unit is decided by two versions.
        """
        return self

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        """Do the I/O that the decision needs, outside any transaction. May replace the event's data."""
        ...

    def decide(self, world: IdentityMap, event: Event[Any], at: datetime) -> Step:
        """Return what follows from `event` at the instant `at`. Pure. Raises `DataError`."""
        ...


class Store(Protocol):
    """The rows of a role."""

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        """Return every row that deciding on `events` may need, locked in the one order of the role."""
        ...
