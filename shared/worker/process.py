"""The life of a process: signals, opening and closing resources, waiting for dependencies.

A role may start before its database, its broker or its tables are available. It serves `/livez` from the
start, reports in readiness what it waits for, and continues by itself.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import structlog
import uvloop

from shared.clock import Clock, SystemClock
from shared.errors import Crash, Retry
from shared.health import Health
from shared.integrations.catalog import Integrations, load_integrations
from shared.integrations.installed import known_integrations
from shared.messaging.connect import connect
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.policy.load import PolicyInvalid
from shared.policy.versions import PolicyWatch, seed_policy
from shared.resilience.periodic import REST_S, pause, repeat
from shared.rules.findings import Severity
from shared.settings import EnricherSettings, StatefulSettings
from shared.storage.database import Database
from shared.storage.migrate import pending
from shared.web.server import raise_descriptor_limit
from shared.worker.consumer import ConsumerLimits, root_cause
from shared.worker.memory import return_large_blocks
from shared.worker.process_reports import REPORT_EVERY_S, ProcessReporter
from shared.worker.role import Resources
from shared.worker.unit_of_work import Failpoint

log = structlog.get_logger()

CHANGED_PRESETS: Final = "integration_files"
"""The readiness check whose detail names the operator's integrations that changed since they were read."""

_RETRY_S = 1.0
_PRESETS_EVERY_S = 5.0
_GC_THRESHOLD = 50_000


