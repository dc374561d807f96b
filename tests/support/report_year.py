"""A year of counters, as a company with a million leads has them: made up, the same each time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import product
from random import Random
from typing import Any

from msgspec import Struct
from sqlalchemy import Table

from services.gateway.domain.reports.periods import EPOCH
from services.ledger.counting import month_of
from services.ledger.domain.counters import BUCKETS_PER_DOUBLING


class MadeUpCompany(Struct, frozen=True):
    """How many names there are of each kind; the last day has a whole year of days before it."""

    last: date
    days: int = 365
    queues: tuple[str, ...] = ("sdr", "bdr", "senior-ae", "inside-ae", "se", "csm")
    reps: int = 200
    rules: int = 60
    campaigns: int = 100

    def names_of(self, table: Table) -> list[tuple[Any, ...]]:
        """Return the names of a day's rows, without its grain and day."""
        reps = [(self.queues[n % len(self.queues)], f"rep-{n}") for n in range(self.reps)]
        rules = [(self.queues[n % len(self.queues)], f"rule-{n}") for n in range(self.rules)]
        kinds = {"channel": 8, "source": 20, "campaign": self.campaigns, "grade": 16, "band": 3}
        kinds |= {"source_band": 60, "missing": 14}
        changes, clocks = ("assigned", "moved"), ("accept", "act", "qualify", "route")
        buckets = range(30, 30 + 10 * BUCKETS_PER_DOUBLING)
        names: dict[str, Iterable[tuple[Any, ...]]] = {
            "lead_counters": ((kind, f"{kind} {n}") for kind, number in kinds.items() for n in range(number)),
            "rep_counters": reps,
            "accept_counters": ((*rep, bucket) for rep in reps for bucket in range(3)),
            "flow_counters": ((queue, change, rule) for (queue, rule) in rules for change in changes),
            "path_counters": (
                (policy, rule, queue, "assigned") for policy in ("", "present") for (queue, rule) in rules
            ),
            "unknown_counters": (
                (policy, rule, "") for policy in ("", "present") for (_queue, rule) in rules
            ),
            "duration_counters": product(self.queues, clocks, buckets),
        }
        return list(names[table.name])

    def rows_of(self, table: Table) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of all days, then those of all months."""
        random = Random(table.name)
        names = self.names_of(table)
        counts = sum(not column.primary_key for column in table.c)
        end = (self.last - EPOCH).days
        months: dict[tuple[Any, ...], list[int]] = {}
        for day in range(end - self.days + 1, end + 1):
            for key in names:
                values = [random.randrange(20) for _ in range(counts)]
                yield ("d", day, *key, *values)
                total = months.setdefault((month_of(day), *key), [0] * counts)
                total[:] = [so_far + more for so_far, more in zip(total, values, strict=True)]
        for key, total in months.items():
            yield ("m", *key, *total)

    @property
    def first(self) -> date:
        return self.last - timedelta(days=self.days - 1)
