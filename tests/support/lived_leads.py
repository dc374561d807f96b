"""Leads of a few accounts that a Baton has really taken in, enriched, scored, routed and delivered: their rows.

`tests/support/many_leads.py` makes any number of leads from them.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
from msgspec import Struct
from sqlalchemy import Column
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite

from services.tables import metadata
from shared.storage.types import Json
from tests.support.golden import in_this_process
from tests.support.receiver import Receiver
from tests.support.topology import Topology

Rows = dict[str, list[dict[str, Any]]]
"""Rows by table; a value is what SQLAlchemy gives for its column, but JSON stays text."""

_WORDS: Final = (
    "ledgerlane harborsuite granitecorp verdepay alliancehub cobaltyard oakmere palefield brightloom stormfall"
    " ironharbor rowangarth tidewater fieldstone pinecrest echoworks lumenford quarryhill saltmarsh thornbury"
    " umberfall vantagely willowdene yarrowby zephyrine ashgrove birchwell cedarline dunmore elmstead"
)
_FIRST: Final = (
    "Ana Ben Chloe Daniel Dev Elena Farah Greta Hannah Imani Jonas Kim Lea Marc Nadia Omar Priya Rosa"
)
_LAST: Final = (
    "Okafor Lindqvist Haddad Ferreira Novak Petrova Castellan Yamamoto Brandt Oyelaran Duarte Kowalski"
)
_TITLES: Final = (
    "VP Finance Operations",
    "Marketing Manager",
    "Director of Procurement",
    "Head of Sales",
    "CFO",
)
_KINDS: Final = ("demo_request", "content_download", "webinar_attended", "pricing_view", "trial_started")
_COUNTRIES: Final = ("US", "GB", "DE", "BR", "FR", "US", "JP")
_INDUSTRIES: Final = ("software", "software", "manufacturing", "software", "education", "software")
_EMPLOYEES: Final = (420, 180, 12_000, 300, 90, 4, 60, 950)
_MESSAGES: Final = (
    "We lose two days a month reconciling payouts and want to see a demo before the summer.",
    "Our budget is approved; we need to replace a tool that the vendor ends in October.",
    None,
)
_GIVE_UP_S: Final = 300
_DIALECT: Final = SQLiteDialect_aiosqlite()


class LivedLeads(Struct, frozen=True):
    """`accounts` has the rows of each account's leads, `others` those of no single one, such as subscriptions."""

    accounts: list[Rows]
    others: Rows


def account_names() -> list[str]:
    """Return the names of the accounts; the domain of each is its name in lower case, in `example`."""
    return _WORDS.split()


def last_names() -> list[str]:
    return _LAST.split()


async def live_leads(folder: Path, policy: Path) -> LivedLeads:
    """Run a Baton on the embedded default in `folder` until every lead is dealt with; return what it stored."""
    topology = Topology(folder, extra={"BATON_POLICY_DIR": str(policy), "BATON_LOG_LEVEL": "error"})
    receiver = await asyncio.to_thread(Receiver)
    try:
        async with (
            in_this_process(topology),
            asyncio.timeout(_GIVE_UP_S),
            httpx2.AsyncClient(
                base_url=topology.url, headers={"authorization": f"Bearer {topology.secrets.admin_key}"}
            ) as http,
        ):
            await _play(http, receiver)
    finally:
        await asyncio.to_thread(receiver.close)
    return _by_account(topology.data_dir / "tables.db")


async def _play(http: httpx2.AsyncClient, receiver: Receiver) -> None:
    subscription = {"url": receiver.url, "events": ["lead.*"]}
    receiver.secret = (await _post(http, "/v1/subscriptions", subscription))["secret"]
    taken = (await _post(http, "/v1/leads", list(_bodies())))["results"]
    leads = sorted({lead["lead_id"] for lead in taken})
    views = [await _view(http, lead) for lead in leads]
    owned = [view for view in views if view.get("owner")]
    for number, view in enumerate(owned):
        lead, by = view["lead_id"], {"rep": view["owner"]}
        if number % 2 == 0:
            await _post(http, f"/v1/leads/{lead}/accept", by)
        elif number % 7 == 1:
            await _post(http, f"/v1/leads/{lead}/reject", {**by, "reason": "bad_timing"})
    while not {view["lead_id"] for view in owned} <= {
        delivery.data.get("lead_id") for delivery in list(receiver.deliveries)
    }:
        await asyncio.sleep(0.05)


async def _post(http: httpx2.AsyncClient, path: str, body: Any) -> Any:
    answer = await http.post(path, json=body)
    assert answer.status_code in (200, 201, 202), (path, answer.text)
    return answer.json()


async def _view(http: httpx2.AsyncClient, lead: str) -> dict[str, Any]:
    """Return the view of a lead once it is routed or suppressed."""
    while True:
        answer = await http.get(f"/v1/leads/{lead}")
        if answer.status_code == 200:
            view: dict[str, Any] = answer.json()
            if view["status"] in ("routed", "suppressed"):
                return view
        await asyncio.sleep(0.05)


def _bodies() -> Iterator[dict[str, Any]]:
    """Yield the leads: one of each account, and a second one of each third."""
    words, first, last = account_names(), _FIRST.split(), last_names()
    at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    for number in range(len(words) * 4 // 3):
        account = number if number < len(words) else (number - len(words)) * 3
        word, given, family = words[account], first[number % len(first)], last[number % len(last)]
        yield {
            "person": {
                "email": f"{given}.{family}@{word}.example".lower(),
                "first_name": given,
                "last_name": family,
                "title": _TITLES[number % len(_TITLES)],
            },
            "company": {
                "name": word.capitalize(),
                "domain": f"{word}.example",
                "employees": _EMPLOYEES[account % len(_EMPLOYEES)],
                "industry": _INDUSTRIES[account % len(_INDUSTRIES)],
                "country": _COUNTRIES[account % len(_COUNTRIES)],
            },
            "source": {"channel": "website", "form_id": ("demo", "webinar", "guide")[number % 3]},
            "activities": [{"type": _KINDS[number % len(_KINDS)], "at": at}],
            "message": _MESSAGES[number % len(_MESSAGES)],
            "consent": {"marketing": True},
        }


def _by_account(file: Path) -> LivedLeads:
    """Return the rows of a database, by the account that they name."""
    words = account_names()
    accounts: dict[str, Rows] = {word: defaultdict(list) for word in words}
    others: Rows = defaultdict(list)
    named: dict[str, str] = {}
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        rows = {
            table.name: [
                _values(table.columns, row) for row in connection.execute(f"SELECT * FROM {table.name}")
            ]
            for table in metadata.sorted_tables
        }
    for lead in rows["lead_views"]:
        named[lead["lead_id"]] = lead["account"].removesuffix(".example")
    named |= {row["id"]: named[row["lead_id"]] for row in rows["deliveries"]}
    named |= {f"{word}.example": word for word in words}
    for table, found in rows.items():
        for row in found:
            word = next((named[value] for value in row.values() if value in named), None)
            (accounts[word] if word else others)[table].append(row)
    for row in others["subscriptions"]:
        row["state"] = "disabled"  # its endpoint is gone
    return LivedLeads(list(accounts.values()), others)


def _values(columns: Any, row: sqlite3.Row) -> dict[str, Any]:
    return {column.name: _value(column, row[column.name]) for column in columns}


def _value(column: Column[Any], stored: Any) -> Any:
    if isinstance(column.type, Json):
        return stored
    convert = column.type.dialect_impl(_DIALECT).result_processor(_DIALECT, None)
    return convert(stored) if convert else stored
