"""What a role's decision returns. Pure: a domain module imports this and loads no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from shared.lead.events.envelope import Emit
from shared.storage.rows import Change


class Outcome(StrEnum):
    """What became of one input."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    PARKED = "parked"
    SUPERSEDED = "superseded"
    DEAD_LETTERED = "dead_lettered"


class Step(Struct, frozen=True):
    """The result of one decision: its outcome, the changes to rows, and the events to publish, in order."""

    outcome: Outcome
    changes: Sequence[Change] = ()
    emits: Sequence[Emit] = ()
