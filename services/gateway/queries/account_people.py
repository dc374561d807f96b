"""Accounts one by one and as a list: who is known there, who owns whom, and which signals are live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, or_, select

from services.gateway.queries.lead_view import is_no_alias
from services.ledger.tables import lead_views
from services.router.tables import assignments
from services.scorer.domain.signal_end import LiveAccountSignal, live_account_signals
from services.scorer.domain.state import AccountRow, CompanyMemory, ScoreRow
from services.scorer.policy import ScoringPolicy
from services.scorer.tables import accounts
from shared.lead.buying_roles import BuyingRole, buying_role
from shared.lead.events.account_received import AccountReceivedV1, Relation
from shared.storage.database import Tx
from shared.storage.keyset import Cursor

PEOPLE_MAX: Final = 200
"""The leads of an account that are looked at, the newest ones."""
_ASSIGNMENTS_MAX: Final = 200
_SEEDS_MAX: Final = 500
"""The accounts of the policy's files that a filter names, at most."""
_ZERO: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""A cursor holds a time: the number of leads of an account stands in it as seconds after this."""


class AccountFilter(Struct, frozen=True):
    """Which accounts a list has; None: any."""

    relation: Relation | None = None
    qualified: bool | None = None
    open_opportunity: bool | None = None


Seeds = Mapping[str, AccountReceivedV1]
"""What the policy's files say of accounts, by key: it counts until account data is recorded."""


class ListedAccount(Struct, frozen=True):
    """An account of the list. `name` is the recorded one, or else what a lead says.

    Relation, owner and open opportunity are as recorded, or else what the policy's files say.
    """

    account: str
    name: str | None
    relation: Relation
    owner: str | None
    open_opportunity: bool
    qualified: bool
    leads: int
    best_grade: str | None


class CommitteeMember(Struct, frozen=True):
    """A lead of an account. `role` is the buying role that the title suggests, None for none."""

    lead_id: str
    name: str | None
    title: str | None
    email: str | None
    role: BuyingRole | None
    grade: str | None
    status: str
    queue: str | None
    owner: str | None
    first_at: datetime


class AccountAssignment(Struct, frozen=True):
    """An assignment of a lead of an account. `joined`: the rep joined the owner."""

    lead_id: str
    queue: str
    rep: str
    state: str
    joined: bool
    opened_at: datetime
    accepted_at: datetime | None
    closed_at: datetime | None
    reason: str | None


class AccountPeople(Struct, frozen=True):
    """The buying committee, the best grade first; every assignment, the newest first; the live signals."""

    committee: Sequence[CommitteeMember]
    assignments: Sequence[AccountAssignment]
    signals: Sequence[LiveAccountSignal]


async def list_accounts(
    tx: Tx, filters: AccountFilter, seeds: Seeds, after: Cursor | None, limit: int
) -> list[tuple[ListedAccount, Cursor]]:
    """Return at most `limit` accounts from the cursor `after` on, those with the most leads first."""
    table = accounts.c
    names = ("account", "knowledge", "company", "qualified", "leads", "grades")
    statement = select(*(table[name] for name in names))
    is_listed: ColumnElement[bool] = or_(table.leads > 0, table.relation.is_not(None))
    # A lead without a company is an account of its own, under its id.
    statement = statement.where(is_listed, table.account.contains("."))
    if filters.relation is not None:
        seeded = [key for key, known in seeds.items() if known.relation == filters.relation][:_SEEDS_MAX]
        is_seeded = and_(table.account.in_(seeded), table.knowledge.is_(None))
        is_recorded = and_(table.relation == filters.relation, table.relation.is_not(None))
        statement = statement.where(or_(is_recorded, is_seeded) if seeded else is_recorded)
    for column, wanted in (
        (table.qualified, filters.qualified),
        (table.open_opportunity, filters.open_opportunity),
    ):
        if wanted is not None:
            statement = statement.where(column if wanted else ~column)
    if after is not None:
        leads = (after.at - _ZERO) // timedelta(seconds=1)
        follows = and_(table.leads == leads, table.account > after.id)
        statement = statement.where(table.leads <= leads, or_(table.leads < leads, follows))
    found = await tx.execute(statement.order_by(table.leads.desc(), table.account).limit(limit))
    listed = (listed_account(dict(row), seeds) for row in found.mappings())
    return [(one, Cursor(_ZERO + timedelta(seconds=one.leads), one.account)) for one in listed]


def listed_account(row: Mapping[str, Any], seeds: Seeds) -> ListedAccount:
    """Return an account of the list from its row."""
    memory: CompanyMemory | None = row["company"]
    known: AccountReceivedV1 | None = row["knowledge"] or seeds.get(row["account"])
    said = next((profile.name for profile in memory.seen.values()), None) if memory else None
    return ListedAccount(
        account=row["account"],
        name=(known.name if known else None) or said,
        relation=known.relation if known else "none",
        owner=known.owner if known else None,
        open_opportunity=known.open_opportunity if known else False,
        qualified=row["qualified"],
        leads=row["leads"],
        best_grade=min((grade for grade, count in row["grades"].items() if count), key=_worth, default=None),
    )


def _worth(grade: str) -> tuple[str, str]:
    """Return what grades are ordered by: intent first, then fit."""
    return grade[1:], grade[:1]


async def find_account_people(
    tx: Tx, account: AccountRow, keys: Sequence[str], policy: ScoringPolicy, now: datetime
) -> AccountPeople:
    """Return who is known at an account and what happened there. `keys` are its own and its aliases'."""
    shown = ("lead_id", "name", "title", "email", "grade", "status", "queue", "owner", "first_at")
    people = select(*(lead_views.c[name] for name in shown)).where(
        lead_views.c.account.in_(keys), is_no_alias(lead_views.c.lead_id)
    )
    found = (await tx.execute(people.order_by(lead_views.c.first_at.desc()).limit(PEOPLE_MAX))).mappings()
    committee = [CommitteeMember(role=buying_role(row["title"]), **dict(row)) for row in found]
    committee.sort(key=lambda one: _worth(one.grade or "~~"))
    lead_ids = [one.lead_id for one in committee]
    columns = [assignments.c[name] for name in AccountAssignment.__struct_fields__]
    given = select(*columns).where(assignments.c.lead_id.in_(lead_ids))
    rows = await tx.execute(given.order_by(assignments.c.opened_at.desc()).limit(_ASSIGNMENTS_MAX))
    scored = next((row for row in await tx.load(ScoreRow, "lead_id", lead_ids[:1]) if row.lead), None)
    return AccountPeople(
        committee,
        [AccountAssignment(**dict(row)) for row in rows.mappings()],
        live_account_signals(account, scored.lead if scored else None, now, policy),
    )
