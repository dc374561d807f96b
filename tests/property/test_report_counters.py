"""Counters of reports: the same in every order of a lead's events and with repeats, and equal to a recount.

The recount here goes over the list of all events at once and shares no code with the counters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.ledger.domain.counters import ANY_VERSION, CounterDeltaRow, summed
from services.ledger.domain.lead_history import LeadHistoryRow
from services.ledger.domain.milestones import MilestoneRow
from services.ledger.handlers import LedgerHandler
from shared.lead.events.envelope import Event
from shared.lead.events.outcome_received import Amount
from shared.lead.events.parts import Origin
from shared.storage.rows import IdentityMap, Put
from shared.worker.unit_of_work import Result, fold
from tests.unit.ledger.conftest import event_from_example

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EPOCH_HOUR = int(AT.timestamp()) // 3_600
REPS = ("sdr-1", "sdr-2", "ae-1")
KINDS = ("accepted", "rejected", "reply", "meeting_booked", "opportunity", "won", "lost")


CHANNELS = ("form", "event", "ads")
AMOUNTS = (None, Amount(5_000, "USD"), Amount(7_000, "EUR"))

Step = tuple[int, str, int]
"""The hour of a step in a lead's life, the rep who gets the lead or the type of an outcome, and an amount."""
Life = tuple[int, list[Step]]
"""The channel of a lead, and its steps. The first step that is a rep begins the ownership."""

LIVES = st.tuples(
    st.integers(0, 2),
    st.lists(
        st.tuples(st.integers(1, 200), st.sampled_from((*REPS, *KINDS)), st.integers(0, 2)),
        max_size=8,
        unique_by=lambda step: step[0],
    ).map(sorted),
)


def event_of(short: str, lead_id: str, ordinal: int, hours: int, **fields: Any) -> Event[Any]:
    made = event_from_example(short, f"{lead_id}-{short}-{ordinal}", subject=lead_id, **fields)
    return replace(made, time=AT + timedelta(hours=hours), raw=b"{}")


def events_of(lead_id: str, life: Life) -> list[Event[Any]]:
    """Return the events of one lead, in the order in which they happened."""
    channel, steps = life
    events = [
        event_of("lead.received", lead_id, 0, 0),
        *(
            event_of(
                "lead.scored", lead_id, sequence, 0, sequence=sequence, merged=[], occurred_at=AT,
                source=Origin(channel=name),
            )
            for sequence, name in ((1, CHANNELS[channel]), (2, "later"))
        ),
    ]  # fmt: skip
    for ordinal, (hour, what, amount) in enumerate(steps):
        at = AT + timedelta(hours=hour)
        if what in REPS:
            routed = event_of("lead.routed", lead_id, ordinal, hour, sequence=ordinal + 1, occurred_at=at)
            decision = replace(routed.data.decision, owner=what, queue=what.partition("-")[0])
            events.append(replace(routed, data=replace(routed.data, decision=decision)))
        else:
            outcome: dict[str, Any] = {"type": what, "at": at, "amount": AMOUNTS[amount]}
            outcome |= {"external_id": None, "opportunity_id": None}
            events.append(
                event_of("outcome.received", lead_id, ordinal, hour, **outcome, rep=None, actor=None)
            )
    return events


Milestones = dict[Any, MilestoneRow]


def counted(
    events: Sequence[Event[Any]], units: Sequence[int]
) -> tuple[dict[Any, dict[str, int]], Milestones]:
    """Return the counters and milestones after the events, decided in units of work of the given sizes."""
    rows, result, added = IdentityMap(), Result(), list[CounterDeltaRow]()
    reached: Milestones = {}
    left = list(events)
    for number, size in enumerate([*units, len(left)]):
        unit, left = left[:size], left[size:]
        handler = LedgerHandler(str(number))
        rows = IdentityMap(row for row in rows.all(LeadHistoryRow))  # as they are stored by now
        fold(handler, rows, unit, AT, result=result)
        for change in handler.end_unit(rows):
            if not isinstance(change, Put):
                assert change.kind is MilestoneRow
                del reached[change.key]
            elif isinstance(change.row, MilestoneRow):
                reached[change.row.key] = change.row
            elif isinstance(change.row, CounterDeltaRow):
                added.append(change.row)
    assert not result.rejected
    total = summed(delta for row in added for delta in row.deltas)
    kept = {key: {name: number for name, number in counts.items() if number} for key, counts in total.items()}
    return {key: counts for key, counts in kept.items() if counts}, reached


