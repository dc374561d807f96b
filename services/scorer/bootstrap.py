"""Builds the worker of the scorer and runs it."""

from __future__ import annotations

import asyncio

from services.scorer.handlers import LiveScorerHandler
from services.scorer.policy import scoring_policy
from services.scorer.storage import ScorerStore
from shared.policy.per_version import PerVersion
from shared.settings import ScorerSettings
from shared.worker.role import Resources, Worker, run_worker

_TIMERS_EVERY_S = 0.2
"""Also the pause between the chunks of a re-score."""


async def run(resources: Resources, stop: asyncio.Event, settings: ScorerSettings) -> None:  # noqa: ARG001
    """Run the scorer until `stop`."""
    policies = PerVersion(resources.policy.active, scoring_policy)
    handler = LiveScorerHandler(policies)
    worker = Worker(handler, ScorerStore(), timers=True, timers_every_s=_TIMERS_EVERY_S)
    await run_worker(resources, worker, stop)
