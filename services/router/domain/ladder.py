"""When the steps of a queue's ladder are due: what happens while nobody accepts a lead. Pure.

`remind` and `reassign` are about the owner, so their time begins anew with every owner. `escalate` and
`fallback` are about the lead: their time begins when the first owner of the queue gets it, and goes on when
the ladder gives it to the next one, so that reassigning keeps no manager waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.hours import WorkingHours

if TYPE_CHECKING:
    from shared.policy.models import LadderStep

_OF_OWNER: Final = ("remind", "reassign")
_REPLACED: Final = {"reassign": {"remind"}, "fallback": {"remind", "reassign"}}
"""What a step makes pointless that is due by the same time, as after an outage."""
_SECOND: Final = timedelta(seconds=1)


class StepClock(Struct, frozen=True, omit_defaults=True):
    """Counts the time of some steps of a ladder: at `since` it showed `shows` seconds; `taken` are done."""

    since: datetime
    shows: int = 0
    taken: int = 0


class LadderClocks(Struct, frozen=True):
    """The two clocks of an assignment: of the steps about its owner, and of those about the lead."""

    owner: StepClock
    queue: StepClock


class DueStep(NamedTuple):
    """A step of a ladder that is still to come. The earliest comes first, then the first in the policy."""

    due_at: datetime
    number: int
    step: LadderStep

    @property
    def is_deadline(self) -> bool:
        """Whether the owner should have accepted the lead by then: a reminder is none."""
        return self.step.do != "remind"


def clocks_from(at: datetime, queue: StepClock | None = None) -> LadderClocks:
    """Return the clocks of an assignment that begins; `queue` goes on if the ladder itself moved the lead."""
    return LadderClocks(StepClock(at), queue or StepClock(at))


def steps_of(ladder: Sequence[LadderStep], clocks: LadderClocks, hours: WorkingHours | None) -> list[DueStep]:
    """Return the steps that are not taken yet, in order. Business time is that of the owner's `hours`.

    A step of a clock never comes before an earlier one: those that are taken are its first ones.
    """
    found: list[DueStep] = []
    for clock, is_owners in ((clocks.owner, True), (clocks.queue, False)):
        steps = [(index, step) for index, step in enumerate(ladder) if (step.do in _OF_OWNER) is is_owners]
        due_at = clock.since
        for index, step in steps[clock.taken :]:
            left = max(step.after.seconds - clock.shows, 0) * _SECOND
            in_hours = hours if step.after.business and left else None
            ends = clock.since + left if in_hours is None else in_hours.deadline(clock.since, left)
            due_at = max(due_at, ends)
            found.append(DueStep(due_at, index, step))
    return sorted(found, key=lambda one: (one.due_at, one.number))


def accept_by_of(steps: Iterable[DueStep]) -> datetime | None:
    """Return the time of the first step that takes the lead from its owner or tells a manager."""
    return next((one.due_at for one in steps if one.is_deadline), None)


def steps_at(steps: Iterable[DueStep], at: datetime) -> list[DueStep]:
    """Return the steps that are due at `at`, without those that a later one makes pointless."""
    due = [one for one in steps if one.due_at <= at]
    replaced = {effect for one in due for effect in _REPLACED.get(one.step.do, ())}
    last: dict[str, DueStep] = {one.step.do: one for one in due}
    return [
        one
        for one in due
        if one.step.do == "escalate" or (one.step.do not in replaced and last[one.step.do] is one)
    ]


def with_taken(clocks: LadderClocks, steps: Iterable[DueStep], at: datetime) -> LadderClocks:
    """Return the clocks once the steps that are due at `at` are done."""
    due = [one.step.do in _OF_OWNER for one in steps if one.due_at <= at]
    owner, queue = clocks.owner, clocks.queue
    return LadderClocks(
        replace(owner, taken=owner.taken + sum(due)),
        replace(queue, taken=queue.taken + len(due) - sum(due)),
    )


def snoozed(
    clocks: LadderClocks, steps: Sequence[DueStep], hours: WorkingHours | None, until: datetime
) -> LadderClocks:
    """Return the clocks when the next deadline is moved to `until`, and later steps as long after it as ever.

    Reminders before that deadline are left out, or before `until` if there is none: whoever asks for time
    knows of the lead.
    """
    reminders = next((count for count, one in enumerate(steps) if one.is_deadline), None)
    if reminders is None:
        left_out = sum(one.due_at <= until for one in steps)
        return replace(clocks, owner=replace(clocks.owner, taken=clocks.owner.taken + left_out))
    deadline, later = steps[reminders], steps[reminders:]

    def moved(clock: StepClock, *, is_owners: bool) -> StepClock:
        following = next((one for one in later if (one.step.do in _OF_OWNER) is is_owners), None)
        if following is None:
            return clock
        after, distance = following.step.after, following.due_at - deadline.due_at
        if after.business and hours is not None:
            distance = hours.worked(deadline.due_at, following.due_at)
        return replace(clock, since=until, shows=after.seconds - distance // _SECOND)

    skipped = replace(clocks.owner, taken=clocks.owner.taken + reminders)
    return LadderClocks(moved(skipped, is_owners=True), moved(clocks.queue, is_owners=False))
