"""Checks team.yaml."""

from __future__ import annotations

from zoneinfo import available_timezones

from shared.policy.models import Routing, Team
from shared.policy.policy_file import PolicyFile
from shared.rules.findings import Path, did_you_mean, quoted


def lint_team(file: PolicyFile[Team], routing: Routing | None) -> None:
    """Report faults of reps; with the routing, also unknown queues, and queues without reps."""
    zones = available_timezones()
    for index, rep in enumerate(file.model.reps):
        path: Path = ("reps", index)
        if rep.time_zone is not None and rep.time_zone not in zones:
            meant = did_you_mean(rep.time_zone, zones)
            file.error((*path, "time_zone"), f"no time zone is named {quoted(rep.time_zone)}{meant}")
        if rep.hours is not None and rep.time_zone is None:
            file.error((*path, "hours"), "hours need a time_zone, such as America/New_York")
        for number, queue in enumerate(rep.queues):
            if routing is not None and queue not in routing.queues:
                file.unknown((*path, "queues", number), "queue", queue, routing.queues)
    for queue in routing.queues if routing is not None else ():
        if not any(queue in rep.queues and rep.weight > 0 for rep in file.model.reps):
            file.warning(("reps",), f"nobody gets leads of the queue {queue}")
