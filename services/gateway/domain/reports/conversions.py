"""What became of leads that were captured in a period, by grade, band, channel, source or campaign."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import sqrt
from typing import Final

from msgspec import Struct

from services.gateway.domain.reports.figures import ENOUGH, Figure, counted, figure, percent, share
from services.ledger.domain.counters import Counts, Dimension, add_counts
from services.ledger.domain.lead_history import OTHER

ROWS_MAX: Final = 50
BEST_GRADE: Final = "A1"


class Conversion(Struct, frozen=True):
    """The leads of one name that were captured in the period, and how many of them came how far by now."""

    name: str
    captured: int
    suppressed: int
    assigned: int
    accepted: int
    meetings: int
    opportunities: int
    won: int
    lost: int
    won_usd: int
    to_meeting: Figure
    to_opportunity: Figure
    to_won: Figure

    @classmethod
    def of(cls, name: str, counts: Mapping[str, int], recorded: Collection[str]) -> Conversion:
        """Return the row of a name from its counts. `recorded` are the stages that any lead has reached.

        A share of a stage that no lead at all has reached has no value: perhaps nobody tells Baton of it.
        """
        numbers = {column: counted(counts, column) for column in cls.__struct_fields__[1:10]}
        return cls(
            name,
            **numbers,
            to_meeting=_reached("meetings", "meeting_booked", numbers, recorded),
            to_opportunity=_reached("opportunities", "opportunity", numbers, recorded),
            to_won=_reached("won", "won", numbers, recorded),
        )


def conversions(
    sums: Mapping[tuple[str, ...], Mapping[str, int]], dimension: Dimension, *, by_name: bool = False
) -> list[Conversion]:
    """Return the rows of a dimension, those with most leads first, or by name.

    `sums` are those of the counters by dimension and name. Of more than `ROWS_MAX` the rest is one row.
    """
    found = {key[1]: counts for key, counts in sums.items() if key[0] == dimension}
    ordered = sorted(found, key=lambda name: (-counted(found[name], "captured"), name))
    kept = [name for name in ordered if counted(found[name], "captured") > 0][:ROWS_MAX]
    rest = [found[name] for name in ordered if name not in set(kept)]
    rows = {name: found[name] for name in (sorted(kept) if by_name else kept) if name != OTHER}
    others: Counts = {}
    for counts in [*rest, *([found[OTHER]] if OTHER in kept else [])]:
        add_counts(others, counts)
    if counted(others, "captured") > 0:
        rows[OTHER] = others
    recorded = {name for counts in found.values() for name, number in counts.items() if number > 0}
    return [Conversion.of(name, counts, recorded) for name, counts in rows.items()]


def best_grade_in_words(grades: Sequence[Conversion]) -> str:
    """Say whether leads of the best grade become opportunities more often than the others."""
    best = next((row for row in grades if row.name == BEST_GRADE), None)
    others = [row for row in grades if row.name not in (BEST_GRADE, "")]
    if best is None:
        return f"No lead of grade {BEST_GRADE} was captured in these days."
    became = f"{best.opportunities} of {best.captured} {BEST_GRADE} leads became opportunities"
    if not any(row.opportunities for row in grades):
        needed = "it needs outcomes of type opportunity to tell whether they convert"
        were = "lead of grade {} was" if best.captured == 1 else "leads of grade {} were"
        return f"{best.captured} {were.format(BEST_GRADE)} captured; {needed}."
    n, rest = sum(row.captured for row in others), sum(row.opportunities for row in others)
    if best.captured < ENOUGH or n < ENOUGH:
        return f"{became}, {rest} of {n} others: too few to tell whether {BEST_GRADE} converts better."
    mine, theirs = best.opportunities / best.captured, rest / n
    pooled = (best.opportunities + rest) / (best.captured + n)
    error = sqrt(pooled * (1 - pooled) * (1 / best.captured + 1 / n))
    compared = (
        f"{percent(mine)} of {best.captured} leads became opportunities, {percent(theirs)} of {n} others"
    )
    if error == 0 or abs(mine - theirs) < 2 * error:
        return f"{BEST_GRADE} converts neither better nor worse as far as these numbers tell: {compared}."
    return f"{BEST_GRADE} converts {'better' if mine > theirs else 'worse'}: {compared}."


def _reached(stage: str, outcome: str, numbers: Mapping[str, int], recorded: Collection[str]) -> Figure:
    captured = numbers["captured"]
    if stage not in recorded:
        return figure(None, "share", n=captured, needs=f"outcomes of type {outcome}")
    return share(numbers[stage], captured, needs="leads that were captured in these days")
