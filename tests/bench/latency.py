"""`latency`: from a form to its verified webhook, against a record that is appended and read four times.

On `baton up`, and on a process for each role with Kafka and PostgreSQL. The floor is measured before and after in
the same run, at the same rate. The figure is the worse of both ratios of the 99th percentiles.
"""

from __future__ import annotations

import tempfile
import uuid
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

import psutil
import yaml

from tests.bench.bare_hops import Hops, embedded_hops, kafka_hops
from tests.bench.figure import Figure
from tests.bench.open_loop import Percentiles, VerifyingEndpoint, form_to_webhook, subscribed
from tests.bench.services import Services
from tests.support.topology import Topology

PER_S: Final = 100.0
_SECONDS = 60.0
_FLOOR_SECONDS = 10.0
_WARM_UP_SECONDS = 5.0
_SLOW_SECONDS = 20.0
_STEPS = (200.0, 300.0, 400.0, 500.0, 650.0, 800.0)
_STEP_SECONDS = 15.0
_STEADY_P99_MS = 1_000.0
_GOAL = round(1 / 3, 2)


async def latency(services: Services) -> Figure:
    """Measure the figure: the hops' p99 as a share of Baton's."""
    run = f"latency{uuid.uuid4().hex[:8]}"
    details: list[str] = []
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        up = _topology(Path(folder))
        ratios = [await _on(up, embedded_hops(Path(folder) / "hops"), "embedded", details)]
    database = await services.postgres.create_database()
    try:
        with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
            roles = _topology(
                Path(folder),
                stream_url=f"kafka://{services.kafka}",
                database_url=database,
                prefix=run,
            )
            hops = kafka_hops(services.kafka, run)
            ratios.append(await _on(roles, hops, "Kafka and PostgreSQL", details))
    finally:
        await services.postgres.drop_database(database)
    return Figure("latency", round(min(ratios), 3), _GOAL, details)


def _topology(
    folder: Path, *, stream_url: str = "embedded:", database_url: str = "", prefix: str = "baton"
) -> Topology:
    """Return a Baton whose website takes any number of forms from one address, and its providers all calls.

    By the default policy a provider takes 10 calls a second, and a lead that gets no turn waits for it for
    half of its `patience`, half a second: that is waiting for vendors and not what is measured.
    """
    policy = folder / "policy"
    policy.mkdir()
    for file in Path("config").glob("*.yaml"):
        content = file.read_text()
        if file.name == "sources.yaml":
            sources = yaml.safe_load(content)
            del sources["sources"]["website"]["limits"]
            content = yaml.safe_dump(sources)
        elif file.name == "providers.yaml":
            providers = yaml.safe_load(content)
            for provider in providers["providers"].values():
                provider |= {"per_second": 1_000, "in_flight": 100}
            content = yaml.safe_dump(providers)
        (policy / file.name).write_text(content)
    return Topology(
        folder,
        stream_url=stream_url,
        database_url=database_url,
        prefix=prefix,
        extra={"BATON_POLICY_DIR": str(policy), "BATON_LOG_LEVEL": "warning"},
    )


async def _on(
    topology: Topology, floor: AbstractAsyncContextManager[Hops], name: str, details: list[str]
) -> float:
    """Measure on this topology, add what was found to `details`, and return the ratio."""
    try:
        topology.start()
        async with floor as hops, subscribed(topology.url, topology.secrets.admin_key) as endpoint:
            before = await hops.measure(PER_S, _FLOOR_SECONDS)
            await form_to_webhook(topology.url, endpoint, PER_S / 4, _WARM_UP_SECONDS)
            slow, _ = await form_to_webhook(topology.url, endpoint, 1.0, _SLOW_SECONDS)
            cpu_s = _cpu_s(topology)
            loaded, answered = await form_to_webhook(topology.url, endpoint, PER_S, _SECONDS)
            cpu_ms = (_cpu_s(topology) - cpu_s) / (PER_S * _SECONDS) * 1e3
            after = await hops.measure(PER_S, _FLOOR_SECONDS)
            steady = await _steady(topology, endpoint) if topology.embedded else ""
    finally:
        topology.remove()
    floor_p99_ms = (before.p99_ms + after.p99_ms) / 2
    details += [
        f"{name}, {PER_S:.0f} leads/s for {_SECONDS:.0f} s: {loaded}; {cpu_ms:.2f} ms of CPU a lead",
        f"{name}, answer to the form: {answered}",
        f"{name}, 1 lead/s: {slow}",
        f"{name}, four bare hops: {before}; after: {after}; Baton's p99 is {loaded.p99_ms / floor_p99_ms:.1f} times theirs",
        *([steady] if steady else []),
    ]
    return floor_p99_ms / loaded.p99_ms


async def _steady(topology: Topology, endpoint: VerifyingEndpoint) -> str:
    """Return a line on the highest rate of the steps at which the 99th percentile stays within a second."""
    found: list[tuple[float, Percentiles]] = []
    for per_s in _STEPS:
        measured, _ = await form_to_webhook(topology.url, endpoint, per_s, _STEP_SECONDS)
        found.append((per_s, measured))
        if measured.p99_ms > _STEADY_P99_MS or measured.missing:
            break
    highest = max((per_s for per_s, each in found if each.p99_ms <= _STEADY_P99_MS), default=PER_S)
    steps = "; ".join(f"{per_s:.0f}/s {each}" for per_s, each in found)
    return f"highest steady rate {highest:.0f} leads/s (p99 within a second): {steps}"


def _cpu_s(topology: Topology) -> float:
    times = [psutil.Process(process.pid).cpu_times() for process in topology.processes]
    return sum(each.user + each.system for each in times)