@settings(max_examples=200, deadline=None)
@given(st.tuples(LIVES, LIVES), st.randoms(use_true_random=False), st.lists(st.integers(1, 5), max_size=4))
def test_the_counters_equal_a_recount_in_every_order_and_with_repeats(
    lives: tuple[Life, Life], random: Random, units: list[int]
):
    happened = [
        event
        for name, life in zip(("lead-1", "lead-2"), lives, strict=True)
        for event in events_of(name, life)
    ]
    arriving = [*happened, *random.choices(happened, k=4)]
    random.shuffle(arriving)
    counters, reached = counted(arriving, units)
    assert (counters, reached) == counted(happened, [])
    assert _numbers_of(reached) == _numbers_behind(counters)
    assert _sums(counters, "lead_counters", "dimension") == _recounted_leads(happened)
    decided = sum(event.type == "baton.lead.routed.v1" for event in happened)
    decided += sum(getattr(event.data, "type", "") == "rejected" for event in happened)
    flow = _sums(counters, "flow_counters", "")
    assert flow.pop("decided", 0) == decided
    assert flow == {"arrived": len(queues)} if (queues := _queues(happened)) else flow == {}
    expected = {name: number for name, number in _recounted_reps(happened).items() if number}
    sums = _sums(counters, "rep_counters", "")
    assert {name: sums.get(name) for name in expected} == expected


def _numbers_of(reached: Milestones) -> dict[Any, int]:
    """Return how many milestones there are by stage and hour, and of leads by what became of them."""
    found: Counter[Any] = Counter()
    for row in reached.values():
        if row.stage in _COUNTED_AS:
            found[row.stage, row.hour] += 1
        elif row.stage in ("routed", "suppressed", "undecided"):
            found["first_routed", row.hour] += row.hour is not None
            found["received", row.captured_hour, row.grade] += row.captured_hour is not None
            found[row.stage, row.captured_hour] += row.captured_hour is not None and row.stage != "undecided"
    for stages, name in _COHORTS.items():
        leads = {
            (row.lead_id, row.captured_hour, row.grade) for row in reached.values() if row.stage in stages
        }
        for _lead, hour, grade in leads:
            found[name, hour, grade] += hour is not None
    return {key: number for key, number in found.items() if number}


def _numbers_behind(counters: dict[Any, dict[str, int]]) -> dict[Any, int]:
    """Return the same from the counters."""
    found: Counter[Any] = Counter()
    for (name, (hour, *names)), counts in counters.items():
        if name == "rep_counters":
            for stage, column in _COUNTED_AS.items():
                found[stage, hour] += counts.get(column, 0)
        elif name == "duration_counters" and names[1] == "route":
            found["first_routed", hour] += counts["measured"]
        elif name == "path_counters" and names[0] == ANY_VERSION:
            found["suppressed" if names[3] == "suppressed" else "routed", hour] += counts["leads"]
        elif name == "lead_counters" and names[0] == "grade":
            for column in ("received", *_COHORTS.values()):
                counted_as = "captured" if column == "received" else column
                found[column, hour, names[1]] += counts.get(counted_as, 0)
    return {key: number for key, number in found.items() if number}


_COUNTED_AS = {
    "accepted": "accepted",
    "late": "late",
    "given_back": "rejected",
    "meeting_booked": "meetings",
    "won": "won",
}
"""The count of a rep that each stage stands for."""
_COHORTS = {
    ("accepted",): "accepted",
    ("meeting_booked", "meeting_held"): "meetings",
    ("opportunity",): "opportunities",
    ("won",): "won",
}
"""The count of leads by grade that some stages stand for."""


def _sums(counters: dict[Any, dict[str, int]], table: str, by: str) -> dict[Any, Any]:
    """Return the sums of a table: of all rows, or of the rows of channels by their name."""
    total: Counter[Any] = Counter()
    for (name, key), counts in counters.items():
        if name == table and by == "dimension" and key[1] == "channel":
            total.update({(key[0] - EPOCH_HOUR, key[2], column): number for column, number in counts.items()})
        elif name == table and not by:
            total.update(counts)
    return dict(total)


