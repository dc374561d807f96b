"""What the page Report shows: the figures of a period, and where they come from. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct

from services.gateway.console import words
from services.gateway.domain.reports.conversions import Conversion, best_grade_in_words, conversions
from services.gateway.domain.reports.figures import Figure, counted
from services.gateway.domain.reports.periods import PeriodName, Window
from services.gateway.domain.reports.summary import (
    Attention,
    ComparedSummary,
    SummarySums,
    late_by_rule,
    source_bands,
)
from services.gateway.queries.leads import NO_NAME
from services.ledger.domain.lead_history import OTHER, UNSAID
from shared.rules.describe import label_of

PERIODS: Final[Mapping[PeriodName, str]] = {"24h": "24 h", "7d": "7 d", "30d": "30 d", "90d": "90 d"}
_LOWER_IS_BETTER: Final = frozenset(
    {"to_route", "to_accept", "late_share", "given_back", "cost_per_routed_lead"}
)
_NEUTRAL: Final = frozenset({"received", "routed", "suppressed"})
_TILES: Final = (
    ("received", "Received"),
    ("routed", "Routed"),
    ("suppressed", "Suppressed"),
    ("to_route", "Time to route"),
    ("to_accept", "Time to accept"),
    ("late_share", "Late"),
    ("accepted", "Accepted"),
    ("given_back", "Given back"),
    ("meetings", "Meetings"),
    ("won", "Won"),
    ("cost_per_routed_lead", "Cost of a routed lead"),
)
_REACHED: Final = {
    "to_route": "first_routed",
    "to_accept": "accepted",
    "late_share": "late",
    "meetings": "meeting_booked",
    "cost_per_routed_lead": "routed",
}
"""What the leads behind a figure have reached, where that has another name."""
_BANDS: Final = ("sql", "mql", "cold")
_OUTCOMES: Final = {
    "accepted": "accepted",
    "meetings": "meeting",
    "opportunities": "opportunity",
    "won": "won",
}
_ICONS: Final = {
    "absent": "user-round-x",
    "late": "alarm-clock",
    "waiting": "clock",
    "over_cap": "users",
    "idle_rule": "route",
    "unknown_field": "circle-help",
}
_UNSAID_WORDS: Final = "no reason given"


class ReportPeriod(Struct, frozen=True):
    """The period of a page: its beginning and end, excluded."""

    since: datetime
    until: datetime

    @classmethod
    def of(cls, window: Window) -> ReportPeriod:
        """Return the period of whole hours or days."""
        first, last = window.hours
        begin, end = (datetime.fromtimestamp(hour * 3_600, UTC) for hour in (first, last + 1))
        return cls(begin, end)

    def leads(self, reached: str, **more: str) -> str:
        """Return the address of the leads that are counted in the period as having come so far."""
        times = {"reached_since": self.since.isoformat(), "reached_until": self.until.isoformat()}
        return "/leads?" + urlencode({"reached": reached, **times, **more})


class PeriodTab(Struct, frozen=True):
    """A period to choose."""

    name: str
    href: str
    current: bool


class Tile(Struct, frozen=True):
    """A figure: its value, what 95 of 100 did not exceed, and the change since the period before.

    `tone` is `ok` or `bad` where a change is clearly for the better or worse, empty otherwise.
    """

    name: str
    label: str
    value: str
    beside: str
    change: str
    tone: str
    before: str
    href: str
    is_compared: bool

    @classmethod
    def of(cls, key: str, label: str, found: ComparedSummary, period: ReportPeriod) -> Tile:
        """Return the tile of a figure."""
        own, other = found.figures[key], found.before.get(key)
        beside = found.figures.get(f"{key}_p95")
        change, tone = "", ""
        if own.value is not None and other is not None and other.value:
            ratio = own.value / other.value - 1
            change = (
                "as before"
                if abs(ratio) < 0.005
                else f"{'up' if ratio > 0 else 'down'} {abs(ratio) * 100:.0f} %"
            )
            if abs(ratio) >= 0.05 and key not in _NEUTRAL:
                tone = "ok" if (ratio < 0) is (key in _LOWER_IS_BETTER) else "bad"
        return cls(
            key,
            label,
            _value(own),
            f"95 % within {_value(beside)}" if beside is not None and beside.value is not None else "",
            change,
            tone,
            _value(other) if other is not None and other.value is not None else "",
            period.leads(_REACHED.get(key, key)),
            any(one.value for one in found.before.values()),
        )


class HeatCell(Struct, frozen=True):
    """Late share of a rule in a queue; empty without leads. `heat` is a class from 0 (none) to 5."""

    text: str
    title: str
    heat: int
    href: str


class HeatRow(Struct, frozen=True):
    """The cells of a rule, one for each queue."""

    rule: str
    cells: list[HeatCell]


class OutcomeCell(Struct, frozen=True):
    """How many leads of a grade came so far, what share that is, and their address, empty for none."""

    count: int
    share: str
    heat: int
    href: str


class GradeRow(Struct, frozen=True):
    """A grade and what became of its leads."""

    grade: str
    leads: int
    href: str
    cells: list[OutcomeCell]

    @classmethod
    def of(cls, row: Conversion, period: ReportPeriod) -> GradeRow:
        """Return what became of the leads of a grade. What is counted together has no address."""
        grade = {"first_grade": row.name or NO_NAME, "cohort": "1"}
        cells = []
        for outcome, reached in _OUTCOMES.items():
            count = int(getattr(row, outcome))
            share = count / row.captured if row.captured else 0.0
            href = period.leads(reached, **grade) if count and row.name != OTHER else ""
            cells.append(OutcomeCell(count, words.percent(share) if count else "", _heat(share), href))
        href = period.leads("received", **grade) if row.name != OTHER else ""
        return cls(row.name, row.captured, href, cells)


class BandBar(Struct, frozen=True):
    """A part of a source's bar: leads of a band, from `x` on and `width` wide, in percent."""

    band: str
    leads: int
    x: float
    width: float
    href: str


