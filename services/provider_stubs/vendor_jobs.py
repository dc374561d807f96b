"""The jobs that vendors answer later: how often each was asked for, and what the next poll is answered."""

from __future__ import annotations

from msgspec.structs import replace

from services.provider_stubs.vendor_stub import Job, StubAnswer
from shared.resilience.lru import LruCache

JOBS_KEPT_MAX = 10_000


class JobRegistry:
    """The jobs of one vendor, the latest `JOBS_KEPT_MAX`."""

    def __init__(self) -> None:
        self._jobs = LruCache[str, Job](JOBS_KEPT_MAX)
        self._polls = LruCache[str, int](JOBS_KEPT_MAX)

    def start(self, job: Job) -> None:
        """Start a job, anew if it was there."""
        self._jobs.put(job.id, job)
        self._polls.put(job.id, 0)

    def poll(self, id_: str) -> StubAnswer | None:
        """Return the answer to the next poll, billed once; None for a job that nobody started."""
        job = self._jobs.get(id_)
        if job is None or not job.answers:
            return None
        polls = self._polls.get(id_) or 0
        self._polls.put(id_, polls + 1)
        if polls < len(job.answers):
            return job.answers[polls]
        return replace(job.answers[-1], billed=0)
