"""Backtests of a recorded month: the ledger may be killed, they may be cancelled, and the erased are left out."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import update

from services.ledger.backtest.jobs import LEASE
from services.ledger.backtest.runner import BacktestRunner
from services.ledger.handlers import LedgerHandler
from services.ledger.storage import LedgerStore
from services.ledger.tables import events as recorded_events
from shared.lead.events.envelope import Event
from shared.lead.events.person_erased import PersonErasedV1
from shared.policy.versions import check_policy, put
from shared.worker.outbox import Outbox
from shared.worker.unit_of_work import UnitOfWork
from tests.integration.test_cli import baton
from tests.support.enriched_leads import AT, DAY
from tests.support.fixed_clock import FixedClock
from tests.support.gateway import RunningGateway
from tests.support.generated_month import generated_month, month_texts
from tests.support.scored_leads import event_of

LEADS = 130
NOW = AT + 40 * DAY
CANDIDATE = month_texts(500, 300, "JP, FR")
UNTIL = (AT + 35 * DAY).isoformat()

# As soon as progress is told of a chunk of steps, the process dies, while the next one is computed.
KILLED = """
import asyncio, multiprocessing, os, signal, sys
from datetime import datetime
from pathlib import Path
from sqlalchemy import select
from services.ledger.backtest.runner import BacktestRunner
from services.ledger.tables import backtests
from shared.storage.database import Database

class StandingClock:
    def now(self):
        return datetime.fromisoformat(sys.argv[3])

