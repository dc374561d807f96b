"""`/v1/status`: how the roles are, and how far."""

from datetime import datetime
from importlib.metadata import version
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import Field

from services.gateway.api_route import ApiModel, ApiRoute
from services.gateway.dependencies import Gateway, Reader
from services.gateway.domain.role_states import (
    ProcessState,
    RoleState,
    role_summaries,
    roles_of,
    unread_of,
)
from services.gateway.queries.status import (
    COUNTED_MAX,
    ReportedProcess,
    backlog_by_role,
    newest_by_topic,
    reported_processes,
)
from services.gateway.state import GatewayState
from shared.messaging.manifest import TOPICS
from shared.policy.versions import active
from shared.worker.process_reports import SILENT_AFTER, process_id

router = APIRouter(prefix="/v1/status", tags=["Operation"], route_class=ApiRoute)


class ReadinessCheck(ApiModel):
    """A check of readiness, by the part of Baton that it is about; `detail` says what is wrong with it."""

    name: str
    ok: bool
    detail: str


class BacklogView(ApiModel):
    """What a role still has to do."""

    role: str
    unpublished: Annotated[
        int, Field(description=f"Events that are stored and not published yet; {COUNTED_MAX} at most")
    ]
    oldest_at: datetime | None
    timers_due: Annotated[int, Field(description=f"Timers whose time has come; {COUNTED_MAX} at most")]


class ProcessView(ApiModel):
    """A process of this installation: its roles, and what it last reported about itself.

    It is silent when it has not reported for 20 seconds: it has died, or cannot reach the database.
    """

    id: Annotated[str, Field(description="Its host and process number")]
    is_this: Annotated[bool, Field(description="Whether it is the one that answers")]
    started_at: datetime
    heard_at: datetime
    silent: bool
    roles: list[str]
    checks: list[ReadinessCheck]

    @classmethod
    def of(cls, process: ProcessState) -> Self:
        """Return the view of a process."""
        return cls(
            id=process.id,
            is_this=process.is_this,
            started_at=process.started_at,
            heard_at=process.heard_at,
            silent=process.silent,
            roles=list(process.roles),
            checks=[
                ReadinessCheck(name=name, ok=check.ok, detail=check.detail)
                for name, check in process.checks.items()
            ],
        )


class RoleStateView(ApiModel):
    """A role of Baton. `processes` counts those that report; `says` is what is wrong, in words."""

    role: str
    state: Annotated[RoleState, Field(description="`absent`: no process runs it")]
    processes: int
    says: str


class GroupView(ApiModel):
    """How many records of a topic a role has not read; null while no process of it tells."""

    role: str
    unread: int | None


class TopicView(ApiModel):
    """A topic: when its newest event that was read was appended, and how far behind each reader is."""

    topic: str
    last_at: datetime | None
    groups: list[GroupView]


class StatusView(ApiModel):
    """Whether Baton can do its work, and how far it is.

    It is ready when every role runs and all checks of all processes that report are ok. `checks` are those of
    the process that answers. Each process writes its own to the database every 5 seconds, so `processes`,
    `roles` and `topics` are about that old.
    """

    ready: bool
    version: str
    policy: str | None
    policy_since: datetime | None
    checks: list[ReadinessCheck]
    backlog: list[BacklogView]
    processes: list[ProcessView]
    roles: list[RoleStateView]
    topics: list[TopicView]


@router.get("", summary="Return what works, what does not, and what waits")
async def get_status(gateway: Gateway, _principal: Reader) -> StatusView:
    return await status_of(gateway)


async def status_of(gateway: GatewayState) -> StatusView:
    """Return the state of the installation. Raises `Retry`."""
    now = gateway.clock.now()
    async with gateway.database.read() as tx:
        current = await active(tx)
        backlog = await backlog_by_role(tx, now)
        reported = await reported_processes(tx)
        newest = await newest_by_topic(tx)
    by_id = {process.id: process for process in reported}
    stored = by_id.pop(process_id(), None)
    own = ReportedProcess(  # it knows itself better than its row
        process_id(),
        stored.started_at if stored else now,
        now,
        gateway.health.readiness().checks,
        gateway.health.unread(),
    )
    processes = [
        ProcessState(
            id=process.id,
            is_this=process is own,
            started_at=process.started_at,
            heard_at=process.at,
            silent=now - process.at > SILENT_AFTER,
            roles=roles_of(process.checks),
            checks=process.checks,
            unread=process.unread,
        )
        for process in (own, *by_id.values())
    ]
    roles = role_summaries(processes)
    return StatusView(
        ready=all(role.state == "works" for role in roles)
        and all(process.works for process in processes if not process.silent),
        version=version("baton"),
        policy=current.version if current else None,
        policy_since=current.activated_at if current else None,
        checks=ProcessView.of(processes[0]).checks,
        backlog=[BacklogView.model_validate(one) for one in backlog],
        processes=[ProcessView.of(process) for process in processes],
        roles=[RoleStateView.model_validate(role) for role in roles],
        topics=[
            TopicView(
                topic=topic.name,
                last_at=newest.get(topic.name),
                groups=[GroupView.model_validate(group) for group in unread_of(topic, processes)],
            )
            for topic in TOPICS
        ],
    )
