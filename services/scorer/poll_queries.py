"""The rows that a poll needs before it asks: which accounts come next, and the budget that is reserved."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace
from sqlalchemy import String, bindparam, select

from services.scorer.domain.poll_rows import PolledAccountRow, PollSourceRow
from services.scorer.domain.polls import AskedAccount
from services.scorer.domain.state import AccountRow
from services.scorer.domain.subjects import canonical_key
from services.scorer.tables import accounts
from shared.storage.database import Database, Tx
from shared.storage.rows import IdentityMap, Put

WINDOW: Final = 2_000
"""So many rows of accounts are looked through at a time."""
_LISTED, _STORED = "listed:", "stored:"


@dataclass(frozen=True, slots=True)
class PollScope:
    """The accounts of a source: domains by account key, and with `relation` the stored accounts that have it.

    With a relation, what is stored of a listed account comes before the list.
    """

    listed: Mapping[str, str]
    relation: str | None = None


@dataclass(frozen=True, slots=True)
class AccountPage:
    """Accounts to ask about, up to `position`; `is_end`: none follow."""

    accounts: Sequence[AskedAccount]
    position: str
    is_end: bool


_WINDOW_OF = (
    select(accounts.c.account, accounts.c.knowledge)
    .where(accounts.c.account > bindparam("after", type_=String()))
    .order_by(accounts.c.account)
    .limit(WINDOW)
)


async def next_accounts(tx: Tx, scope: PollScope, after: str, most: int) -> AccountPage:
    """Return the next accounts of a source after a position, at most `most` of them.

    The stored accounts are looked through a window at a time, so that a step is short however many there are.
    """
    found: list[AskedAccount] = []
    if most <= 0:
        return AccountPage(found, after, is_end=False)
    if not after.startswith(_STORED):
        keys = sorted(scope.listed)
        start = bisect_right(keys, after.removeprefix(_LISTED))
        page = keys[start : start + most]
        known = {row.account: row for row in await tx.load(AccountRow, "account", page)}
        for key in page:
            knowledge = known[key].knowledge if key in known else None
            if scope.relation is None or knowledge is None or knowledge.relation == scope.relation:
                found.append(AskedAccount(key, scope.listed[key], knowledge.name if knowledge else None))
        if start + most < len(keys):
            return AccountPage(found, _LISTED + page[-1], is_end=False)
        if scope.relation is None:
            return AccountPage(found, "", is_end=True)
        after = _STORED
    position = after.removeprefix(_STORED)
    if len(found) >= most:
        return AccountPage(found, _STORED + position, is_end=False)
    rows = (await tx.execute(_WINDOW_OF, {"after": position})).all()
    for account, knowledge in map(tuple, rows):
        position = account
        if (
            knowledge is None
            or knowledge.relation != scope.relation
            or account in scope.listed
            or canonical_key(account, knowledge) != account
        ):
            continue
        found.append(AskedAccount(account, knowledge.domain, knowledge.name))
        if len(found) >= most:
            return AccountPage(found, _STORED + position, is_end=False)
    return AccountPage(found, _STORED + position, is_end=len(rows) < WINDOW)


async def with_cursors(tx: Tx, source: str, asked: Sequence[AskedAccount]) -> list[AskedAccount]:
    """Return the accounts with the cursors that their last answers gave."""
    rows = await tx.load(PolledAccountRow, "account", [account.key for account in asked], source=source)
    cursors = {row.account: row.cursor for row in rows}
    return [replace(account, cursor=cursors.get(account.key)) for account in asked]


async def reserve(database: Database, row: PollSourceRow, day: str, cents: int) -> None:
    """Count cents as spent before the calls are made: a crash in between spends no more than the budget."""
    async with database.begin() as tx:
        stored = await tx.load(PollSourceRow, "source", [row.source], lock=True)
        present = stored[0] if stored else row
        spent = present.spent_cents if present.day == day else 0
        rows = IdentityMap(stored)
        rows.apply([Put(replace(present, day=day, spent_cents=spent + cents))])
        await tx.write(rows)
