"""How a database answers statements: which tables it goes through without an index, and how many rows it reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from shared.storage.database import Database

_FEW: Final = 200


class ReadRows(Struct, frozen=True):
    """`scanned` are the tables that a statement goes through row by row, `read` is how many rows it visits.

    PostgreSQL goes through a table of a few rows whatever indexes it has: such a one is not named. SQLite
    names it, but does not say how many rows it visits: `read` is 0 there.
    """

    statement: str
    scanned: list[str]
    read: int


async def rows_read(database: Database, statements: Iterable[tuple[str, Any]]) -> list[ReadRows]:
    """Run the SELECTs once more and return what each of them read."""
    found: list[ReadRows] = []
    async with database.read() as tx:
        for statement, given in statements:
            if not statement.lstrip().startswith(("SELECT", "WITH")):
                continue
            if database.dialect == "sqlite":
                plan = await tx._connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
                scanned = [
                    match[1]
                    for *_, line in plan
                    if (match := re.match(r"SCAN (\w+)(?! USING (?:COVERING )?INDEX)", line))
                ]
                found.append(ReadRows(statement, scanned, 0))
            else:
                explain = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON)"
                (answer,) = (await tx._connection.exec_driver_sql(f"{explain} {statement}", given)).scalars()
                (document,) = json.loads(answer) if isinstance(answer, str) else answer
                nodes = list(_scans(document["Plan"]))
                scanned = [
                    node["Relation Name"]
                    for node in nodes
                    if node["Node Type"] == "Seq Scan" and _visited(node) >= _FEW
                ]
                found.append(ReadRows(statement, scanned, round(sum(map(_visited, nodes)))))
    return found


def _scans(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the nodes of a plan of PostgreSQL that read tables."""
    if "Relation Name" in node:
        yield node
    for below in node.get("Plans", ()):
        yield from _scans(below)


def _visited(node: Mapping[str, Any]) -> float:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    visited: float = (node["Actual Rows"] + removed) * node["Actual Loops"]
    return visited
