"""Tables of the router: decided leads, assignments, the reps' rotation, account locks, and deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    and_,
    false,
    select,
    text,
)

from services.router.domain.deal import DealStanding
from services.router.domain.ladder import LadderClocks
from services.router.domain.state import Rejection, Snooze
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.routing import BriefHandOff
from shared.storage.metadata import metadata
from shared.storage.types import Json, UtcTime
from shared.webhooks import TRIAL, DeliveryFilter, FailedAttempt
from shared.worker.tables import tombstones

routed_leads = Table(
    "routed_leads",
    metadata,
    Column("lead_id", String(200), primary_key=True),
    Column("account", String(500), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("scored_sequence", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("status", String(20), nullable=False),
    Column("queue", String(200), nullable=False),
    Column("motion", String(20), nullable=False),
    Column("rule", String(200), nullable=False),
    Column("high_intent", Boolean, nullable=False),
    Column("waiting_since", UtcTime),
    Column("scored", LargeBinary),
    Column("spared", String(200)),
    Column("hand_off", Json(BriefHandOff)),
    Column("released_by", String(200)),
    Column("rejected_by", Json(tuple[str, ...]), nullable=False, server_default="[]"),
    Column("recycle_at", UtcTime),
    Column("rejections", Json(tuple[Rejection, ...]), nullable=False, server_default="[]"),
    Column("territory", String(200)),
    Column("deal", Json(DealStanding)),
    Column("demanding_rule", String(200)),
    Index(
        "ix_routed_leads_waiting",
        "queue",
        "waiting_since",
        postgresql_where=text("waiting_since IS NOT NULL"),
        sqlite_where=text("waiting_since IS NOT NULL"),
    ),
    Index(
        "ix_routed_leads_listed",
        "queue",
        postgresql_where=text("status = 'listed'"),
        sqlite_where=text("status = 'listed'"),
    ),
)

parked_outcomes = Table(
    "parked_outcomes",
    metadata,
    Column("lead_id", String(200), primary_key=True),
    Column("outcomes", Json(tuple[OutcomeReceivedV1, ...]), nullable=False),
)

assignments = Table(
    "assignments",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("lead_id", String(200), nullable=False),
    Column("account", String(500), nullable=False),
    Column("queue", String(200), nullable=False),
    Column("rep", String(200), nullable=False),
    Column("state", String(20), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("accept_by", UtcTime),
    Column("accepted_at", UtcTime),
    Column("closed_at", UtcTime),
    Column("joined", Boolean, nullable=False, server_default=false()),
    Column("reason", String(200)),
    Column("credited_back", Boolean, nullable=False, server_default=false()),
    Column("ladder", Json(LadderClocks)),
    Column("snoozed", Json(Snooze)),
    Index(None, "lead_id"),
    # For the latest assignments of a rep, which are counted under new caps.
    Index(None, "rep", "opened_at"),
    Index(
        "ix_assignments_active",
        "account",
        "queue",
        "opened_at",
        "id",
        postgresql_where=text("closed_at IS NULL"),
        sqlite_where=text("closed_at IS NULL"),
    ),
    # For inboxes, by the clock: of one queue, of all queues, of a rep; and those that were accepted.
    *(
        Index(
            name,
            *columns,
            postgresql_where=text(f"closed_at IS NULL{condition}"),
            sqlite_where=text(f"closed_at IS NULL{condition}"),
        )
        for name, columns, condition in (
            (
                "ix_assignments_queue_clock",
                ("queue", "accept_by", "lead_id"),
                " AND accepted_at IS NULL",
            ),
            ("ix_assignments_clock", ("accept_by", "lead_id"), " AND accepted_at IS NULL"),
            ("ix_assignments_rep_clock", ("rep", "accept_by", "lead_id"), ""),
            (
                "ix_assignments_accepted",
                ("accepted_at", "lead_id"),
                " AND accepted_at IS NOT NULL",
            ),
        )
    ),
    Index(
        "ix_assignments_joined",
        "queue",
        postgresql_where=text("joined AND closed_at IS NULL"),
        sqlite_where=text("joined AND closed_at IS NULL"),
    ),
    Index(
        "ix_assignments_rejected",
        "rep",
        "reason",
        postgresql_where=text("reason IS NOT NULL"),
        sqlite_where=text("reason IS NOT NULL"),
    ),
    Index(
        "ix_assignments_ended",
        "closed_at",
        postgresql_where=text("closed_at IS NOT NULL"),
        sqlite_where=text("closed_at IS NOT NULL"),
    ),
)

rep_queues = Table(
    "rep_queues",
    metadata,
    Column("queue", String(200), primary_key=True),
    Column("rep", String(200), primary_key=True),
    Column("credits", BigInteger, nullable=False),
    Column("balance", BigInteger, nullable=False),
    Column("open_leads", Integer, nullable=False),
    Column("out_of_turn", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("number_before", BigInteger, nullable=False),
)

router_queues = Table(
    "router_queues",
    metadata,
    Column("queue", String(200), primary_key=True),
    Column("same_reps", BigInteger),
    Column("steady", Boolean, nullable=False),
    Column("added", BigInteger, nullable=False),
)

router_reps = Table(
    "router_reps",
    metadata,
    Column("rep", String(200), primary_key=True),
    Column("manager", String(200)),
    Column("depth", Integer, nullable=False),
    Column("assigned", Json(tuple[int, ...]), nullable=False),
)

router_accounts = Table("router_accounts", metadata, Column("account", String(500), primary_key=True))

GIVEN_UP: Final = "state IN ('failed', 'gone')"
PENDING: Final = "next_attempt_at IS NOT NULL"
"""Conditions on deliveries as SQL: SQLite uses a partial index only for the very words of the index."""


def _partial(name: str, where: str, *columns: str) -> Index:
    return Index(name, *columns, postgresql_where=text(where), sqlite_where=text(where))


deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("subscription_id", String(200), nullable=False),
    Column("event_id", String(500), nullable=False),
    Column("event_type", String(200), nullable=False),
    Column("lead_id", String(500), nullable=False),
    Column("url", String(2048), nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcTime),
    Column("last_status", Integer),
    Column("last_error", Text),
    Column("created_at", UtcTime, nullable=False),
    Column("delivered_at", UtcTime),
    Column("body", LargeBinary),
    Column("failures", Json(list[FailedAttempt])),
    Column("account", String(500)),
    Column("sequence", Integer),
    Column("notifies", Boolean, nullable=False, server_default=false()),
    Column("retry_id", String(40)),
    # `next_attempt_at` is null once nothing more will be tried.
    Index(
        "ix_deliveries_due",
        "subscription_id",
        "next_attempt_at",
        postgresql_where=text("next_attempt_at IS NOT NULL"),
        sqlite_where=text("next_attempt_at IS NOT NULL"),
    ),
    # While nothing is due, this is all that is looked at.
    Index(
        "ix_deliveries_next_attempt",
        "next_attempt_at",
        postgresql_where=text("next_attempt_at IS NOT NULL"),
        sqlite_where=text("next_attempt_at IS NOT NULL"),
    ),
    # For the order of a lead's deliveries: what is delivered at once is not in it.
    Index(
        "ix_deliveries_pending_of_lead",
        "lead_id",
        "subscription_id",
        "sequence",
        postgresql_where=text("next_attempt_at IS NOT NULL"),
        sqlite_where=text("next_attempt_at IS NOT NULL"),
    ),
    Index(None, "subscription_id", "created_at"),
    Index(None, "lead_id"),
    Index(None, "created_at", "id"),
    Index(None, "event_type", "created_at"),
    _partial("ix_deliveries_given_up", GIVEN_UP, "created_at", "id"),
    _partial("ix_deliveries_given_up_by_endpoint", GIVEN_UP, "subscription_id", "created_at", "id"),
    _partial("ix_deliveries_pending", PENDING, "created_at", "id"),
    _partial("ix_deliveries_retry", "retry_id IS NOT NULL", "retry_id", "state"),
    # For the erasure of people whom a body may name.
    Index(
        "ix_deliveries_account",
        "account",
        postgresql_where=text("body IS NOT NULL"),
        sqlite_where=text("body IS NOT NULL"),
    ),
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("delivery_id", String(40), primary_key=True),
    Column("at", UtcTime, primary_key=True),
    Column("subscription_id", String(200), nullable=False),
    Column("ms", Integer, nullable=False),
    Column("status", Integer),
    Column("error", Text),
    Column("answer", Text),
    Index(None, "at"),
    Index(None, "subscription_id", "at"),
)

notified_leads = Table(
    "notified_leads",
    metadata,
    Column("lead_id", String(500), primary_key=True),
    Column("at", UtcTime, nullable=False),
)


def deliveries_between(
    endpoint: str, since: datetime, until: datetime, *, failed_only: bool
) -> ColumnElement[bool]:
    """Return the condition for an endpoint's deliveries that were created from `since` on, before `until`.

    It stands beside the table because the gateway counts what the router then sends: both must mean the
    same rows. Test events are left out.
    """
    created_at = deliveries.c.created_at
    of_endpoint = and_(deliveries.c.subscription_id == endpoint, deliveries.c.event_type != TRIAL)
    condition = and_(of_endpoint, created_at >= since, created_at < until)
    return and_(condition, deliveries.c.state.in_(("failed", "gone"))) if failed_only else condition


def deliveries_matching(which: DeliveryFilter) -> ColumnElement[bool]:
    """Return the condition for the deliveries that a filter means; test events are left out."""
    column, states = deliveries.c, {*which.states}
    parts: list[ColumnElement[bool]] = [column.event_type != TRIAL]
    if which.endpoints:
        parts.append(column.subscription_id.in_(which.endpoints))
    if states and states <= {"failed", "gone"}:
        parts.append(text(GIVEN_UP))  # type: ignore[arg-type]
    elif states == {"pending"}:
        parts.append(text(PENDING))  # type: ignore[arg-type]
    if states and states != {"failed", "gone"}:
        parts.append(column.state.in_(sorted(states)))
    if which.events:
        parts.append(column.event_type.in_(which.events))
    if which.lead_id is not None:
        parts.append(column.lead_id == which.lead_id)
    if which.since is not None:
        parts.append(column.created_at >= which.since)
    if which.until is not None:
        parts.append(column.created_at < which.until)
    return and_(*parts)


def not_erased(role: str) -> ColumnElement[bool]:
    """Return the condition for deliveries about people whose erasure the role has not recorded."""
    return deliveries.c.lead_id.not_in(select(tombstones.c.hash).where(tombstones.c.role == role))
