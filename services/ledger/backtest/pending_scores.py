"""The scores of one world that are not routed yet: the live router decided on them at a later instant."""

from __future__ import annotations

from typing import Final

from services.ledger.backtest.work_file import SCORED, WorkFile
from shared.lead.events.envelope import Event, decode_data
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.registry import BY_NAME

_SCORED: Final = BY_NAME[SCORED]


class PendingScores:
    """Scores by their subject and cause. Those that are left at the end of a chunk go to the file.

    Most are routed within the chunk, so that they are neither written nor decoded.
    """

    def __init__(self, file: WorkFile, world: str) -> None:
        self._file = file
        self._world = world
        self._new: dict[tuple[str, str], tuple[LeadScoredV1, bytes]] = {}

    def put(self, scored: Event[LeadScoredV1]) -> None:
        """Keep a score until it is routed."""
        self._new[scored.subject, scored.causation_id] = scored.data, scored.raw

    def take(self, subject: str, cause: str) -> tuple[LeadScoredV1, bytes] | None:
        """Return a kept score, as data and as JSON, and forget it; None if there is none."""
        found = self._new.pop((subject, cause), None)
        if found is None and self._file.known.may_have((SCORED, subject, cause)):
            raw = self._file.take_pending(self._world, subject, cause)
            found = None if raw is None else (decode_data(_SCORED, raw), raw)
        return found

    def flush(self) -> None:
        """Write to the file what is kept."""
        for subject, cause in self._new:
            self._file.known.add((SCORED, subject, cause))
        self._file.put_pending(self._world, ((*key, raw) for key, (_data, raw) in self._new.items()))
        self._new.clear()
