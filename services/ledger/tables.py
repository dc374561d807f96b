"""Tables of the ledger: every event, the view of each lead, dead letters, counters of reports, backtests.

`events` holds the data as it was received. `lead_views` has the columns that lists filter by and show, and
the id of the latest event of each stage, so that a view is assembled from at most five events
when it is read (`services/gateway/queries/lead_view.py`). A lead has a view from its first `lead.enriched`
on; before that only its `lead.received` event exists.

What reports count of each lead is in `lead_histories`; what a unit of work adds to the counters is a row of
`counter_deltas` until it is added up (`services/ledger/counting.py`). A report reads both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text, text

from services.ledger.domain.counters import CounterDelta
from services.ledger.domain.lead_history import LeadHistory
from shared.storage.metadata import metadata
from shared.storage.types import Json, UtcTime

events = Table(
    "events",
    metadata,
    Column("id", String(500), primary_key=True),
    Column("source", String(500), primary_key=True),
    Column("type", String(100), nullable=False),
    Column("subject", String(500), nullable=False),
    Column("partition_key", String(500), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("causation_id", String(500), nullable=False),
    Column("revision", Integer),
    Column("sequence", Integer),
    Column("data", Text, nullable=False),
    Index(None, "subject", "at"),
    Index(None, "causation_id"),
)

NOT_ROUTED: Final = "status <> 'routed'"
NURTURED: Final = "motion = 'nurture'"
"""Conditions on views as SQL: SQLite uses a partial index only for the very words of the index."""

lead_views = Table(
    "lead_views",
    metadata,
    Column("lead_id", String(36), primary_key=True),
    # What is looked for by its beginning is in the order of its characters, whatever the database's language.
    Column("account", String(500).with_variant(String(500, "C"), "postgresql"), nullable=False),
    Column("email", String(500).with_variant(String(500, "C"), "postgresql")),
    Column("status", String(20), nullable=False),
    Column("queue", String(200)),
    Column("owner", String(200)),
    Column("revision", Integer, nullable=False),
    Column("first_at", UtcTime, nullable=False),
    Column("enriched_sequence", Integer, nullable=False),
    Column("enriched_revision", Integer, nullable=False),
    Column("enriched_id", String(500)),
    Column("scored_sequence", Integer, nullable=False),
    Column("scored_revision", Integer, nullable=False),
    Column("scored_id", String(500)),
    Column("routed_sequence", Integer, nullable=False),
    Column("routed_revision", Integer, nullable=False),
    Column("routed_id", String(500)),
    Column("routed_type", String(100)),
    Column("owned_sequence", Integer, nullable=False),
    Column("owned_id", String(500)),
    Column("briefed_sequence", Integer, nullable=False, server_default="0"),
    Column("briefed_id", String(500)),
    Column("motion", String(20)),
    Column("closed_as", String(20)),
    Column("ruled_sequence", Integer, nullable=False, server_default="0"),
    Column("rule", String(200)),
    Column("reason", String(200)),
    Column("name", String(401)),
    Column("title", String(200)),
    Column("company", String(200)),
    Column("source", String(200)),
    Column("grade", String(200)),
    Column("band", String(20)),
    Column("total", Integer),
    Column("trigger", String(200)),
    Column("quote", String(200)),
    Index(None, "email"),
    Index(None, "account"),
    Index(None, "owner", "first_at", "lead_id"),
    Index(None, "queue", "first_at", "lead_id"),
    Index(None, "first_at", "lead_id"),
    Index(None, "rule", "first_at", "lead_id"),
    Index(None, "grade", "first_at", "lead_id"),
    Index(None, "source", "first_at", "lead_id"),
    Index(None, "band", "first_at", "lead_id"),
    # Most leads are routed and worked: the index of all of them by time is enough to find those.
    Index(
        "ix_lead_views_not_routed",
        "status",
        "first_at",
        "lead_id",
        postgresql_where=text(NOT_ROUTED),
        sqlite_where=text(NOT_ROUTED),
    ),
    Index(
        "ix_lead_views_nurtured",
        "first_at",
        "lead_id",
        postgresql_where=text(NURTURED),
        sqlite_where=text(NURTURED),
    ),
    Index(
        "ix_lead_views_suppressed",
        "reason",
        "first_at",
        "lead_id",
        postgresql_where=text("reason IS NOT NULL"),
        sqlite_where=text("reason IS NOT NULL"),
    ),
    # A view is written at every stage of its lead. Where no index has what changes, and the page has room for
    # the new row, PostgreSQL leaves the indexes alone.
    postgresql_with={"fillfactor": 60},
)

lead_names = Table(
    "lead_names",
    metadata,
    Column("word", String(50).with_variant(String(50, "C"), "postgresql"), primary_key=True),
    Column("lead_id", String(36), primary_key=True),
)

NOT_REPLAYED: Final = "replayed_at IS NULL"
"""A condition on dead letters as SQL: SQLite uses a partial index only for the very words of the index."""

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("topic", String(100), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("record_key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", Json(list[tuple[str, bytes | None]]), nullable=False),
    Column("stage", String(40), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("message", Text, nullable=False),
    Column("event_id", String(500), nullable=False),
    Column("event_type", String(100), nullable=False),
    Column("subject", String(500), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("replayed_at", UtcTime),
    Index(None, "at", "id"),
    Index(
        "ix_dead_letters_not_replayed",
        "stage",
        "kind",
        "at",
        postgresql_where=text(NOT_REPLAYED),
        sqlite_where=text(NOT_REPLAYED),
    ),
    Index(None, "subject"),
    Index(None, "event_id"),
)

lead_histories = Table(
    "lead_histories",
    metadata,
    Column("lead_id", String(500), primary_key=True),
    Column("history", Json(LeadHistory), nullable=False),
    postgresql_with={"fillfactor": 60},
)

lead_milestones = Table(
    "lead_milestones",
    metadata,
    Column("lead_id", String(500), primary_key=True),
    Column("stage", String(20), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("hour", Integer),
    Column("captured_hour", Integer),
    Column("grade", String(200), nullable=False),
    Column("queue", String(200), nullable=False),
    Column("reason", String(200), nullable=False),
    Index(None, "stage", "hour", "lead_id"),
    Index(None, "stage", "grade", "captured_hour", "lead_id"),
)

counter_deltas = Table(
    "counter_deltas",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("deltas", Json(list[CounterDelta]), nullable=False),
)


def _counter_table(name: str, names: Sequence[Column[Any]], counts: str) -> Table:
    """Return a table of counters of hours (`h`), days (`d`) and months (`m`).

    `day` is the number of the hour, of the day, or of the first day of the month.
    """
    return Table(
        name,
        metadata,
        Column("grain", String(1), primary_key=True),
        Column("day", Integer, primary_key=True, autoincrement=False),
        *names,
        *(Column(count, BigInteger, nullable=False, server_default="0") for count in counts.split()),
    )


def _named(name: str) -> Column[str]:
    return Column(name, String(200), primary_key=True)


lead_counters = _counter_table(
    "lead_counters",
    (_named("dimension"), _named("name")),
    "captured suppressed assigned accepted meetings opportunities won lost won_usd",
)
rep_counters = _counter_table(
    "rep_counters",
    (_named("queue"), _named("rep")),
    "assigned accepted late rejected replied meetings meetings_held met met_opportunity"
    " opportunities opportunity_usd open_usd sourced sourced_usd named named_usd won lost won_usd"
    " pilots pilots_won pilots_lost renewed_usd expanded_usd contracted_usd churned_usd"
    " revenue_events without_usd",
)
duration_counters = _counter_table(
    "duration_counters",
    (_named("queue"), _named("clock"), Column("bucket", Integer, primary_key=True, autoincrement=False)),
    "measured",
)
flow_counters = _counter_table(
    "flow_counters", (_named("queue"), _named("change"), _named("step")), "decided arrived"
)
accept_counters = _counter_table(
    "accept_counters",
    (_named("queue"), _named("rep"), Column("bucket", Integer, primary_key=True, autoincrement=False)),
    "accepted",
)
path_counters = _counter_table(
    "path_counters",
    (_named("policy"), _named("step"), _named("queue"), _named("change")),
    "leads assigned accepted late",
)
unknown_counters = _counter_table(
    "unknown_counters", (_named("policy"), _named("step"), _named("field")), "leads"
)

COUNTERS = (
    accept_counters,
    duration_counters,
    flow_counters,
    lead_counters,
    path_counters,
    rep_counters,
    unknown_counters,
)
"""The tables of counters; the key of each is grain, day and its names, in this order."""

RECORDED: Final = "recorded"
"""The candidate of a backtest in which every decision is made by the version that made it."""
UNFINISHED: Final = ("queued", "running")
"""The states of a backtest that waits or runs."""

# A worker holds a backtest until `leased_until`; one whose process died is taken up again. `candidate` is a
# version or `recorded`, `files` are its texts where it is not stored. Moves name leads: erasures remove them.
backtests = Table(
    "backtests",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("candidate", String(64), nullable=False),
    Column("files", Json(dict[str, str])),
    Column("since", UtcTime),
    Column("until", UtcTime),
    Column("segment", String(500)),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("leased_until", UtcTime),
    Column("finished_at", UtcTime),
    Column("error", String(1000)),
    Column("report", Text),
    Index(None, "created_at", "id"),
    Index(None, "candidate", "created_at"),
    Index(None, "state"),
)

backtest_moves = Table(
    "backtest_moves",
    metadata,
    Column("backtest_id", String(36), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("lead_id", String(36), nullable=False),
    Column("data", Text, nullable=False),
    Index(None, "lead_id"),
)
