"""The counters of the reports: what the history of a lead adds to each, and what an event changes of that.

A counter is a row of one of four tables: its key is a day and names, its values are sums. A history has its
share in counters; an event of the lead adds the difference between the shares after and before it. So the
counters are the sum over all leads, whatever the order of the events and however often one is repeated.

Days are those of UTC, as the number of days since 1970. What became of leads (`lead_counters`) counts on the
day on which the lead was captured, everything else on the day on which it happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, zip_longest
from math import log2
from typing import ClassVar, Final, Literal

from msgspec import Struct

from services.ledger.domain.lead_history import SUPPRESSED, RepAct, LeadHistory, LeadDecision
from shared.storage.rows import Row

DAY_MS: Final = 86_400_000
BUCKETS_PER_DOUBLING: Final = 4
"""Durations are counted in buckets, each 2^(1/4) as long as the one before: a median is within 10 %."""
_BUCKET_MAX: Final = 40 * BUCKETS_PER_DOUBLING

Clock = Literal["route", "accept", "act", "qualify"]
"""From capture to the first decision; from assignment to acceptance, and to the first other act of a rep;
from the first acceptance of the lead to its first opportunity."""
Dimension = Literal["channel", "source", "campaign", "grade", "band"]

_ACCEPTING: Final = frozenset({"accept", "accepted", "meeting_booked", "opportunity"})
_REVENUE: Final = ("renewed", "expanded", "contracted", "churned")

CounterKey = tuple[str | int, ...]
Counts = dict[str, int]
Share = dict[tuple[str, CounterKey], Counts]


class CounterDelta(Struct, frozen=True, array_like=True):
    """What is to be added to one row of the counter table `table`; `key` is its day and names."""

    table: str
    key: tuple[str | int, ...]
    counts: dict[str, int]


class CounterDeltaRow(Row, frozen=True):
    """What one unit of work adds to the counters. They are added up a little later, without contention."""

    id: str
    deltas: list[CounterDelta]
    table: ClassVar[str] = "counter_deltas"
    key_fields: ClassVar[tuple[str, ...]] = ("id",)


class Assignment(Struct, frozen=True):
    """The time in which a rep had a lead of a queue; `ended` is the decision that ended it."""

    began: LeadDecision
    owner: str
    ended: LeadDecision | None
    accepted_at: int | None
    acted_at: int | None

    @property
    def is_late(self) -> bool:
        """Whether it was accepted too late, or taken away because it was not accepted in time."""
        if self.accepted_at is None:
            return self.ended is not None and self.ended.overdue
        return self.began.accept_by is not None and self.accepted_at > self.began.accept_by


def add_counts(counts: Counts, more: Mapping[str, int], times: int = 1) -> None:
    """Add `more`, `times` over, to `counts` in place."""
    for name, number in more.items():
        counts[name] = counts.get(name, 0) + times * number


def summed(deltas: Iterable[CounterDelta]) -> Share:
    """Return the sum of deltas by table and key."""
    total: Share = {}
    for delta in deltas:
        add_counts(total.setdefault((delta.table, delta.key), {}), delta.counts)
    return total


def with_change(
    deltas: Iterable[CounterDelta], before: LeadHistory, after: LeadHistory
) -> list[CounterDelta]:
    """Return deltas with what the counters gain, or lose, when the history of a lead changes."""
    total = summed(deltas)
    for share, times in ((share_of(after), 1), (share_of(before), -1)):
        for key, counts in share.items():
            add_counts(total.setdefault(key, {}), counts, times)
    return [
        CounterDelta(table, key, changed)
        for (table, key), counts in total.items()
        if (changed := {name: number for name, number in counts.items() if number})
    ]


def share_of(history: LeadHistory) -> Share:
    """Return what the history of one lead has in the counters."""
    tally = _Tally()
    assignments = list(_assignments(history))
    for decision in history.decisions:
        tally.add(
            "flow_counters", _day(decision.at), decision.queue, decision.change, decision.step, decided=1
        )
    _count_assignments(tally, history, assignments)
    _count_outcomes(tally, history, assignments)
    if history.origin is not None and not history.merged:
        _count_lead(tally, history, assignments)
    return tally.share


def bucket_of(ms: int) -> int:
    """Return the bucket of a duration. Bucket n > 0 begins at 2^((n - 1) / 4) milliseconds."""
    return 0 if ms < 1 else min(_BUCKET_MAX, int(log2(ms) * BUCKETS_PER_DOUBLING) + 1)


class _Tally:
    """Adds up the share of a history."""

    def __init__(self) -> None:
        self.share: Share = {}

    def add(self, table: str, *key: str | int, **counts: int) -> None:
        add_counts(self.share.setdefault((table, key), {}), counts)

    def time(self, clock: Clock, queue: str, began: int, ended: int) -> None:
        """Count a duration, on the day on which it ended."""
        self.add("duration_counters", _day(ended), queue, clock, bucket_of(ended - began), measured=1)


def _day(ms: int) -> int:
    return ms // DAY_MS


def _assignments(history: LeadHistory) -> Iterator[Assignment]:
    """Yield who had the lead, in the order of time. An owner who keeps it in its queue has one assignment."""
    runs = [list(run) for _key, run in groupby(history.decisions, key=_holder)]
    earliest = 0  # what a rep's clock dates before the first assignment belongs to it
    for run, following in zip_longest(runs, runs[1:]):
        first, owner = run[0], run[0].owner
        if owner is None:
            continue
        ended = following[0] if following else None
        own = [
            (act.kind, max(act.at, first.at))
            for act in history.acts
            if earliest <= act.at and (ended is None or act.at < ended.at) and act.rep in (None, owner)
        ]
        accepted = [at for kind, at in own if kind in _ACCEPTING]
        acted = [at for kind, at in own if kind not in ("accept", "accepted")]
        accepted_at = first.at if first.taken else min(accepted, default=None)
        yield Assignment(first, owner, ended, accepted_at, min(acted, default=None))
        earliest = ended.at if ended else 0


def _holder(decision: LeadDecision) -> tuple[str, str] | None:
    return (decision.queue, decision.owner) if decision.owner is not None else None


def _count_assignments(tally: _Tally, history: LeadHistory, assignments: Sequence[Assignment]) -> None:
    first = history.decisions[0] if history.decisions else None
    if first is not None and first.change != SUPPRESSED and history.captured is not None:
        tally.time("route", first.queue, history.captured, first.at)
    for one in assignments:
        queue, at = one.began.queue, one.began.at
        tally.add("rep_counters", _day(at), queue, one.owner, assigned=1)
        if one.is_late:
            late_at = one.accepted_at if one.accepted_at is not None or one.ended is None else one.ended.at
            tally.add("rep_counters", _day(late_at or at), queue, one.owner, late=1)
        if one.accepted_at is not None:
            tally.add("rep_counters", _day(one.accepted_at), queue, one.owner, accepted=1)
            tally.time("accept", queue, at, one.accepted_at)
        if one.acted_at is not None:
            tally.time("act", queue, at, one.acted_at)


def _count_outcomes(tally: _Tally, history: LeadHistory, assignments: Sequence[Assignment]) -> None:
    for act in history.acts:
        counts = _counts_of(act)
        if counts:
            tally.add("rep_counters", _day(act.at), *_credited(act, assignments), **counts)
    first_meeting = next((act for act in history.acts if act.kind == "meeting_booked"), None)
    opportunities = [act for act in history.acts if act.kind == "opportunity"]
    if first_meeting is not None:
        became = {"met_opportunity": 1} if opportunities else {}
        credited = _credited(first_meeting, assignments)
        tally.add("rep_counters", _day(first_meeting.at), *credited, met=1, **became)
    replied = next((act for act in history.acts if act.kind == "reply"), None)
    if replied is not None:
        tally.add("rep_counters", _day(replied.at), *_credited(replied, assignments), replied=1)
    taken_up = next((one for one in assignments if one.accepted_at is not None), None)
    if opportunities and taken_up is not None and taken_up.accepted_at is not None:
        ended = max(opportunities[0].at, taken_up.accepted_at)
        tally.time("qualify", taken_up.began.queue, taken_up.accepted_at, ended)
    _count_opportunities(tally, history, assignments)


def _counts_of(act: RepAct) -> Counts:
    """Return what a act adds to the counters of its rep by itself."""
    counts: Counts = {}
    if act.kind in _REVENUE:
        counts[f"{act.kind}_usd"] = act.usd or 0
        counts["revenue_events"] = 1
        counts["without_usd"] = 1 if act.usd is None else 0
    elif act.kind in ("reject", "rejected"):
        counts["rejected"] = 1
    elif act.kind == "meeting_booked":
        counts["meetings"] = 1
    elif act.kind == "meeting_held":
        counts["meetings_held"] = 1
    elif act.kind == "pilot_started":
        counts["pilots"] = 1
    return counts


def _count_opportunities(tally: _Tally, history: LeadHistory, assignments: Sequence[Assignment]) -> None:
    """Count opportunities and pilots once each, however often they were told of, by their latest result."""
    acts: dict[str, list[RepAct]] = {}
    for act in history.acts:
        acts.setdefault(act.opportunity, []).append(act)
    for told in acts.values():
        opened = next((act for act in told if act.kind == "opportunity"), None)
        closed = next((act for act in reversed(told) if act.kind in ("won", "lost")), None)
        pilot = next((act for act in reversed(told) if act.kind in ("pilot_won", "pilot_lost")), None)
        amount = next((act.usd for act in reversed(told) if _is_stage(act) and act.usd is not None), None)
        if pilot is not None:
            name = "pilots_won" if pilot.kind == "pilot_won" else "pilots_lost"
            tally.add("rep_counters", _day(pilot.at), *_credited(pilot, assignments), **{name: 1})
        unknown = {"without_usd": 1} if amount is None else {}
        if opened is not None:
            credited, day = _credited(opened, assignments), _day(opened.at)
            opened_usd = {"opportunity_usd": amount or 0, "open_usd": amount or 0}
            tally.add("rep_counters", day, *credited, opportunities=1, **opened_usd, **unknown)
            if closed is not None:
                tally.add("rep_counters", _day(max(closed.at, opened.at)), *credited, open_usd=-(amount or 0))
            source = _originator(opened, history, assignments)
            named = (
                {"named_usd": amount or 0, "named": 1}
                if any(decision.named for decision in history.decisions)
                else {}
            )
            tally.add("rep_counters", day, *source, sourced=1, sourced_usd=amount or 0, **named)
        if closed is not None:
            counts = {"won": 1, "won_usd": amount or 0} if closed.kind == "won" else {"lost": 1}
            credited = _credited(closed, assignments)
            tally.add("rep_counters", _day(closed.at), *credited, **counts, **({} if opened else unknown))


def _is_stage(act: RepAct) -> bool:
    return act.kind in ("opportunity", "won", "lost")


def _originator(opened: RepAct, history: LeadHistory, assignments: Sequence[Assignment]) -> tuple[str, str]:
    """Return whose work made the opportunity: who booked the first meeting, else who accepted first."""
    meeting = next((act for act in history.acts if act.kind == "meeting_booked"), None)
    if meeting is not None:
        return _credited(meeting, assignments)
    first = next((one for one in assignments if one.accepted_at is not None), None)
    return (first.began.queue, first.owner) if first is not None else _credited(opened, assignments)


def _credited(act: RepAct, assignments: Sequence[Assignment]) -> tuple[str, str]:
    """Return queue and rep that a act counts for: the rep it names, else who had the lead at the time.

    After the lead was closed that is who had it last. Both are empty where nobody ever had it.
    """
    begun = [one for one in assignments if one.began.at <= act.at] or assignments[:1]
    own = [one for one in begun if act.rep in (None, one.owner)]
    if own:
        return own[-1].began.queue, own[-1].owner
    return (begun[-1].began.queue if begun else "", act.rep or "")


def _count_lead(tally: _Tally, history: LeadHistory, assignments: Sequence[Assignment]) -> None:
    """Count the lead once, on the day of its capture, for each thing that reports break leads down by."""
    origin = history.origin
    assert origin is not None  # noqa: S101 - of a lead that is counted
    kinds = {act.kind for act in history.acts}
    is_won = "won" in kinds
    counts = {
        "captured": 1,
        "suppressed": int(bool(history.decisions) and history.decisions[-1].change == SUPPRESSED),
        "assigned": int(bool(assignments)),
        "accepted": int(any(one.accepted_at is not None for one in assignments)),
        "meetings": int(bool(kinds & {"meeting_booked", "meeting_held"})),
        "opportunities": int(is_won or "opportunity" in kinds),
        "won": int(is_won),
        "lost": int("lost" in kinds and not is_won),
        "won_usd": sum(act.usd or 0 for act in history.acts if act.kind == "won"),
    }
    decided = assignments[0].began if assignments else history.decisions[0] if history.decisions else None
    names: dict[Dimension, str] = {
        "channel": origin.channel,
        "source": origin.source,
        "campaign": origin.campaign,
        "grade": decided.grade if decided else "",
        "band": decided.band if decided else "",
    }
    captured = origin.at if history.captured is None else min(history.captured, origin.at)
    for dimension, name in names.items():
        tally.add("lead_counters", _day(captured), dimension, name, **counts)