class SourceRow(Struct, frozen=True):
    """A source with its bands."""

    source: str
    leads: int
    href: str
    bars: list[BandBar]


class ReportPage(Struct, frozen=True):
    """The page Report."""

    tabs: list[PeriodTab]
    attention_href: str
    given_back_href: str
    tiles: list[Tile]
    queues: list[str]
    late: list[HeatRow]
    outcomes: list[str]
    grades: list[GradeRow]
    grades_say: str
    sources: list[SourceRow]
    is_empty: bool
    before: str


class ReasonLine(Struct, frozen=True):
    """Why leads of a queue were given back, how many, and their address."""

    reason: str
    queue: str
    count: int
    href: str


class GivenBackList(Struct, frozen=True):
    """Why leads were given back in a period, the most frequent reason first."""

    lines: list[ReasonLine]


class AttentionLine(Struct, frozen=True):
    """Something to look at, and the page to do so; empty where the key may not open it."""

    icon: str
    says: str
    href: str


class AttentionList(Struct, frozen=True):
    """What needs a look now."""

    lines: list[AttentionLine]


def report_page(
    name: PeriodName, window: Window, found: ComparedSummary, queues: Sequence[str]
) -> ReportPage:
    """Return the page of a period; `queues` are those of the policy."""
    period = ReportPeriod.of(window)
    since = period.since.isoformat()
    sums, figures = found.sums, found.figures
    grades = conversions(sums.leads, "grade", by_name=True)
    return ReportPage(
        tabs=[PeriodTab(label, f"/report?period={one}", one == name) for one, label in PERIODS.items()],
        attention_href="/report/attention",
        given_back_href=f"/report/given-back?period={name}",
        tiles=[Tile.of(key, label, found, period) for key, label in _TILES if key in figures],
        queues=list(queues),
        late=heat_rows(sums, queues, since),
        outcomes=[words.title(outcome) for outcome in _OUTCOMES],
        grades=[GradeRow.of(row, period) for row in grades],
        grades_say=best_grade_in_words(grades),
        sources=source_rows(sums, since),
        is_empty=not figures["received"].value,
        before=f"the {PERIODS[name]} before",
    )


