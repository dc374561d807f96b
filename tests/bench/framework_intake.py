"""Leads taken in by other ways than the lane, in one process, for the rows beside `accept`.

`python -m tests.bench.framework_intake PORT KAFKA PREFIX FOLDER` serves the gateway's own
application with two more routes: `/hot`, the lane inside FastAPI's middleware and router, and `/typed`, an
ordinary route with a pydantic body.
"""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import uvloop
from fastapi import FastAPI, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from services.gateway.api_route import ApiRoute
from services.gateway.app import create_app
from services.gateway.bootstrap import build
from services.gateway.dependencies import Gateway, Intake, RequestArrival
from services.gateway.domain.leads import receive_lead
from services.gateway.intake.lane import IntakeLane
from services.gateway.intake.leads import AcceptedLead, publish_lead
from services.gateway.middleware import RequestMetrics
from services.gateway.state import GatewayState
from shared.clock import SystemClock
from shared.lead.events.lead_received import LeadReceivedV1
from shared.observability.logging import configure
from shared.policy.load import texts_in
from shared.policy.versions import check_policy, put
from shared.settings import GatewaySettings, load
from shared.web.event_schema import MsgspecType
from shared.web.server import HttpServer
from shared.worker.process import collect_rarely
from tests.support.databases import create_tables
from tests.support.gateway import ADMIN_KEY, gateway_resources

Word = Annotated[str, Field(max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PersonBody(_Part):
    email: Word | None = None
    first_name: Word | None = None
    last_name: Word | None = None
    title: Word | None = None
    phone: Word | None = None
    linkedin_url: Annotated[str, Field(max_length=2_000)] | None = None
    country: Word | None = None


class CompanyBody(_Part):
    name: Word | None = None
    domain: Annotated[str, Field(max_length=2_000)] | None = None
    employees: Annotated[int, Field(ge=0)] | None = None
    industry: Word | None = None
    country: Word | None = None
    revenue_usd: Annotated[int, Field(ge=0)] | None = None
    technologies: Annotated[list[Word], Field(max_length=500)] = []


class OriginBody(_Part):
    channel: Word | None = None
    name: Word | None = None
    form_id: Word | None = None
    campaign: Word | None = None
    page_url: Annotated[str, Field(max_length=2_000)] | None = None
    referrer: Annotated[str, Field(max_length=2_000)] | None = None
    utm: dict[Word, str] = {}
    submitted_at: AwareDatetime | None = None


class ConsentBody(_Part):
    marketing: bool | None = None
    opted_out: bool | None = None
    at: AwareDatetime | None = None
    text: Annotated[str, Field(max_length=20_000)] | None = None


class LeadBody(_Part):
    """The intake body as pydantic would have it, without activities."""

    person: PersonBody = PersonBody()
    company: CompanyBody = CompanyBody()
    source: OriginBody = OriginBody()
    message: Annotated[str, Field(max_length=20_000)] | None = None
    answers: dict[Word, Any] = {}
    consent: ConsentBody = ConsentBody()


async def post_typed(
    body: LeadBody, request: Request, caller: Intake, gateway: Gateway, arrival: RequestArrival
) -> Annotated[AcceptedLead, MsgspecType()]:
    lead = msgspec.convert(body.model_dump(exclude_unset=True), LeadReceivedV1)
    return await publish_lead(gateway, receive_lead(lead, await request.body(), arrival))


class _Lane:
    """The lane as a route inside FastAPI."""

    def __init__(self, app: FastAPI, state: GatewayState) -> None:
        self._lane = IntakeLane(app, state=state, request_metrics=RequestMetrics(state.metrics))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._lane({**scope, "path": "/v1/leads"}, receive, send)


async def serve(port: int, kafka: str, prefix: str, folder: Path) -> None:
    settings = load(
        GatewaySettings,
        {
            "BATON_DATA_DIR": str(folder),
            "BATON_STREAM_URL": f"kafka://{kafka}",
            "BATON_TOPIC_PREFIX": prefix,
            "BATON_ADMIN_KEY": ADMIN_KEY,
            "BATON_SECRET_KEY": "the secret key",
        },
    )
    await create_tables(settings.database_url)
    resources = gateway_resources(settings, SystemClock(), partitions=settings.topic_partitions)
    async with resources.database.begin() as tx:
        await put(tx, await check_policy(texts_in(Path("config"))), by="bench", at=resources.clock.now())
    await resources.policy.start()
    await resources.stream.open()
    state = build(resources, await resources.stream.sink(), settings)
    app = create_app(state)
    app.router.routes.append(Route("/hot", _Lane(app, state), methods=["POST"]))
    app.router.add_api_route(
        "/typed", post_typed, methods=["POST"], status_code=202, route_class_override=ApiRoute
    )
    await HttpServer(app, host="127.0.0.1", port=port, port_field="http_port").start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    port, kafka, prefix, folder = sys.argv[1:]
    configure(load(GatewaySettings, {"BATON_ADMIN_KEY": ADMIN_KEY, "BATON_SECRET_KEY": "s"}), role="bench")
    collect_rarely()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(port), kafka, prefix, Path(folder)))
