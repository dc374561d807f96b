"""How each role is, judged by what its processes reported. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

from msgspec import Struct

from shared.messaging.manifest import Topic
from shared.readiness import Check

GROUPS: Final = ("enricher", "scorer", "router", "router-deliver", "ledger")
"""The roles that read topics as a group, in the order of the path of a lead."""

ROLES: Final = ("gateway", *GROUPS)
_SHARED: Final = ("database", "stream", "policy", "secrets")
"""Checks that every role of a process depends on."""

RoleState = Literal["works", "fails", "silent", "absent"]


class ProcessState(Struct, frozen=True):
    """A process: `roles` that it runs, its checks, and whether it was not heard of for too long.

    `unread` are the records of its partitions that it has not read, by role and topic.
    """

    id: str
    is_this: bool
    started_at: datetime
    heard_at: datetime
    silent: bool
    roles: Sequence[str]
    checks: Mapping[str, Check]
    unread: Mapping[str, Mapping[str, int]]

    @property
    def works(self) -> bool:
        """Whether it reports, and every check is ok."""
        return not self.silent and all(check.ok for check in self.checks.values())


class RoleSummary(Struct, frozen=True):
    """How a role is, how many of its processes report, and what is wrong in words, empty where nothing is."""

    role: str
    state: RoleState
    processes: int
    says: str


class GroupProgress(Struct, frozen=True):
    """How many records of a topic a role has not read; None while no process of it tells."""

    role: str
    unread: int | None


def roles_of(checks: Mapping[str, Check]) -> list[str]:
    """Return the roles that a process runs: its checks are named for them."""
    named = {name.partition(".")[0] for name in checks}
    return [role for role in ROLES if role in named]


def role_summaries(processes: Sequence[ProcessState]) -> list[RoleSummary]:
    """Return how each role of Baton is, those too that no process runs."""
    summaries = []
    for role in ROLES:
        running = [process for process in processes if role in process.roles]
        heard = [process for process in running if not process.silent]
        broken = [
            f"{name.replace('.', ' ')}: {check.detail}"
            for process in heard
            for name, check in process.checks.items()
            if not check.ok and name.partition(".")[0] in (role, *_SHARED)
        ]
        state: RoleState
        if not running:
            state, says = "absent", "No process of it runs. What it reads waits for it, and nothing is lost."
        elif not heard:
            names = ", ".join(process.id for process in running)
            says = f"Not heard of any more: {names}. It has died or cannot reach the database."
            state = "silent"
        elif broken:
            state, says = "fails", "; ".join(dict.fromkeys(broken))
        else:
            state, says = "works", ""
        summaries.append(RoleSummary(role, state, len(heard), says))
    return summaries


def unread_of(topic: Topic, processes: Sequence[ProcessState]) -> list[GroupProgress]:
    """Return how far each role that reads a topic as a group is."""
    progress = []
    for role in (group for group in GROUPS if group in topic.readers):
        unread = [
            process.unread[role][topic.name]
            for process in processes
            if not process.silent and topic.name in process.unread.get(role, {})
        ]
        progress.append(GroupProgress(role, sum(unread) if unread else None))
    return progress
