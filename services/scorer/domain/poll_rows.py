"""What is stored of vendors that are asked: where a round is, what was spent, and what each account had."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal, get_args

from msgspec import field

from shared.storage.rows import Row

PollState = Literal["active", "limited", "paused", "failing", "budget_spent", "no_key", "unusable"]
"""`limited`: the vendor wants fewer calls. `paused`: it refuses the key, or its credits are spent. `failing`:
calls fail. `budget_spent`: nothing is left of the day's budget. `no_key`: the variable with the key is not
set. `unusable`: the policy names no provider of the vendor, or one that cannot be reached.
"""
POLL_STATES: tuple[PollState, ...] = get_args(PollState)


class PollSourceRow(Row, frozen=True):
    """A source that asks its vendor. The round that began at `round_at` has come to `position`.

    `walked` is how many accounts it has asked about, `is_walked` whether there are no more for this round.
    What brought no answer is in `retries`, with how often it was tried. `spent_cents` are those of `day`
    (UTC), calls that are under way included. `failures` are calls in a row that failed; `pause_s` is the
    length of the present pause.
    """

    source: str
    round_at: datetime
    since: datetime
    position: str = ""
    walked: int = 0
    is_walked: bool = False
    retries: dict[str, int] = field(default_factory=dict)
    day: str = ""
    spent_cents: int = 0
    state: PollState = "active"
    reason: str = ""
    failures: int = 0
    pause_s: float = 0.0
    table: ClassVar[str] = "poll_sources"
    key_fields: ClassVar[tuple[str, ...]] = ("source",)


class PolledAccountRow(Row, frozen=True):
    """What a source knows of one account: its first answer at `baseline_at`, and the records `seen` since.

    `cursor` is where the vendor goes on the next time.
    """

    source: str
    account: str
    baseline_at: datetime
    polled_at: datetime
    cursor: str | None = None
    seen: list[str] = field(default_factory=list)
    table: ClassVar[str] = "polled_accounts"
    key_fields: ClassVar[tuple[str, ...]] = ("source", "account")