def given_back_list(window: Window, flow: Mapping[tuple[str, ...], Mapping[str, int]]) -> GivenBackList:
    """Return why leads were given back in a period; `flow` are counts by queue and reason."""
    period = ReportPeriod.of(window)
    lines = [
        ReasonLine(
            _UNSAID_WORDS if reason == UNSAID else words.title(reason),
            queue,
            counted(counts, "decided"),
            period.leads("given_back", given_back_as=reason, reached_in=queue or NO_NAME),
        )
        for (queue, reason), counts in flow.items()
        if counted(counts, "decided") > 0
    ]
    return GivenBackList(sorted(lines, key=lambda line: (-line.count, line.reason, line.queue)))


def attention_list(items: Sequence[Attention], *, opens_policy: bool) -> AttentionList:
    """Return what needs a look, each with the page that shows it; those of the policy are for managers."""
    hrefs = {
        "late": "/?tab=to_accept",
        "waiting": "/?tab=waiting",
        "idle_rule": "/flow?period=30d" if opens_policy else "",
        "unknown_field": "/providers" if opens_policy else "",
    }
    return AttentionList(
        [
            AttentionLine(
                _ICONS[item.kind],
                item.says.replace(label_of(item.subject).capitalize(), words.title(words.field(item.subject)))
                if item.kind == "unknown_field"
                else item.says,
                hrefs.get(item.kind, "/?" + urlencode({"tab": "to_accept", "owner": item.subject})),
            )
            for item in items
        ]
    )


def _value(figure: Figure) -> str:
    """Return a value as people read it; `none` where there is none."""
    value = figure.value
    if value is None:
        return "none"
    if figure.unit == "seconds":
        return words.duration(value)
    if figure.unit == "share":
        return words.percent(value)
    return words.money(value * 100) if figure.unit == "usd" else words.number(value)


def heat_rows(sums: SummarySums, queues: Sequence[str], since: str) -> list[HeatRow]:
    """Return the late shares of the rules, with a cell for each queue."""
    rows: dict[str, dict[str, HeatCell]] = {}
    for cell in late_by_rule(sums.paths):
        share = cell.late_share.value or 0.0
        rule = words.title(cell.rule)
        rows.setdefault(rule, {})[cell.queue] = HeatCell(
            words.percent(share),
            f"{rule} in {cell.queue}: {cell.late:,} of {words.counted(cell.assigned, 'lead')} late",
            _heat(share),
            "/leads?" + urlencode({"rule": cell.rule, "queue": cell.queue, "since": since}),
        )
    none = HeatCell("", "", 0, "")
    return [HeatRow(rule, [cells.get(queue, none) for queue in queues]) for rule, cells in rows.items()]


def source_rows(sums: SummarySums, since: str) -> list[SourceRow]:
    """Return the sources with most leads, each as a bar of its bands."""
    rows = []
    for source in source_bands(sums.leads):
        bars: list[BandBar] = []
        x = 0.0
        filters = ({"source": source.source} if source.source else {}) | {"since": since}
        for band in _BANDS:
            leads = source.bands.get(band, 0)
            width = 100 * leads / source.leads
            if leads:
                href = "/leads?" + urlencode(filters | {"band": band})
                bars.append(BandBar(band, leads, x, width, href))
            x += width
        href = "/leads?" + urlencode(filters)
        rows.append(SourceRow(source.source or "not named", source.leads, href, bars))
    return rows


def _heat(share: float) -> int:
    """Return a class of heat from 0 to 5."""
    return 0 if share <= 0 else min(5, 1 + int(share * 10))
