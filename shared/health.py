"""The state of a process, kept up to date by its parts."""

from collections.abc import Iterable

import structlog

from shared.readiness import Check, Readiness, TopicProgress

log = structlog.get_logger()


class Health:
    """The checks of a process, kept up to date by its parts. Those in `awaited` fail until they are set.

    `progress` has how far each role of the process has read its topics, by role and topic.
    """

    def __init__(self, awaited: Iterable[str] = ()) -> None:
        self._checks = {name: Check(ok=False, detail="starting") for name in awaited}
        self.progress: dict[str, dict[str, TopicProgress]] = {}

    def set(self, name: str, ok: bool, detail: str = "") -> None:  # noqa: FBT001 - reads well: set("stream", False, …)
        """Record the present state of one check."""
        self._checks[name] = Check(ok=ok, detail=detail)

    def report_retry(self, name: str, reason: str) -> None:
        """Record that a check fails and is tried again; log it once for as long as the reason is the same."""
        if self._checks.get(name) != Check(ok=False, detail=reason):
            log.warning("retrying", what=name, reason=reason)
        self.set(name, ok=False, detail=reason)

    def unread(self) -> dict[str, dict[str, int]]:
        """Return how many records each role has not read of the partitions it holds, by role and topic."""
        return {
            role: {topic: read.unread for topic, read in topics.items()}
            for role, topics in self.progress.items()
        }

    def readiness(self) -> Readiness:
        """Return the state of all checks; ready means that every one is ok."""
        return Readiness(ready=all(check.ok for check in self._checks.values()), checks=dict(self._checks))