async def die_after_a_chunk(database):
    while True:
        async with database.read() as tx:
            done = (await tx.execute(select(backtests.c.done))).scalar()
        if done:
            print(*(one.pid for one in multiprocessing.active_children()), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(0.005)

async def main():
    database = Database(sys.argv[1])
    runner = BacktestRunner(database, StandingClock(), Path(sys.argv[2]))
    await asyncio.gather(die_after_a_chunk(database), runner.step(asyncio.Event()))

if __name__ == "__main__":
    asyncio.run(main())
"""


class StoppingClock(FixedClock):
    """Sets `stop` when it is asked for the time as often as a backtest tells its progress in a chunk or two."""

    def __init__(self, stop: asyncio.Event) -> None:
        super().__init__(NOW)
        self._stop, self._calls = stop, 0

    def now(self) -> Any:
        self._calls += 1
        if self._calls == 4:
            self._stop.set()
        return super().now()


class Month:
    """A gateway on a recorded month, and what runs its backtests."""

    def __init__(self, gateway: RunningGateway, folder: Path) -> None:
        self.gateway, self.folder = gateway, folder
        outbox = Outbox("ledger", gateway.database, None, FixedClock(NOW), partitions=1)  # type: ignore[arg-type]
        self._ledger = UnitOfWork(
            LedgerHandler(), LedgerStore(str), gateway.database, outbox, FixedClock(NOW), keyed_hash=str
        )

    async def record(self, *events: Event[Any]) -> None:
        for first in range(0, len(events), 200):
            result = await self._ledger.run(events[first : first + 200])
            assert result.rejected == []

    async def ask(self, **terms: Any) -> str:
        body = {"files": CANDIDATE, "until": UNTIL, **terms}
        _, checked, _ = await self.gateway.ask("POST", "/v1/policies/validate", json={"files": CANDIDATE})
        path = f"/v1/policies/{checked['version']}/backtest"
        status, accepted, _ = await self.gateway.ask("POST", path, json=body)
        assert status == 202, accepted
        return accepted["id"]

    async def get(self, id_: str, part: str = "") -> Any:
        return (await self.gateway.ask("GET", f"/v1/backtests/{id_}{part}"))[1]

    def runner(self, clock: FixedClock | None = None) -> BacktestRunner:
        return BacktestRunner(self.gateway.database, clock or FixedClock(NOW), self.folder)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the backtests that are asked for within the context."""
        stop, runner = asyncio.Event(), self.runner()

        async def run() -> None:
            while not stop.is_set():
                await runner.step(stop)
                await asyncio.sleep(0.05)

        task = asyncio.create_task(run())
        try:
            yield
        finally:
            stop.set()
            await task
            await runner.close()


@pytest.fixture
async def month(start_gateway, tmp_path: Path) -> Month:
    gateway = await start_gateway(FixedClock(NOW))
    async with gateway.database.begin() as tx:
        for n, texts in enumerate((month_texts(), month_texts(500), month_texts(500, 300))):
            await put(tx, await check_policy(texts), by="test", at=AT + n * 10 * DAY)
    await gateway.resources.policy.start()
    month = Month(gateway, tmp_path / "backtests")
    await month.record(*generated_month(LEADS, seed=3).events)
    async with gateway.database.begin() as tx:
        await tx.execute(update(recorded_events).values(recorded_at=recorded_events.c.at))
    return month


async def test_a_killed_ledger_goes_on_where_it_was_and_finds_the_same(month: Month):
    killed = await month.ask()
    script = month.folder.parent / "killed.py"
    script.write_text(KILLED)
    url = f"sqlite+aiosqlite:///{month.folder.parent / 'tables.db'}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), url, str(month.folder), NOW.isoformat(),
        stdout=asyncio.subprocess.PIPE, cwd=Path.cwd(), env={"PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == -signal.SIGKILL
    workers = [
        psutil.Process(int(pid)) for pid in out.splitlines()[-1].split() if psutil.pid_exists(int(pid))
    ]
    async with asyncio.timeout(600):
        while any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in workers):
            await asyncio.sleep(0.05)
    half = await month.get(killed)
    assert half["state"] == "running"
    assert 0 < half["done"] < half["total"]
    assert [*month.folder.glob("*.db")]
    assert not await month.runner().step(asyncio.Event()), "the lease of the dead ledger has not ended"
    resumed = month.runner(FixedClock(NOW + LEASE + timedelta(seconds=1)))
    assert await resumed.step(asyncio.Event())
    whole = await month.ask()
    assert await month.runner().step(asyncio.Event())
    found = [await month.get(id_) for id_ in (killed, whole)]
    assert [one["state"] for one in found] == ["done", "done"]
    assert found[0]["report"] == found[1]["report"]
    assert found[0]["report"]["moved"] > 0
    assert await month.get(killed, "/moves?limit=200") == await month.get(whole, "/moves?limit=200")
    assert [*month.folder.glob("*")] == []


async def test_a_cancelled_backtest_leaves_nothing_behind(month: Month):
    id_ = await month.ask()
    stop = asyncio.Event()
    await month.runner(StoppingClock(stop)).step(stop)
    assert [one.name for one in month.folder.glob("*.db")] == [f"{id_}.db"]
    assert (await month.get(id_))["state"] == "running"
    assert (await month.gateway.ask("DELETE", f"/v1/backtests/{id_}"))[0] == 204
    assert not await month.runner().step(asyncio.Event())
    assert [*month.folder.glob("*")] == []
    assert (await month.get(id_))["state"] == "cancelled"
    assert (await month.get(id_, "/moves"))["data"] == []
    assert (await month.gateway.ask("DELETE", f"/v1/backtests/{id_}"))[0] == 204
    assert (await month.gateway.ask("GET", f"/v1/backtests/{id_}"))[0] == 404


async def test_an_erased_person_is_in_no_moves_and_in_no_later_backtest(month: Month):
    id_ = await month.ask()
    assert await month.runner().step(asyncio.Event())
    report = (await month.get(id_))["report"]
    moves = (await month.get(id_, "/moves?limit=200"))["data"]
    assert len(moves) == report["moved"] > 1
    erased = moves[0]["lead_id"]
    erasure = event_of(PersonErasedV1([erased], "hash", NOW), id_="erasure", subject=erased)
    await month.record(erasure)
    left = (await month.get(id_, "/moves?limit=200"))["data"]
    assert left == moves[1:]
    again = await month.ask()
    assert await month.runner().step(asyncio.Event())
    assert (await month.get(again))["report"]["leads"] == report["leads"] - 1
    assert erased not in json.dumps(await month.get(again, "/moves?limit=200"))


async def test_the_command_computes_a_backtest_and_applying_the_version_tells_it(
    month: Month, tmp_path: Path
):
    folder = tmp_path / "candidate"
    folder.mkdir()
    for name, text in CANDIDATE.items():
        (folder / name).write_text(text)
    since = (AT + 5 * DAY).date().isoformat()
    segment = "mid-market-software"
    async with month.running():
        terms = ("--since", since, "--until", UNTIL, "--segment", segment, "--json")
        code, out, err = await baton("backtest", str(folder), *terms, gateway=month.gateway)
    assert code == 0, err
    report = json.loads(out)
    assert (report["since"], report["segment"]) == (f"{since}T00:00:00Z", segment)
    assert 0 < report["leads"] < LEADS
    assert report["replay"]["otherwise"] == 0
    code, _, err = await baton("policy", "apply", str(folder), gateway=month.gateway)
    assert code == 0
    told = f"{report['moved']} of {report['leads']} leads move to another queue"
    assert told in err
    code, _, err = await baton("policy", "rollback", gateway=month.gateway)
    assert (code, err) == (0, "")
    code, _, err = await baton("policy", "apply", report["candidate"][:12], gateway=month.gateway)
    assert (code, told in err) == (0, True)
