"""The counts behind the way of leads through a policy, and the leads behind the counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from sqlalchemy import RowMapping, select

from services.gateway.domain.reports.figures import counted
from services.gateway.domain.reports.flow_paths import Kind, PathSums
from services.gateway.domain.reports.periods import Window
from services.gateway.queries.lead_view import is_no_alias
from services.gateway.queries.report_counters import Counters
from services.ledger.domain.counters import ANY_VERSION
from services.ledger.tables import lead_views, path_counters, unknown_counters
from shared.policy.content_hash import shown
from shared.storage.database import Tx

_BY = ("step", "queue", "change")


class FlowSums(Struct, frozen=True):
    """Counts by step, queue and change, of one version or all, and those of the other version, if asked for.

    `unknown` says by rule for how many leads it was not known, and how many of them had no value of which
    field; the former has the empty name.
    """

    paths: PathSums
    unknown: Mapping[str, Mapping[str, int]]
    compared: PathSums | None


async def read_flow(
    counters: Counters, window: Window, version: str | None, other: str | None = None
) -> FlowSums:
    """Return the counts of a version, None for whichever decided last, and those of another version."""
    policy = ANY_VERSION if version is None else shown(version)
    versions = {policy} if other is None else {policy, shown(other)}
    by_version = await counters.sums(path_counters, ("policy", *_BY), window, policy=versions)
    unknown = await counters.sums(unknown_counters, ("step", "field"), window, policy=policy)

    def of(chosen: str) -> PathSums:
        return {
            (step, queue, change): sums
            for (name, step, queue, change), sums in by_version.items()
            if name == chosen
        }

    compared = None if other is None else of(shown(other))
    paths = of(policy)
    by_rule: dict[str, dict[str, int]] = {}
    for (rule, field), counts in unknown.items():
        by_rule.setdefault(rule, {})[field] = counted(counts, "leads")
    return FlowSums(paths, by_rule, compared)


async def newest_leads(tx: Tx, kind: Kind, step: str, since: datetime | None, limit: int) -> list[RowMapping]:
    """Return the newest leads that a suppression or a rule has led to where they are, from `since` on."""
    column = lead_views.c.rule if kind == "rule" else lead_views.c.reason
    shown_columns = ("lead_id", "name", "email", "account", "company", "grade", "queue", "first_at")
    statement = select(*(lead_views.c[name] for name in shown_columns))
    statement = statement.where(column == step, is_no_alias(lead_views.c.lead_id))
    if since is not None:
        statement = statement.where(lead_views.c.first_at >= since)
    statement = statement.order_by(lead_views.c.first_at.desc(), lead_views.c.lead_id.desc()).limit(limit)
    return list((await tx.execute(statement)).mappings())


async def way_of_lead(tx: Tx, lead_id: str) -> RowMapping | None:
    """Return name, rule or reason, and queue of a lead; None before it was decided on."""
    columns = ("lead_id", "name", "email", "account", "rule", "reason", "queue")
    statement = select(*(lead_views.c[name] for name in columns)).where(lead_views.c.lead_id == lead_id)
    row = (await tx.execute(statement)).mappings().first()
    return row if row is not None and (row["rule"] or row["reason"]) else None