def run_until_signalled(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `main(stop)`; SIGINT and SIGTERM set `stop`, and `main` then finishes what is in flight.

    Of a group of errors the root cause is raised.
    """
    collect_rarely()
    raise_descriptor_limit()
    return_large_blocks()

    async def guarded() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        try:
            await main(stop)
        except BaseExceptionGroup as group:
            raise root_cause(group) from group

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(guarded())


def collect_rarely() -> None:
    """Make garbage collection of cycles rare, and exempt everything that was imported.

    A batch allocates tens of thousands of objects without cycles. With the default thresholds the collector
    would scan them many times per batch.
    """
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, 20, 20)


@asynccontextmanager
async def open_resources(
    settings: StatefulSettings,
    stop: asyncio.Event,
    *,
    health: Health,
    metrics: Metrics,
    tracing: Tracing,
    failpoint: Failpoint = lambda _name: None,
    alone: bool = False,
) -> AsyncIterator[Resources | None]:
    """Yield the shared resources once all are available, or None when `stop` was set before.

    `alone` says that every role runs in this process. Nobody else writes to the files of the embedded default
    then, and work is waited for instead of looked for; a clock that is moved from outside rules that out.
    """
    clock = SystemClock(settings.clock_file)
    database = Database(settings.database_url)
    rests = alone and database.dialect == "sqlite" and not settings.kafka_servers and not settings.clock_file
    stream = connect(
        settings.stream_url,
        data_dir=settings.data_dir,
        prefix=settings.topic_prefix,
        partitions=settings.topic_partitions,
        retention_days=settings.retention_days,
        clock=clock,
        create_topics=True,
        security=settings,
    )
    try:
        policy = PolicyWatch(database, settings.policy_dir)
        integrations = read_catalog(settings.policy_dir)
        await wait_for("database", lambda: check_tables(settings.database_url), stop, health)
        load = partial(load_policy, policy, database, settings, clock, integrations)
        if await wait_for("policy", load, stop, health):
            await policy.say_unapplied(health)
        opened = await wait_for("stream", stream.open, stop, health)
        resources = Resources(
            clock=clock,
            database=database,
            stream=stream,
            policy=policy,
            health=health,
            metrics=metrics,
            tracing=tracing,
            secret=settings.secret_key.get_secret_value().encode(),
            partitions=settings.topic_partitions,
            integrations=integrations,
            limits=consumer_limits(settings, rests=rests),
            activity=database.activity if rests else None,
            dead_letter_window=settings.dead_letter_window,
            dead_letter_share_max=round(settings.dead_letter_share_max),
            dead_letter_probe_s=settings.dead_letter_probe_s,
            claims_kept=timedelta(days=settings.retention_days + 1),
            sweep_after=timedelta(seconds=settings.outbox_sweep_s),
            failpoint=failpoint,
        )
        yield resources if opened else None
    finally:
        await stream.close()
        await database.close()


def consumer_limits(settings: StatefulSettings, *, rests: bool = False) -> ConsumerLimits:
    """Return how much a role's consumer takes at a time; the enricher has a window of records in flight.

    One that `rests` is woken by the stream, so that its polls may wait.
    """
    limits = ConsumerLimits(batch=settings.batch_size, batches_in_flight=settings.batches_in_flight)
    limits = replace(limits, poll_wait_s=REST_S) if rests else limits
    if isinstance(settings, EnricherSettings):
        return replace(limits, records_in_flight=settings.window_size)
    return limits


def read_catalog(policy_directory: Path) -> Integrations:
    """Return the integrations, with a warning in the log for every folder that had to be left out."""
    integrations = load_integrations(policy_directory)
    for finding in integrations.findings:
        if finding.severity is Severity.ERROR:
            log.warning("integration is left out", problem=str(finding))
    return integrations


async def wait_for(
    name: str, attempt: Callable[[], Awaitable[None]], stop: asyncio.Event, health: Health
) -> bool:
    """Repeat `attempt` until it succeeds; readiness `name` fails meanwhile. Return False at `stop`."""
    while not stop.is_set():
        if await _probe(name, attempt, health):
            return True
        await pause(stop, _RETRY_S)
    return False


async def watch(resources: Resources, stop: asyncio.Event) -> None:
    """Until `stop`, follow the active policy, check database and stream, and report how this process is."""
    reporter = ProcessReporter(resources.database, resources.health, resources.clock)

    async def probe() -> bool:
        await _probe("database", resources.database.ping, resources.health)
        await _probe("stream", resources.stream.ping, resources.health)
        return False

    async def say_changed() -> bool:
        await say_changed_presets(resources.integrations, resources.health)
        return False

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(resources.policy.run(stop, resources.health, resources.activity))
        tasks.create_task(resources.repeat("probe", probe, every_s=2.0, stop=stop))
        tasks.create_task(
            repeat("integrations", say_changed, every_s=_PRESETS_EVERY_S, stop=stop, health=resources.health)
        )
        tasks.create_task(
            repeat(
                "process_reports", reporter.step, every_s=REPORT_EVERY_S, stop=stop, health=resources.health
            )
        )
    await reporter.withdraw()


async def say_changed_presets(integrations: Integrations, health: Health) -> None:
    """Say in readiness and once in the log which of the operator's presets changed since they were read.

    That is no fault: a process reads them when it starts.
    """
    changed = await asyncio.to_thread(integrations.changed_since_read)
    others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    detail = (
        f"changed since this process started: {changed[0]}{others}; restart it to use it" if changed else ""
    )
    before = health.readiness().checks.get(CHANGED_PRESETS)
    if detail and (before is None or before.detail != detail):
        log.warning("integrations are not read anew", directory=str(integrations.own), reason=detail)
    health.set(CHANGED_PRESETS, ok=True, detail=detail)


async def load_policy(
    policy: PolicyWatch,
    database: Database,
    settings: StatefulSettings,
    clock: Clock,
    integrations: Integrations,
) -> None:
    """Read the active policy; a database without one is seeded from the policy folder."""
    try:
        await seed_policy(database, settings.policy_dir, clock.now(), known_integrations(integrations))
        await policy.start()
    except PolicyInvalid as error:
        raise Crash(f"the policy in {settings.policy_dir} (BATON_POLICY_DIR) is refused:\n{error}") from error


async def check_tables(url: str) -> None:
    """Raise `Retry` while the tables lack a migration."""
    missing = await pending(url)
    if missing:
        raise Retry(f"the tables are not up to date: run `baton migrate` ({missing})")


async def _probe(name: str, attempt: Callable[[], Awaitable[None]], health: Health) -> bool:
    try:
        await attempt()
    except Retry as error:
        health.report_retry(name, str(error))
        return False
    health.set(name, ok=True)
    return True
