"""What the history of one lead has in the counters of reports, and what an event changes in that. Pure.

Beside each count that a report shows by itself stands a milestone of the lead, so that the leads behind a
number are found: see `milestones.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Final

from msgspec import Struct

from services.ledger.domain.assignments import assignments_of
from services.ledger.domain.counters import (
    HOUR_MS,
    Clock,
    CounterDelta,
    Counts,
    Dimension,
    Share,
    accept_bucket_of,
    add_counts,
    bucket_of,
)
from services.ledger.domain.lead_history import (
    GIVEN_BACK,
    SUPPRESSED,
    LeadHistory,
    LeadOrigin,
    RepAct,
)
from services.ledger.domain.lead_paths import paths_of
from services.ledger.domain.milestones import MilestoneRow, Stage
from shared.storage.rows import Change, Key, Put, Remove

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
_STAGES: Final[Mapping[str, Stage]] = {
    "reject": "given_back",
    "rejected": "given_back",
    "meeting_booked": "meeting_booked",
    "meeting_held": "meeting_held",
    "opportunity": "opportunity",
    "won": "opportunity",
}
"""The stage that an action or outcome shows. A deal that is reported as won was an opportunity."""
_CAPTURED: Final = {"captured": 1}
_REVENUE: Final = ("renewed", "expanded", "contracted", "churned")


def changed_milestones(lead_id: str, before: LeadTally, after: LeadTally) -> Iterator[Change]:
    """Yield the changes to the milestones of a lead whose history changes."""
    stored, present = milestones_of(lead_id, before), milestones_of(lead_id, after)
    yield from (Remove(MilestoneRow, key) for key in stored.keys() - present.keys())
    yield from (Put(row) for key, row in present.items() if stored.get(key) != row)


def milestones_of(lead_id: str, tally: LeadTally) -> dict[Key, MilestoneRow]:
    """Return the milestones of a lead by key. Those of one stage are numbered in the order of their hours."""
    reached = [(*one, tally.captured_hour, tally.first_grade) for one in sorted(tally.reached)]
    numbers: Counter[str] = Counter()
    rows = {}
    for stage, hour, queue, reason, captured_hour, grade in reached:
        row = MilestoneRow(lead_id, stage, numbers[stage], hour, captured_hour, grade, queue, reason)
        numbers[stage] += 1
        rows[row.key] = row
    return rows


def deltas_of(changes: Iterable[tuple[LeadTally, LeadTally]]) -> list[CounterDelta]:
    """Return what counters gain, or lose, when histories change; each change is one before and after."""
    total: Share = {}
    captured: Counter[LeadCount] = Counter()
    for before, after in changes:
        # An erased person who is a contact again has a history of its own: the one before stays counted.
        is_own = len(after.decisions) >= len(before.decisions) and len(after.acts) >= len(before.acts)
        for tally, times in ((after, 1), (before, -1)) if is_own else ((after, 1),):
            for key, counts in tally.moments.items():
                add_counts(total.setdefault(key, {}), counts, times)
            if tally.captured is not None:
                captured[tally.captured] += times
    for count, times in captured.items():
        for key, counts in count.share.items() if times else ():
            add_counts(total.setdefault(key, {}), counts, times)
    return [
        CounterDelta(table, key, changed)
        for (table, key), counts in total.items()
        if (changed := {name: number for name, number in counts.items() if number})
    ]


def tally_of(history: LeadHistory) -> LeadTally:
    """Return all that is counted of a lead; nothing until it `counts`."""
    tally = LeadTally(history)
    if not history.counts:
        return tally
    tally.count_decisions()
    tally.count_acts()
    tally.count_opportunities()
    if history.origin is not None and not history.merged:
        tally.count_lead(history.origin)
    return tally


class LeadCount(Struct, frozen=True):
    """What a lead counts for in the hour of its capture. Most leads count for the same as many others.

    `missing` are the fields without a value, None if that was not recorded. `unknown` are names in
    `unknown_counters`.
    """

    hour: int
    counts: tuple[tuple[str, int], ...]
    names: tuple[tuple[Dimension, str], ...]
    missing: tuple[str, ...] | None
    paths: tuple[tuple[tuple[str, ...], tuple[tuple[str, int], ...]], ...]
    unknown: tuple[tuple[str, str, str], ...]

    @property
    def share(self) -> Share:
        """Return its share in the counters."""
        counts, band = dict(self.counts), dict(self.names)
        share: Share = {("lead_counters", (self.hour, *named)): counts for named in self.names}
        if self.missing is not None:
            named = ("source_band", f"{band['band']} {band['source']}")
            share["lead_counters", (self.hour, *named)] = counts
            for field in ("", *self.missing):
                share["lead_counters", (self.hour, "missing", field)] = _CAPTURED
        share.update({("path_counters", (self.hour, *way)): dict(became) for way, became in self.paths})
        for names, leads in Counter(self.unknown).items():
            share["unknown_counters", (self.hour, *names)] = {"leads": leads}
        return share


class LeadTally:
    """Adds up the share of one history in the counters, by table and key.

    `moments` is the share in the hours in which something happened, `captured` what the lead counts for in
    that of its capture. `reached` are its milestones: stage, hour, queue and reason. `captured_hour` is the
    hour in which the lead counts as received, None while it does not, and `first_grade` the grade that it
    counts under.
    """

    def __init__(self, history: LeadHistory) -> None:
        self.moments: Share = {}
        self.captured: LeadCount | None = None
        self.reached: list[tuple[Stage, int | None, str, str]] = []
        self.decisions = history.decisions
        self.acts = history.acts
        self._captured = history.captured
        self._assignments = list(assignments_of(history))
        self._ended: Counts = {}
        self._accepted = next((one for one in self._assignments if one.accepted_at is not None), None)
        decided = next(iter([*(one.began for one in self._assignments), *self.decisions]), None)
        self.first_grade, self._band = (decided.grade, decided.band) if decided else ("", "")

    @property
    def share(self) -> Share:
        """The whole share; the tables of its two parts differ."""
        return self.moments | (self.captured.share if self.captured is not None else {})

    @property
    def captured_hour(self) -> int | None:
        return self.captured.hour if self.captured is not None else None

    def add(self, table: str, at: int, *names: str | int, **counts: int) -> None:
        """Add counts in the hour of an instant."""
        key = (table, (at // HOUR_MS, *names))
        known = self.moments.get(key)
        if known is None:
            self.moments[key] = counts
        else:
            add_counts(known, counts)

    def credit(self, act: RepAct, **counts: int) -> None:
        """Add counts for whoever is credited with an act, in its hour."""
        self.add("rep_counters", act.at, *self.credited(act), **counts)

    def measure(self, clock: Clock, queue: str, began: int, ended: int) -> None:
        """Count a duration, in the hour in which it ended."""
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
        for decision in self.decisions:
            step = (decision.queue, decision.change, decision.step)
            has_arrived = decision.change in _ARRIVING and decision.queue not in queues
            self.add("flow_counters", decision.at, *step, decided=1, arrived=int(has_arrived))
            queues |= {decision.queue} if has_arrived else set()
        first = next(iter(self.decisions), None)
        first_routed: int | None = None
        if first is not None and first.change != SUPPRESSED and self._captured is not None:
            self.measure("route", first.queue, self._captured, first.at)
            first_routed = first.at // HOUR_MS
        # As in `paths_of`: a lead goes the way that the rules chose last.
        by_rules = next((one for one in reversed(self.decisions) if one.policy), None)
        way: Stage = "undecided"
        if by_rules is not None:
            way = "suppressed" if by_rules.change == SUPPRESSED else "routed"
        self.reached.append((way, first_routed, "", ""))
        for one in self._assignments:
            queue, began = one.began.queue, one.began.at
            self.add("rep_counters", began, queue, one.owner, assigned=1)
            if one.late_at is not None:
                self.add("rep_counters", one.late_at, queue, one.owner, late=1)
                self.reached.append(("late", one.late_at // HOUR_MS, queue, ""))
            if one.accepted_at is not None:
                self.add("rep_counters", one.accepted_at, queue, one.owner, accepted=1)
                self.reached.append(("accepted", one.accepted_at // HOUR_MS, queue, ""))
                self.measure("accept", queue, began, one.accepted_at)
                bucket = accept_bucket_of(one.accepted_at - began)
                self.add("accept_counters", one.accepted_at, queue, one.owner, bucket, accepted=1)
            if one.acted_at is not None:
                self.measure("act", queue, began, one.acted_at)

    def count_acts(self) -> None:
        """Count actions and outcomes by themselves, and whether first meetings led to an opportunity."""
        first: dict[str, RepAct] = {}
        for act in self.acts:
            first.setdefault(act.kind, act)
            if act.kind in _REVENUE:
                usd: Counts = {f"{act.kind}_usd": act.usd or 0, "without_usd": int(act.usd is None)}
                self.credit(act, revenue_events=1, **usd)
            elif act.kind in _COUNTED_ALONE:
                self.credit(act, **{_COUNTED_ALONE[act.kind]: 1})
            if (stage := _STAGES.get(act.kind)) is not None:
                self.reached.append((stage, act.at // HOUR_MS, self.credited(act)[0], act.reason))
            if act.reason:
                self.add("flow_counters", act.at, self.credited(act)[0], GIVEN_BACK, act.reason, decided=1)
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
        """Count deals and pilots once each, however often they were reported, by their last result.

        What names no opportunity is about the one that the lead has, if it has one that was named.
        """
        named_ids = {act.opportunity for act in self.acts if act.opportunity}
        unnamed = min(named_ids) if len(named_ids) == 1 else ""
        by_id: dict[str, list[RepAct]] = {}
        for act in self.acts:
            by_id.setdefault(act.opportunity or unnamed, []).append(act)
        for id_, acts in by_id.items():
            pilot = _latest([act for act in acts if act.kind in ("pilot_won", "pilot_lost")])
            if pilot is not None:
                self.credit(pilot, **{"pilots_won" if pilot.kind == "pilot_won" else "pilots_lost": 1})
            for deal in _deals(acts, is_named=bool(id_)):
                self.count_deal(deal)

    def count_deal(self, deal: list[RepAct]) -> None:
        """Count one deal by its reports, in order of time: it is open, won or lost."""
        amount = _latest([act for act in deal if act.usd is not None])
        usd, unknown = (amount.usd or 0) if amount is not None else 0, int(amount is None)
        opened = next((act for act in deal if act.kind == "opportunity"), None)
        ended: RepAct | None = None
        is_open = False
        for act in deal:
            if act.kind != "opportunity":
                ended, opens = act, False
            else:
                # A deal that was lost is open again, as the lead is; one that was won stays won.
                opens = ended is None or ended.kind == "lost"
            if opened is not None and opens != is_open:
                self.add("rep_counters", act.at, *self.credited(opened), open_usd=usd if opens else -usd)
            is_open = opens
        if opened is not None:
            self.credit(opened, opportunities=1, opportunity_usd=usd, without_usd=unknown)
            named = int(any(decision.named for decision in self.decisions))
            source = {"sourced": 1, "sourced_usd": usd, "named": named, "named_usd": named * usd}
            self.add("rep_counters", opened.at, *self._originator(opened), **source)
        if ended is not None and not is_open:
            won = {"won": 1, "won_usd": usd} if ended.kind == "won" else {"lost": 1}
            add_counts(self._ended, won)
            self.credit(ended, **won, without_usd=0 if opened is not None else unknown)
            if ended.kind == "won":
                self.reached.append(("won", ended.at // HOUR_MS, self.credited(ended)[0], ""))

    def count_lead(self, origin: LeadOrigin) -> None:
        """Count the lead once, in the hour of its capture, for each thing that reports break leads down by.

        Whether it is won or lost, and for how much, follows from its opportunities, which are counted before.
        """
        kinds = {act.kind for act in self.acts}
        is_won = "won" in self._ended
        reached = {
            "captured": 1,
            "suppressed": int(bool(self.decisions) and self.decisions[-1].change == SUPPRESSED),
            "assigned": int(bool(self._assignments)),
            "accepted": int(self._accepted is not None),
            "meetings": int(bool(kinds & {"meeting_booked", "meeting_held"})),
            "opportunities": int(not kinds.isdisjoint({"opportunity", "won"})),
            "won": int(is_won),
            "lost": int("lost" in self._ended and not is_won),
            "won_usd": self._ended.get("won_usd", 0),
        }
        captured = origin.at if self._captured is None else min(self._captured, origin.at)
        paths = [*paths_of(self.decisions, self._assignments)]
        self.captured = LeadCount(
            captured // HOUR_MS,
            tuple((name, number) for name, number in reached.items() if number),
            (
                ("channel", origin.channel),
                ("source", origin.source),
                ("campaign", origin.campaign),
                ("grade", self.first_grade),
                ("band", self._band),
            ),
            tuple(origin.missing) if origin.missing is not None else None,
            tuple(
                (
                    (path.policy, path.decision.step, path.queue, path.decision.change),
                    (
                        ("leads", 1),
                        ("assigned", path.assigned),
                        ("accepted", path.accepted),
                        ("late", path.late),
                    ),
                )
                for path in paths
            ),
            tuple(
                (path.policy, rule, field)
                for path in paths
                for rule, field in product(path.decision.unknown, ("", *path.decision.missing))
            ),
        )

    def _originator(self, opened: RepAct) -> tuple[str, str]:
        """Return whose work made the opportunity: who booked the first meeting, else who accepted first."""
        meeting = next((act for act in self.acts if act.kind == "meeting_booked"), None)
        if meeting is None and self._accepted is not None:
            return self._accepted.began.queue, self._accepted.owner
        return self.credited(meeting or opened)


def _deals(acts: Iterable[RepAct], *, is_named: bool) -> list[list[RepAct]]:
    """Return the reports of each deal, in order of time; at one time an end counts as the later.

    Without an `opportunity_id`, an opportunity after a deal that was won begins the next one.
    """
    deals: list[list[RepAct]] = [[]]
    stages = (act for act in acts if act.kind in ("opportunity", "won", "lost"))
    for act in sorted(stages, key=lambda act: (act.at, act.kind != "opportunity", act.recorded_at, act.key)):
        if not is_named and act.kind == "opportunity" and deals[-1] and deals[-1][-1].kind == "won":
            deals.append([])
        deals[-1].append(act)
    return [deal for deal in deals if deal]


def _latest(acts: list[RepAct]) -> RepAct | None:
    """Return the act that happened last; of those at one time, as on one day, the one reported last."""
    return max(acts, key=lambda act: (act.at, act.recorded_at, act.key), default=None)
