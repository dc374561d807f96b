"""Builds the worker of the scorer and runs it."""

from __future__ import annotations

import asyncio
import os

from services.scorer.domain.polls import POLL
from services.scorer.handlers import LiveScorerHandler
from services.scorer.policy import scoring_policy
from services.scorer.poll_reporter import PollReporter
from services.scorer.poller import SignalPoller
from services.scorer.storage import ScorerStore
from shared.policy.per_version import PerVersion
from shared.settings import ScorerSettings
from shared.web.egress import EgressPolicy
from shared.worker.role import Resources, Worker, run_worker

_TIMERS_EVERY_S = 0.2
"""Also the pause between the chunks of a re-score."""
_REPORT_EVERY_S = 2.0


async def run(resources: Resources, stop: asyncio.Event, settings: ScorerSettings) -> None:
    """Run the scorer until `stop`."""
    policies = PerVersion(resources.policy.active, scoring_policy)
    poller = SignalPoller(
        resources.policy.active,
        resources.integrations,
        resources.database,
        resources.clock,
        resources.metrics,
        egress=EgressPolicy(settings.providers_allow),
        stubs_url=settings.providers_url,
        keys=os.environ,
    )
    reporter = PollReporter(
        lambda: poller.targets,
        resources.database,
        resources.clock,
        metrics=resources.metrics,
        health=resources.health,
    )
    worker = Worker(
        LiveScorerHandler(policies, poller.poll),
        ScorerStore(),
        timers=True,
        timers_every_s=_TIMERS_EVERY_S,
        slow_timers=frozenset({POLL}),
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(resources.repeat("scorer.polls", reporter.step, every_s=_REPORT_EVERY_S, stop=stop))
        tasks.create_task(run_worker(resources, worker, stop))
