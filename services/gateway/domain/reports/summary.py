"""The figures of a period in one view, and what needs a look now. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from services.gateway.domain.reports.durations import duration_figure
from services.gateway.domain.reports.figures import Figure, counted, figure, percent, share
from services.gateway.domain.reports.flow_paths import PathSums
from services.ledger.domain.counters import Counts, add_counts
from services.ledger.domain.lead_history import SUPPRESSED
from shared.rules.describe import label_of

FIGURES: Final = (
    "received",
    "routed",
    "suppressed",
    "to_route",
    "to_route_p95",
    "to_accept",
    "to_accept_p95",
    "late_share",
    "accepted",
    "given_back",
    "meetings",
    "won",
)
CELLS_MAX: Final = 500
_SOURCES_MAX: Final = 20
_ENOUGH_LEADS: Final = 20
AttentionKind = Literal["absent", "waiting", "late", "over_cap", "idle_rule", "unknown_field"]
Sums = Mapping[tuple[Any, ...], Mapping[str, int]]


class SummarySums(Struct, frozen=True):
    """Counts of a period: leads by dimension and name, paths, reps by queue, times by clock and bucket."""

    leads: Sums
    paths: PathSums
    reps: Sums
    took: Sums


class ComparedSummary(Struct, frozen=True):
    """The counts and figures of a period, and the figures of the one before it; empty without one."""

    sums: SummarySums
    figures: dict[str, Figure]
    before: dict[str, Figure]


class LateCell(Struct, frozen=True):
    """Of the leads that a rule led to a queue, the share that was not accepted in time."""

    rule: str
    queue: str
    assigned: int
    late: int
    late_share: Figure


class SourceBands(Struct, frozen=True):
    """The leads of a source by band."""

    source: str
    leads: int
    bands: dict[str, int]


class Attention(Struct, frozen=True):
    """Something that somebody should look at: how many, of whom or what, and in a sentence."""

    kind: AttentionKind
    subject: str
    count: int
    says: str


class PresentLoad(Struct, frozen=True):
    """What waits or is late now, and by rep: unaccepted leads of those who are away, open leads of all."""

    waiting: int
    late: int
    held: Mapping[str, int]
    open_leads: Mapping[str, int]


def figures_of(sums: SummarySums) -> dict[str, Figure]:
    """Return the figures of a period by name, those of `FIGURES`."""
    reps: Counts = {}
    for counts in sums.reps.values():
        add_counts(reps, {name: counted(counts, name) for name in counts})
    received = sum(counted(counts, "captured") for key, counts in sums.leads.items() if key[0] == "grade")
    by_way = {True: 0, False: 0}
    for (_step, _queue, change), counts in sums.paths.items():
        by_way[change == SUPPRESSED] += counted(counts, "leads")
    buckets: dict[str, dict[int, int]] = {}
    for (clock, bucket), counts in sums.took.items():
        buckets.setdefault(clock, {})[bucket] = counted(counts, "measured")
    found = {
        "received": figure(received, "number", needs=""),
        "routed": figure(by_way[False], "number", needs=""),
        "suppressed": figure(by_way[True], "number", needs=""),
        "late_share": share(
            counted(reps, "late"), counted(reps, "assigned"), needs="leads that were assigned in these days"
        ),
        "accepted": figure(counted(reps, "accepted"), "number", needs=""),
        "given_back": figure(counted(reps, "rejected"), "number", needs=""),
        "meetings": figure(counted(reps, "meetings"), "number", needs=""),
        "won": figure(counted(reps, "won"), "number", needs=""),
    }
    for clock, done in (("route", "routed"), ("accept", "accepted")):
        for name, part in ((f"to_{clock}", 0.5), (f"to_{clock}_p95", 0.95)):
            needs = f"leads that were {done} in these days"
            found[name] = duration_figure(buckets.get(clock, {}), part, unit="seconds", needs=needs)
    return {name: found[name] for name in FIGURES}


def with_cost(figures: dict[str, Figure], cents: int | None) -> dict[str, Figure]:
    """Return the figures with what a routed lead cost, in US dollars; None: that was not counted."""
    routed = figures["routed"].value
    if cents is None:
        cost = figure(None, "usd", needs="a period of days: cost is counted by the day")
    else:
        value = cents / 100 / routed if routed else None
        cost = figure(value, "usd", needs="leads that were routed in these days")
    return figures | {"cost_per_routed_lead": cost}


def late_by_rule(paths: PathSums) -> list[LateCell]:
    """Return the late share of each rule and queue that somebody got leads of, by rule and queue."""
    cells: dict[tuple[str, str], Counts] = {}
    for (step, queue, change), counts in paths.items():
        if change != SUPPRESSED and counted(counts, "assigned"):
            add_counts(cells.setdefault((step, queue), {}), counts)
    return [
        LateCell(
            rule,
            queue,
            counted(counts, "assigned"),
            counted(counts, "late"),
            share(counted(counts, "late"), counted(counts, "assigned"), needs="leads that were assigned"),
        )
        for (rule, queue), counts in sorted(cells.items())[:CELLS_MAX]
    ]


def source_bands(leads: Sums) -> list[SourceBands]:
    """Return the sources with most leads, and how many of these have which band; ungraded leads have none."""
    found: dict[str, dict[str, int]] = {}
    for key, counts in leads.items():
        if key[0] == "source_band" and counted(counts, "captured"):
            band, _, source = key[1].partition(" ")
            found.setdefault(source, {})[band] = counted(counts, "captured")
    rows = [SourceBands(source, sum(bands.values()), bands) for source, bands in found.items()]
    return sorted(rows, key=lambda row: (-row.leads, row.source))[:_SOURCES_MAX]


def attention(
    load: PresentLoad,
    caps: Mapping[str, int],
    names: Mapping[str, str],
    idle_rules: Sequence[str],
    missing: Mapping[str, int],
) -> list[Attention]:
    """Return what needs a look, the most pressing first.

    `caps` are the reps' `max_open`, `names` their names. `idle_rules` caught nothing in 30 days. `missing`
    says for how many leads of these days a field had no value; of all leads under the empty name.
    """
    found = [
        Attention("absent", rep, count, f"{names.get(rep, rep)} is away and holds {_leads(count)} to accept")
        for rep, count in sorted(load.held.items(), key=lambda item: -item[1])
        if count
    ]
    if load.late:
        found.append(Attention("late", "", load.late, f"{_leads(load.late)} late by more than a day"))
    if load.waiting:
        says = f"{_leads(load.waiting)} waiting for over an hour for somebody who may have them"
        found.append(Attention("waiting", "", load.waiting, says))
    for rep, count in sorted(load.open_leads.items(), key=lambda item: -item[1]):
        over = count - caps.get(rep, count)
        if over > 0:
            says = f"{names.get(rep, rep)} has {count} open leads, {over} over the limit of {caps[rep]}"
            found.append(Attention("over_cap", rep, over, says))
    found += (
        Attention("idle_rule", rule, 0, f"The rule {rule.replace('-', ' ')} caught no lead in 30 days")
        for rule in idle_rules
    )
    whole = missing.get("", 0)
    for field, count in sorted(missing.items(), key=lambda item: -item[1]):
        if field and whole >= _ENOUGH_LEADS and count * 2 > whole:
            known_of = f"is not known for {percent(count / whole)} of the leads of 30 days"
            says = f"{label_of(field).capitalize()} {known_of}"
            found.append(Attention("unknown_field", field, count, says))
    return found


def _leads(count: int) -> str:
    return f"{count:,} lead" if count == 1 else f"{count:,} leads"
