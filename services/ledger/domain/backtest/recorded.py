"""What the record of a decision says of the world at its time: who was away, whose turn it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from services.router.domain.state import RepQueueRow
from shared.lead.events.routing import Considered, PolicyVersions, RepShare, RotationTurn
from shared.storage.rows import Key


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


_SAYS_WHO_TAKES: Final = frozenset({"unavailable", "lower_share", "off_hours", "at_cap"})
_NO_LEADS: Final = RepQueueRow("", "")
read_decision: Callable[[bytes], RecordedDecision] = msgspec.json.Decoder(RecordedDecision).decode


def availability(choice: RecordedChoice) -> dict[str, bool]:
    """Return by the id of a rep whether the rep took leads when the decision was made, as far as recorded.

    Who is away by the policy is recorded in a detail, and looked for after what a rep said.
    """
    takes: dict[str, bool] = {}
    for entry in choice.considered:
        rep, skipped = entry.rep, entry.skipped
        if isinstance(rep, str) and skipped in _SAYS_WHO_TAKES:
            takes[rep] = skipped != "unavailable" or entry.detail is not None
    if choice.change in ("assigned", "moved") and choice.owner is not None:
        takes[choice.owner] = True
    return takes


def drifts(choice: RecordedChoice, rows: Mapping[Key, RepQueueRow]) -> list[tuple[tuple[str, str], int, int]]:
    """Return which reps' replayed shares differ from those of the record, from before the decision.

    Each with its queue and rep, and by how much the record has more in balance and in credits. `rows` are the
    replayed ones by queue and rep.
    """
    queue, turn = choice.queue, choice.turn
    if turn is None or choice.owner is None or queue is None:
        return []
    known = {entry.rep: entry.share for entry in choice.considered if type(entry.share) is RepShare}
    known[choice.owner] = turn.share
    found: list[tuple[tuple[str, str], int, int]] = []
    for rep, share in known.items():
        row = rows.get((queue, rep), _NO_LEADS)
        balance, credits_ = share.balance - row.balance, share.credits - row.credits
        if (balance or credits_) and isinstance(rep, str):
            found.append(((queue, rep), balance, credits_))
    return found
