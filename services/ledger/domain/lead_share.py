"""What the history of one lead has in the counters of reports, and what an event changes in that. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, zip_longest
from typing import Final

from msgspec import Struct

from services.ledger.domain.counters import (
    DAY_MS,
    Clock,
    CounterDelta,
    Counts,
    Dimension,
    Share,
    add_counts,
    bucket_of,
)
from services.ledger.domain.lead_history import (
    SUPPRESSED,
    LeadDecision,
    LeadHistory,
    LeadOrigin,
    RepAct,
)
from shared.lead.events.outcome_received import ACCEPTING_OUTCOMES

_ACCEPTING: Final = frozenset({"accept", *ACCEPTING_OUTCOMES})
_ARRIVING: Final = frozenset({"assigned", "moved", "waiting"})
"""The decisions after which a queue has one more lead to work, unless it had the lead before."""
_COUNTED_ALONE: Final[Mapping[str, str]] = {
    "reject": "rejected",
    "rejected": "rejected",
    "meeting_booked": "meetings",
    "meeting_held": "meetings_held",
    "pilot_started": "pilots",
}
"""The counter of each action and outcome that counts by itself, whatever else became of the lead."""
_REVENUE: Final = ("renewed", "expanded", "contracted", "churned")


class Assignment(Struct, frozen=True):
    """The time in which a rep had a lead of a queue, from the decision `began` to the decision `ended`."""

    began: LeadDecision
    owner: str
    ended: LeadDecision | None
    accepted_at: int | None
    acted_at: int | None

    @property
    def late_at(self) -> int | None:
        """When it was accepted too late, or taken away because it was not accepted in time; else None."""
        if self.accepted_at is None:
            return self.ended.at if self.ended is not None and self.ended.overdue else None
        accept_by = self.began.accept_by
        return self.accepted_at if accept_by is not None and self.accepted_at > accept_by else None


def deltas_of(changes: Iterable[tuple[LeadHistory, LeadHistory]]) -> list[CounterDelta]:
    """Return what counters gain, or lose, when histories change; each change is one before and after."""
    total: Share = {}
    for before, after in changes:
        for key, counts in share_of(after).items():
            add_counts(total.setdefault(key, {}), counts)
        # An erased person who is a contact again has a history of its own: the one before stays counted.
        if len(after.decisions) >= len(before.decisions) and len(after.acts) >= len(before.acts):
            for key, counts in share_of(before).items():
                add_counts(total.setdefault(key, {}), counts, -1)
    return [
        CounterDelta(table, key, changed)
        for (table, key), counts in total.items()
        if (changed := {name: number for name, number in counts.items() if number})
    ]


def share_of(history: LeadHistory) -> Share:
    """Return what the history of one lead has in the counters, by table and key.

    A lead counts from the router's first decision on it, or the first action or outcome.
    """
    if not history.decisions and not history.acts:
        return {}
    tally = LeadTally(history)
    tally.count_decisions()
    tally.count_acts()
    tally.count_opportunities()
    if history.origin is not None and not history.merged:
        tally.count_lead(history.origin)
    return tally.share


def assignments_of(history: LeadHistory) -> Iterator[Assignment]:
    """Yield who had the lead, in the order of time. An owner who keeps it in its queue has one assignment.

    Whatever a rep is told to have done before the first assignment belongs to the first.
    """
    holders = groupby(history.decisions, key=lambda one: one.owner and (one.queue, one.owner))
    runs = [list(run) for _holder, run in holders]
    begins: int | None = None
    for run, following in zip_longest(runs, runs[1:]):
        first, owner = run[0], run[0].owner
        if owner is None:
            continue
        ended = following[0] if following else None
        own = [
            (act.kind, max(act.at, first.at))
            for act in history.acts
            if (begins is None or begins <= act.at)
            and (ended is None or act.at < ended.at)
            and act.rep in (None, owner)
        ]
        taken = [first.at] if first.taken else []
        accepted_at = min([*taken, *(at for kind, at in own if kind in _ACCEPTING)], default=None)
        acted_at = min([*taken, *(at for _kind, at in own)], default=None)
        yield Assignment(first, owner, ended, accepted_at, acted_at)
        begins = ended.at if ended is not None else None


class LeadTally:
    """Adds up the share of one history."""

    def __init__(self, history: LeadHistory) -> None:
        self.share: Share = {}
        self._decisions = history.decisions
        self._acts = history.acts
        self._captured = history.captured
        self._assignments = list(assignments_of(history))
        self._ended: Counts = {}
        self._accepted = next((one for one in self._assignments if one.accepted_at is not None), None)

    def add(self, table: str, at: int, *names: str | int, **counts: int) -> None:
        """Add counts on the day of an instant."""
        add_counts(self.share.setdefault((table, (at // DAY_MS, *names)), {}), counts)

    def credit(self, act: RepAct, **counts: int) -> None:
        """Add counts for whoever is credited with an act, on its day."""
        self.add("rep_counters", act.at, *self.credited(act), **counts)

    def measure(self, clock: Clock, queue: str, began: int, ended: int) -> None:
        """Count a duration, on the day on which it ended."""
        self.add("duration_counters", ended, queue, clock, bucket_of(ended - began), measured=1)

    def credited(self, act: RepAct) -> tuple[str, str]:
        """Return queue and rep that an act counts for: the rep it names, else who had the lead at the time.

        After the lead was closed that is who had it last. Both are empty where nobody ever had it.
        """
        begun = [one for one in self._assignments if one.began.at <= act.at] or self._assignments[:1]
        own = [one for one in begun if act.rep in (None, one.owner)]
        if own:
            return own[-1].began.queue, own[-1].owner
        return (begun[-1].began.queue if begun else "", act.rep or "")

    def count_decisions(self) -> None:
        """Count what the router decided, who got the lead, and how long each took."""
        queues: set[str] = set()
        for decision in self._decisions:
            step = (decision.queue, decision.change, decision.step)
            has_arrived = decision.change in _ARRIVING and decision.queue not in queues
            self.add("flow_counters", decision.at, *step, decided=1, arrived=int(has_arrived))
            queues |= {decision.queue} if has_arrived else set()
        first = next(iter(self._decisions), None)
        if first is not None and first.change != SUPPRESSED and self._captured is not None:
            self.measure("route", first.queue, self._captured, first.at)
        for one in self._assignments:
            queue, began = one.began.queue, one.began.at
            self.add("rep_counters", began, queue, one.owner, assigned=1)
            if one.late_at is not None:
                self.add("rep_counters", one.late_at, queue, one.owner, late=1)
            if one.accepted_at is not None:
                self.add("rep_counters", one.accepted_at, queue, one.owner, accepted=1)
                self.measure("accept", queue, began, one.accepted_at)
            if one.acted_at is not None:
                self.measure("act", queue, began, one.acted_at)

    def count_acts(self) -> None:
        """Count actions and outcomes by themselves, and whether first meetings led to an opportunity."""
        first: dict[str, RepAct] = {}
        for act in self._acts:
            first.setdefault(act.kind, act)
            if act.kind in _REVENUE:
                usd: Counts = {f"{act.kind}_usd": act.usd or 0, "without_usd": int(act.usd is None)}
                self.credit(act, revenue_events=1, **usd)
            elif act.kind in _COUNTED_ALONE:
                self.credit(act, **{_COUNTED_ALONE[act.kind]: 1})
        opportunity = first.get("opportunity")
        if "meeting_booked" in first:
            self.credit(first["meeting_booked"], met=1, met_opportunity=int(opportunity is not None))
        if "reply" in first:
            self.credit(first["reply"], replied=1)
        accepted = self._accepted
        if opportunity is not None and accepted is not None and accepted.accepted_at is not None:
            qualified = max(opportunity.at, accepted.accepted_at)
            self.measure("qualify", accepted.began.queue, accepted.accepted_at, qualified)

    def count_opportunities(self) -> None:
        """Count opportunities and pilots once each, however often they were told of, by their last result.

        What names no opportunity is about the one that the lead has, if it has one that was named.
        """
        named_ids = {act.opportunity for act in self._acts if act.opportunity}
        unnamed = min(named_ids) if len(named_ids) == 1 else ""
        by_id: dict[str, dict[str, list[RepAct]]] = {}
        for act in self._acts:
            by_id.setdefault(act.opportunity or unnamed, {}).setdefault(act.kind, []).append(act)
        for told in by_id.values():
            opened = told.get("opportunity", [None])[0]
            closed = _latest([*told.get("won", ()), *told.get("lost", ())])
            pilot = _latest([*told.get("pilot_won", ()), *told.get("pilot_lost", ())])
            stages = [*told.get("opportunity", ()), *told.get("won", ()), *told.get("lost", ())]
            amount = _latest([act for act in stages if act.usd is not None])
            usd = (amount.usd or 0) if amount is not None else 0
            unknown = int(amount is None)
            if pilot is not None:
                self.credit(pilot, **{"pilots_won" if pilot.kind == "pilot_won" else "pilots_lost": 1})
            if opened is not None:
                self.credit(opened, opportunities=1, opportunity_usd=usd, open_usd=usd, without_usd=unknown)
                named = int(any(decision.named for decision in self._decisions))
                source = {"sourced": 1, "sourced_usd": usd, "named": named, "named_usd": named * usd}
                self.add("rep_counters", opened.at, *self._originator(opened), **source)
            if opened is not None and closed is not None:
                self.add("rep_counters", max(closed.at, opened.at), *self.credited(opened), open_usd=-usd)
            if closed is not None:
                won = {"won": 1, "won_usd": usd} if closed.kind == "won" else {"lost": 1}
                add_counts(self._ended, won)
                self.credit(closed, **won, without_usd=0 if opened is not None else unknown)

    def count_lead(self, origin: LeadOrigin) -> None:
        """Count the lead once, on the day of its capture, for each thing that reports break leads down by.

        Whether it is won or lost, and for how much, follows from its opportunities, which are counted before.
        """
        kinds = {act.kind for act in self._acts}
        is_won = "won" in self._ended
        reached = {
            "captured": 1,
            "suppressed": int(bool(self._decisions) and self._decisions[-1].change == SUPPRESSED),
            "assigned": int(bool(self._assignments)),
            "accepted": int(self._accepted is not None),
            "meetings": int(bool(kinds & {"meeting_booked", "meeting_held"})),
            "opportunities": int(not kinds.isdisjoint({"opportunity", "won"})),
            "won": int(is_won),
            "lost": int("lost" in self._ended and not is_won),
            "won_usd": self._ended.get("won_usd", 0),
        }
        counts = {name: number for name, number in reached.items() if number}
        began = [one.began for one in self._assignments]
        decided = next(iter([*began, *self._decisions]), None)
        names: dict[Dimension, str] = {
            "channel": origin.channel,
            "source": origin.source,
            "campaign": origin.campaign,
            "grade": decided.grade if decided else "",
            "band": decided.band if decided else "",
        }
        captured = origin.at if self._captured is None else min(self._captured, origin.at)
        for dimension, name in names.items():
            self.add("lead_counters", captured, dimension, name, **counts)

    def _originator(self, opened: RepAct) -> tuple[str, str]:
        """Return whose work made the opportunity: who booked the first meeting, else who accepted first."""
        meeting = next((act for act in self._acts if act.kind == "meeting_booked"), None)
        if meeting is None and self._accepted is not None:
            return self._accepted.began.queue, self._accepted.owner
        return self.credited(meeting or opened)


def _latest(acts: list[RepAct]) -> RepAct | None:
    """Return the act that happened last; of those at one time, as on one day, the one that was told last."""
    return max(acts, key=lambda act: (act.at, act.told_at, act.key), default=None)
