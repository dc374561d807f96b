"""The two interfaces that a role implements: its decisions, and the loading of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from shared.lead.events.envelope import Event
from shared.lead.mentions import Mentions
from shared.storage.database import Tx
from shared.storage.rows import Change, IdentityMap, Row
from shared.worker.decision import Step
from shared.worker.erasure import Erasure, Redaction, without_mentions


class Handler(Protocol):
    """The decisions of a role. Roles subclass it for the defaults of `for_unit` and `redact`.

    `role` is the name of its consumer group, and its share of the tables that all roles use. An event whose
    type is in `claimed` is claimed by (source, id), and a second one with the same claim is `unchanged`. For
    other types the handler itself must make a repeated event harmless (by `sequence`).
    """

    role: str
    claimed: frozenset[str]

    def for_unit(self) -> Handler:
        """Return the handler that decides one whole unit of work; called when the unit begins.

        A handler that follows the active policy returns one bound to the version that is active now, so that
        no unit is decided by two versions.
        """
        return self

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        """Do the I/O that the decision needs, outside any transaction. May replace the event's data."""
        ...

    def decide(self, world: IdentityMap, event: Event[Any], at: datetime) -> Step:
        """Return the decision on `event` at the instant `at`. Pure. Raises `DataError`.

        Erasures are not passed here: see `redact`.
        """
        ...

    def end_unit(self, rows: IdentityMap) -> Sequence[Change]:
        """Return what a unit of work writes besides the changes of its decisions, after the last one. Pure.

        `rows` has all of these changes. By default there is nothing more.
        """
        del rows
        return ()

    def without_mentions(self, event: Event[Any], mentions: Mentions) -> Event[Any]:
        """Return a prepared event without what names these erased people. Pure.

        A role that replaces the data of events that may name others (`MAY_NAME_OTHERS`) overrides it.
        """
        return without_mentions(event, mentions)

    def redact(self, rows: IdentityMap, erasure: Erasure, at: datetime) -> Redaction:
        """Return the changes that forget a person; by default there are none."""
        del rows, erasure, at
        return Redaction()


class Store(Protocol):
    """The rows of a role."""

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        """Return every row that deciding on `events` may need.

        Rows that may change are locked, always in the same order within a role, so that two units of work
        cannot block each other for ever.
        """
        ...
