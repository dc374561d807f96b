"""Backtests over HTTP: asked for, listed, cancelled; who may; what is refused."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path as FilePath

import msgspec
import pytest

from services.ledger.domain.backtest.paths import Path
from services.ledger.domain.backtest.report import Move
from services.ledger.tables import backtest_moves
from shared.policy.load import texts_in
from shared.storage.keyset import Cursor

FILES = texts_in(FilePath("config"))
ASK = "/v1/policies/active/backtest"


async def test_a_backtest_waits_is_listed_and_is_cancelled(gateway):
    await gateway.apply_policy()
    window = {"since": "2020-03-01T00:00:00Z", "until": "3000-01-01T00:00:00Z"}
    status, asked, _ = await gateway.ask("POST", ASK, json=window)
    assert status == 202, asked
    status, found, _ = await gateway.ask("GET", asked["status_url"])
    assert (status, found["state"], found["done"], found["report"]) == (200, "queued", 0, None)
    assert found["until"] == found["created_at"], "nothing is known of later"
    _, listed, _ = await gateway.ask("GET", "/v1/backtests")
    assert [one["id"] for one in listed["data"]] == [asked["id"]]
    assert (await gateway.ask("GET", f"{asked['status_url']}/moves"))[1] == {"data": [], "next": None}
    assert (await gateway.ask("DELETE", asked["status_url"]))[0] == 204
    assert (await gateway.ask("GET", asked["status_url"]))[1]["state"] == "cancelled"
    assert (await gateway.ask("DELETE", asked["status_url"]))[0] == 204
    for method, path in (("GET", ""), ("GET", "/moves"), ("DELETE", "")):
        assert (await gateway.ask(method, f"{asked['status_url']}{path}"))[0] == 404


async def test_moves_are_listed_page_after_page(gateway):
    await gateway.apply_policy()
    _, asked, _ = await gateway.ask("POST", ASK, json={})
    at = datetime(2026, 3, 2, tzinfo=UTC)
    before, after = Path(at, "assigned", "fits", "sdr", "sdr-1"), Path(at, "suppressed", "spam")
    moves = [Move(f"lead-{n}", f"/v1/leads/lead-{n}", "rule", before, after) for n in range(3)]
    async with gateway.database.begin() as tx:
        for n, move in enumerate(moves):
            data = msgspec.json.encode(move).decode()
            row = {"backtest_id": asked["id"], "number": n + 1, "lead_id": move.lead_id, "data": data}
            await tx.execute(backtest_moves.insert(), row)
    path = f"{asked['status_url']}/moves?limit=2"
    _, first, _ = await gateway.ask("GET", path)
    _, second, _ = await gateway.ask("GET", f"{path}&cursor={first['next']}")
    assert [*first["data"], *second["data"]] == [msgspec.to_builtins(move) for move in moves]
    assert second["next"] is None


async def test_files_that_are_not_stored_are_tested_as_their_version(gateway):
    await gateway.apply_policy()
    _, checked, _ = await gateway.ask("POST", "/v1/policies/validate", json={"files": FILES})
    for version, expected in ((checked["version"], 202), (checked["version"][:8], 202), ("0" * 64, 422)):
        path = f"/v1/policies/{version}/backtest"
        status, answer, _ = await gateway.ask("POST", path, json={"files": FILES})
        assert status == expected, answer


@pytest.mark.parametrize(
    "body",
    [
        {"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"},
        {"segment": "no-such-segment"},
        {"since": "2026-03-02"},
        {"other": 1},
    ],
)
async def test_what_cannot_be_compared_is_refused(gateway, body):
    await gateway.apply_policy()
    assert (await gateway.ask("POST", ASK, json=body))[0] == 422
    assert (await gateway.ask("GET", "/v1/backtests"))[1]["data"] == []


@pytest.mark.parametrize("number", ["x", "-1", "9" * 20, "²"])
async def test_a_made_up_cursor_of_moves_is_refused(gateway, number):
    await gateway.apply_policy()
    _, asked, _ = await gateway.ask("POST", ASK, json={})
    cursor = urlsafe_b64encode(msgspec.json.encode(Cursor(datetime(2026, 3, 2, tzinfo=UTC), number)))
    path = f"{asked['status_url']}/moves?cursor={cursor.decode().rstrip('=')}"
    assert (await gateway.ask("GET", path))[0] == 422


async def test_it_needs_a_manager_and_waiting_ones_are_bounded(gateway):
    await gateway.apply_policy()
    rep, manager = await gateway.key_headers("rep", rep="sdr-1"), await gateway.key_headers("manager")
    assert (await gateway.ask("POST", ASK, json={}, headers=rep))[0] == 403
    assert (await gateway.ask("GET", "/v1/backtests", headers=rep))[0] == 403
    statuses = [(await gateway.ask("POST", ASK, json={}, headers=manager))[0] for _ in range(21)]
    assert statuses == [202] * 20 + [409]
