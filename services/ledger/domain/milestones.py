"""What a lead has reached, so that the leads behind a number of a report are found by an index. Pure."""

from __future__ import annotations

from typing import ClassVar, Literal

from shared.storage.rows import Row

Stage = Literal[
    "routed",
    "suppressed",
    "undecided",
    "late",
    "accepted",
    "given_back",
    "meeting_booked",
    "meeting_held",
    "opportunity",
    "won",
]
"""The first three say which way the rules sent the lead last: each lead that counts has one of them."""


class MilestoneRow(Row, frozen=True):
    """A stage that a lead has reached, perhaps several times: `number` counts them.

    `hour` is that in which the reports count it, from 1970 on; of the way that a lead went it is the hour of
    its first routing, None where there was none. `captured_hour` is that in which the lead counts as
    received, None while it does not. `grade` is the one that the lead counts under. `queue` and `reason` (of
    a lead that was given back) are empty where there is none.
    """

    lead_id: str
    stage: str
    number: int
    hour: int | None
    captured_hour: int | None
    grade: str
    queue: str
    reason: str
    table: ClassVar[str] = "lead_milestones"
    key_fields: ClassVar[tuple[str, ...]] = ("lead_id", "stage", "number")
    upsert: ClassVar[bool] = True
