"""`baton up --demo` and `baton demo`, as whoever types `make up` and `make demo` meets them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.client import connect
from services.cli.demo.cases import golden_cases
from services.cli.demo.runner import subscribed_inbox
from tests.support.api import eventually
from tests.support.topology import RoleProcess, Topology

CASES = golden_cases()
CONFIG = Path(__file__).parents[2] / "config"
READY = "Baton is ready on"


class Up:
    """`baton up` on one data directory, to be started more than once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: list[RoleProcess] = []
        self.topology = Topology(folder)

    def start(self, *options: str) -> Run:
        log = self._folder / f"run-{len(self._runs)}.log"
        environ = {**self.topology.environ, "BATON_LOG_LEVEL": "error"}
        process = RoleProcess("up", ["up", *options], environ, f"{self.topology.url}/readyz", log)
        self._runs.append(process)
        process.start()
        return Run(process, log)

    def close(self) -> None:
        for process in self._runs:
            if process.running:
                process.kill()

    def subscriptions(self) -> list[object]:
        with self.topology.client() as http:
            return http.get("/v1/subscriptions").json()["data"]

    def state(self) -> tuple[dict[str, int], dict[str, int]]:
        """Every rep's credits, and the number of events of every lead."""
        with self.topology.client() as http:
            given = {rep["id"]: rep["credits"] for rep in http.get("/v1/reps").json()["data"]}
            leads = http.get("/v1/leads", params={"limit": "200"}).json()["data"]
            ids = [lead["lead_id"] for lead in leads]
            return given, {id_: len(http.get(f"/v1/leads/{id_}/timeline").json()["data"]) for id_ in ids}


class Run:
    """One start of it, and what it printed."""

    def __init__(self, process: RoleProcess, log: Path) -> None:
        self._process = process
        self._log = log

    def printed(self, text: str, within_s: float = 120) -> str:
        """Wait until it printed that; return all that it printed."""

        def look() -> bool:
            assert self._process.running, self._process.log_tail()
            return text in self._log.read_text()

        eventually(look, within_s=within_s, what=f"{text!r}")
        return self._log.read_text()

    def end(self, number: signal.Signals) -> int:
        os.kill(self._process.pid, number)
        return self._process.wait(30)

    @property
    def output(self) -> str:
        return self._log.read_text()


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    made = Up(tmp_path)
    yield made
    made.close()


def lines_of(output: str, mark: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith(f"{mark}  ")]


def test_a_line_for_each_lead_and_a_second_run_repeats_none(up: Up):
    first = up.start("--demo")
    output = first.printed(READY)
    assert output.endswith(f"{READY} {up.topology.url}\n")
    lines = lines_of(output, "✓")
    assert len(lines) == len(CASES), output
    assert [line.split()[1] for line in lines[:2]] == [
        "dana.vp@ledgerlane.example",
        "priya@harborsuite.example",
    ]
    for line in lines:
        _, who, *rest = line.split()
        assert "." in who
        assert ("none" in rest) if "suppressed" in rest else ("verified" in rest)
    before = up.state()
    assert up.subscriptions() == []
    assert first.end(signal.SIGINT) == 0

    second = up.start("--demo")
    output = second.printed(READY)
    assert len(lines_of(output, "=")) == len(CASES), output
    assert "nothing was sent" in output
    assert up.state() == before
    assert second.end(signal.SIGTERM) == 0


async def test_stopped_in_the_middle_it_exits_0_and_its_subscription_is_removed_by_the_next(up: Up):
    first = up.start("--demo")
    first.printed("✓  priya@harborsuite.example")
    assert first.end(signal.SIGINT) == 0, first.output
    assert READY not in first.output
    assert "Traceback" not in first.output

    second = up.start()
    second.printed(READY)
    async with connect(up.topology.url, up.topology.secrets.admin_key) as client, subscribed_inbox(client):
        assert len(up.subscriptions()) == 1
    assert up.subscriptions() == []
    assert second.end(signal.SIGTERM) == 0


def demo(*options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
    return subprocess.run(
        [sys.executable, "-m", "services.cli", "demo", *options],
        env={**clean, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def test_the_demo_exits_0_when_every_case_held():
    done = demo("--only", "twice")
    assert done.returncode == 0, done.stderr
    assert len(lines_of(done.stdout, "✓")) == 1


def test_the_demo_tells_programs_in_json_what_came_of_each_case():
    done = demo("--only", "twice", "--json")
    (told,) = json.loads(done.stdout)
    assert (done.returncode, told["held"], told["differences"], told["status"]) == (0, True, [], "routed")


def test_the_demo_exits_1_with_the_differences_when_one_did_not(tmp_path: Path):
    policy = tmp_path / "config"
    shutil.copytree(CONFIG, policy)
    routing = (policy / "routing.yaml").read_text()
    assert "{name: fits," in routing
    rule = "{name: fits, when: {field: score.fit_grade, in: [A, B, C]}, queue: sdr}"
    (policy / "routing.yaml").write_text(routing.replace(rule, rule.replace("queue: sdr", "queue: bdr")))
    done = demo("--only", "content download", BATON_POLICY_DIR=str(policy))
    assert done.returncode == 1
    assert len(lines_of(done.stdout, "✗")) == 1
    assert "queue: expected 'sdr', got 'bdr'" in done.stdout
