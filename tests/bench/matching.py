"""`matching`: precision and recall on the labelled pairs, and the time that it takes to match a lead.

There is no floor: what is aimed at is a precision, so the ratio is the precision over it. The index is measured on
SQLite with 100,000 accounts: the keys of a name, the candidates of each, and the comparison with them.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from msgspec.structs import asdict
from sqlalchemy import insert

from services.scorer.domain.account_names import NAMESAKES_MAX, blocks_of, candidates_in, name_rows
from services.scorer.domain.state import AccountNameRow, AccountRow
from services.scorer.tables import account_names
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.matching.account_match import match_account
from shared.lead.matching.company_facts import profile_of
from shared.storage.database import Database
from shared.storage.statements import first_of_each, members
from tests.bench.figure import Figure, microseconds
from tests.bench.services import Services
from tests.support.company_pairs import company_pairs
from tests.support.databases import create_tables

_AIM: Final = 0.98
_ACCOUNTS: Final = 100_000
_LOOKUPS: Final = 300
_FIRST: Final = [
    "bright",
    "north",
    "silver",
    "green",
    "red",
    "blue",
    "gold",
    "iron",
    "stone",
    "river",
    "lake",
    "hill",
    "wood",
    "fern",
    "oak",
    "pine",
]
_SECOND: Final = [
    "loom",
    "field",
    "gate",
    "works",
    "bridge",
    "port",
    "haven",
    "peak",
    "crest",
    "vale",
    "forge",
    "mill",
    "crown",
    "spark",
    "wave",
    "line",
]
_KINDS: Final = [
    "Logistics",
    "Robotics",
    "Analytics",
    "Foods",
    "Energy",
    "Capital",
    "Media",
    "Health",
    "Design",
    "Motors",
]


async def matching(_services: Services) -> Figure:
    """Measure the figure."""
    pairs = company_pairs()
    found = [pair for pair in pairs if pair.is_matched]
    right = sum(pair.same for pair in found)
    precision, recall = right / len(found), right / sum(pair.same for pair in pairs)
    compared = microseconds(20, lambda: [pair.is_matched for pair in pairs]) / len(pairs)
    details = [
        f"precision {precision:.3f}, recall {recall:.3f} of {len(pairs)} labelled pairs (aim: {_AIM})",
        f"{compared:.1f} us a pair",
        await _lookups(),
    ]
    return Figure("matching", round(precision / _AIM, 3), None, details)


async def _lookups() -> str:
    """Match leads against 100,000 accounts in SQLite; tell how long one takes."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'accounts.db'}"
        await create_tables(url)
        database = Database(url)
        try:
            rows = [asdict(row) for number in range(_ACCOUNTS) for row in _account_rows(number)]
            async with database.begin() as tx:
                await tx.execute(insert(account_names), rows)
            times, matched = [], 0
            for number in range(0, _ACCOUNTS, _ACCOUNTS // _LOOKUPS):
                profile = profile_of(_name(number).replace(" ", "", 1), "US", f"City {number % 97}")
                began = time.perf_counter()
                async with database.read() as tx:
                    by_block = first_of_each(account_names, tx.dialect, "block", "account", NAMESAKES_MAX)
                    bound = {"members": members(tx.dialect, blocks_of(profile.name))}
                    read = [AccountNameRow(**row) for row in (await tx.execute(by_block, bound)).mappings()]
                match = match_account(profile, candidates_in(read, {}))
                times.append((time.perf_counter() - began) * 1e6)
                matched += match is not None and match.account == f"account-{number}.example"
        finally:
            await database.close()
    return (
        f"{median(times):,.0f} us a lead without a domain, with {_ACCOUNTS:,} accounts in SQLite "
        f"({matched} of {len(times)} matched)"
    )


def _account_rows(number: int) -> list[AccountNameRow]:
    told = AccountReceivedV1(
        f"account-{number}.example", name=_name(number), country="US", city=f"City {number % 97}"
    )
    return list(name_rows(AccountRow(told.domain, knowledge=told)).values())


def _name(number: int) -> str:
    first, second = _FIRST[number % 16], _SECOND[number // 16 % 16]
    return f"{first} {second} {_KINDS[number // 256 % 10]} {number // 2560}".title()