def _recounted_leads(events: Sequence[Event[Any]]) -> dict[Any, int]:
    found: Counter[Any] = Counter()
    for lead_id in {event.subject for event in events}:
        own = [event for event in events if event.subject == lead_id]
        if not any(e.type in ("baton.lead.routed.v1", "baton.outcome.received.v1") for e in own):
            continue
        channel = next(
            e.data.source.channel for e in own if e.type == "baton.lead.scored.v1" and e.data.sequence == 1
        )
        told = sorted((e for e in own if e.type == "baton.outcome.received.v1"), key=lambda e: e.data.at)
        kinds = [e.data.type for e in told]
        deals = _recounted_deals(told)
        is_owned = any(e.type == "baton.lead.routed.v1" for e in own)
        reached = {
            "captured": True,
            "assigned": is_owned,
            "accepted": is_owned
            and bool({"accepted", "reply", "meeting_booked", "opportunity"} & set(kinds)),
            "meetings": "meeting_booked" in kinds,
            "opportunities": bool({"opportunity", "won"} & set(kinds)),
            "won": any(kind == "won" for kind, _usd, _is_opened in deals),
            "lost": [kind for kind, _usd, _is_opened in deals if kind != "open"][-1:] == ["lost"]
            and all(kind != "won" for kind, _usd, _is_opened in deals),
        }
        for name, is_so in reached.items():
            if is_so:
                found[0, channel, name] += 1
        if usd := sum(usd for kind, usd, _is_opened in deals if kind == "won"):
            found[0, channel, "won_usd"] += usd
    return dict(found)


def _recounted_deals(told: Sequence[Event[Any]]) -> list[tuple[str, int, bool]]:
    """Return of each deal of a lead how it stands, its amount, and whether an opportunity was told."""
    stages = [e for e in told if e.data.type in ("opportunity", "won", "lost")]
    texts = [e.data.type for e in stages]
    # A win that is followed by an opportunity ends a deal; whatever else is told goes on with the same.
    cuts = [n for n in range(1, len(texts)) if (texts[n - 1], texts[n]) == ("won", "opportunity")]
    found: list[tuple[str, int, bool]] = []
    for begins, ends in zip([0, *cuts], [*cuts, len(texts)], strict=True):
        if begins == ends:
            continue
        usd = [
            e.data.amount.value
            for e in stages[begins:ends]
            if e.data.amount and e.data.amount.currency == "USD"
        ]
        last = texts[ends - 1]
        standing = "open" if last == "opportunity" else last
        found.append((standing, usd[-1] if usd else 0, "opportunity" in texts[begins:ends]))
    return found


def _queues(events: Sequence[Event[Any]]) -> set[tuple[str, str]]:
    """Return the pairs of a lead and a queue that the lead came to."""
    routed = (event for event in events if event.type == "baton.lead.routed.v1")
    return {(event.subject, event.data.decision.queue) for event in routed}


def _recounted_reps(events: Sequence[Event[Any]]) -> dict[str, int]:
    """Return what all reps together have in the counters that follow from the events alone."""
    kinds: Counter[str] = Counter()
    owners: list[tuple[str, str]] = []
    for lead_id in {event.subject for event in events}:
        own = sorted((e for e in events if e.subject == lead_id), key=lambda e: e.time)
        holders = [e.data.decision.owner for e in own if e.type == "baton.lead.routed.v1"]
        owners += [(lead_id, now) for n, now in enumerate(holders) if n == 0 or holders[n - 1] != now]
        told = [e for e in own if e.type == "baton.outcome.received.v1"]
        told_kinds = [e.data.type for e in told]
        kinds.update(told_kinds)
        deals = _recounted_deals(told)
        kinds.update(f"deal {kind}" for kind, _usd, _is_opened in deals)
        kinds["open_usd"] += sum(usd for kind, usd, _is_opened in deals if kind == "open")
        kinds.update({"met": 1} if "meeting_booked" in told_kinds else {})
        kinds["opportunities"] += sum(is_opened for _kind, _usd, is_opened in deals)
        both = {"meeting_booked", "opportunity"} <= set(told_kinds)
        kinds.update({"met_opportunity": 1} if both else {})
    return {
        "assigned": len(owners),
        "meetings": kinds["meeting_booked"],
        "met": kinds["met"],
        "met_opportunity": kinds["met_opportunity"],
        "opportunities": kinds["opportunities"],
        "won": kinds["deal won"],
        "lost": kinds["deal lost"],
        "open_usd": kinds["open_usd"],
        "rejected": kinds["rejected"],
    }
