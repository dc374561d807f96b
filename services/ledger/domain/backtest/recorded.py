"""What the record of a decision says of the world at its time: who was away, whose turn it was."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import UNSET, Struct

from services.router.domain.state import AwayRepRow, RepQueueRow
from shared.lead.events.routing import Considered, PolicyVersions, RepShare, RotationTurn
from shared.storage.rows import Change, Put, Remove


class RecordedChoice(Struct, frozen=True):
    """The parts of a decision, or of a suppression, that a replay reads."""

    change: str = ""
    queue: str | None = None
    owner: str | None = None
    rule: str = ""
    reason: str = ""
    considered: list[Considered] = []
    turn: RotationTurn | None = None


class RecordedDecision(Struct, frozen=True):
    """An event of the router or the scorer, read as far as a replay needs it.

    `decision` is None in an event of the scorer, which has one `policy_version`.
    """

    lead_id: str = ""
    decision: RecordedChoice | None = None
    policy_versions: PolicyVersions | None = None
    policy_version: str | None = None


read_decision: Callable[[bytes], RecordedDecision] = msgspec.json.Decoder(RecordedDecision).decode


def availability(choice: RecordedChoice) -> list[Change]:
    """Return the rows that say who took no leads when the decision was made, as far as it is recorded.

    Who is away by the policy is told in a detail, and looked for after those rows.
    """
    changes: list[Change] = []
    for entry in choice.considered:
        if not isinstance(entry.rep, str):
            continue
        if entry.skipped == "unavailable" and entry.detail is None:
            changes.append(Put(AwayRepRow(entry.rep)))
        elif entry.skipped in ("unavailable", "lower_share", "off_hours", "at_cap"):
            changes.append(Remove(AwayRepRow, (entry.rep,)))
    if choice.change in ("assigned", "moved") and choice.owner is not None:
        changes.append(Remove(AwayRepRow, (choice.owner,)))
    return changes


def shares(choice: RecordedChoice) -> dict[tuple[str, str], RepShare]:
    """Return the recorded shares of the queue's reps, by queue and rep, from before the decision."""
    if choice.turn is None or choice.owner is None or choice.queue is None:
        return {}
    known = {entry.rep: entry.share for entry in choice.considered if isinstance(entry.share, RepShare)}
    queue = choice.queue
    return {
        (queue, str(rep)): share
        for rep, share in (known | {choice.owner: choice.turn.share}).items()
        if rep is not UNSET
    }


def drift(row: RepQueueRow | None, share: RepShare) -> tuple[int, int]:
    """Return by how much a replayed row differs from the record, in balance and credits."""
    return (
        share.balance - (row.balance if row else 0),
        share.credits - (row.credits if row else 0),
    )
