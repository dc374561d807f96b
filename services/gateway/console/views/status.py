"""The page Status."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from services.gateway.console.words import counted, number, plain, title

if TYPE_CHECKING:
    from services.gateway.api.status import ReadinessCheck, StatusView
    from services.gateway.domain.role_states import RoleState

_STATES: Final[dict[RoleState, str]] = {
    "works": "works",
    "fails": "fails",
    "silent": "not heard of",
    "absent": "does not run",
}


class RoleLine(Struct, frozen=True):
    """A role: its state in words, how many processes run it, and what is wrong."""

    name: str
    ok: bool
    state: str
    processes: int
    says: str


class CheckLine(Struct, frozen=True):
    """A check: its name in words, and what is wrong or what it says."""

    name: str
    ok: bool
    detail: str


class TopicLine(Struct, frozen=True):
    """A topic, its newest event, and how far each reader is; `behind`: one has not read all."""

    name: str
    last_at: datetime | None
    readers: str
    behind: bool


class BacklogLine(Struct, frozen=True):
    """A role, with what waits to be published since when, and how many timers are due."""

    role: str
    unpublished: int
    oldest_at: datetime | None
    timers_due: int


class StatusPage(Struct, frozen=True):
    """The roles that do not work and the checks that fail come first; `failing` counts both, in words."""

    ready: bool
    failing: str
    version: str
    policy: str
    policy_since: datetime | None
    roles: Sequence[RoleLine]
    checks: Sequence[CheckLine]
    topics: Sequence[TopicLine]
    backlog: Sequence[BacklogLine]


def status_view(status: StatusView) -> StatusPage:
    """Return the page of a status."""
    roles = [
        RoleLine(title(role.role), role.state == "works", _STATES[role.state], role.processes, role.says)
        for role in status.roles
    ]
    roles.sort(key=lambda line: line.ok)
    checks = check_lines(status)
    faults = [
        counted(sum(not role.ok for role in roles), "role does not work", "roles do not work"),
        counted(sum(not check.ok for check in checks), "check fails", "checks fail"),
    ]
    states = {role.role: role.state for role in status.roles}
    topics = []
    for topic in status.topics:
        readers = [
            f"{plain(group.role)} {_STATES[states[group.role]]}"
            if states.get(group.role) in ("silent", "absent")
            else f"{plain(group.role)} {'unknown' if group.unread is None else number(group.unread)}"
            for group in topic.groups
        ]
        behind = any(group.unread for group in topic.groups)
        name = title(topic.topic.rpartition(".v")[0].replace(".", " "))
        topics.append(TopicLine(name, topic.last_at, " · ".join(readers), behind))
    return StatusPage(
        status.ready,
        " and ".join(fault for fault in faults if not fault.startswith("0 ")),
        status.version,
        (status.policy or "")[:12],
        status.policy_since,
        roles,
        checks,
        topics,
        [BacklogLine(one.role, one.unpublished, one.oldest_at, one.timers_due) for one in status.backlog],
    )


def check_lines(status: StatusView) -> list[CheckLine]:
    """Return a line for each part of what works, and before them one for each check that fails.

    With several processes, the line of a check that fails names the process.
    """
    heard = [process for process in status.processes if not process.silent]
    by_part: dict[str, list[ReadinessCheck]] = {}
    lines: dict[tuple[str, str], CheckLine] = {}
    for process in heard:
        for check in process.checks:
            by_part.setdefault(check.name.partition(".")[0], []).append(check)
            if not check.ok:
                detail = f"{check.detail} ({process.id})" if len(heard) > 1 else check.detail
                lines[process.id, check.name] = CheckLine(title(check.name.replace(".", " ")), False, detail)
    for part, found in by_part.items():
        fine = [check for check in found if check.ok]
        if fine:
            several = counted(len(fine), "check") if len(found) > 1 else ""
            said = dict.fromkeys(check.detail for check in fine if check.name == part and check.detail)
            detail = " · ".join(filter(None, (several, *said)))
            lines["", part] = CheckLine(title(part), True, detail)
    return sorted(lines.values(), key=lambda line: (line.ok, line.name))
