"""`/v1/sources`: where forms and signals come from."""

from typing import Annotated

from fastapi import APIRouter, Request, Security

from services.gateway.api_route import ApiModel, ApiRoute, problem_responses
from services.gateway.dependencies import CompleteList, Gateway, caller
from services.gateway.domain.arrival import Arrival
from services.gateway.intake.forms import FORM_BODY, receive_form
from services.gateway.intake.hooks import FormSource
from shared.lead.events.lead_received import LeadReceivedV1
from shared.policy.models import Signature, SourceKind
from shared.web.event_schema import MsgspecType

router = APIRouter(
    prefix="/v1/sources",
    tags=["Integrations"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["manager"])],
)


class SourceDefaultsView(ApiModel):
    """What a lead has as its source where the form does not say it."""

    channel: str | None
    name: str | None
    campaign: str | None


class SourceView(ApiModel):
    """A source of forms or signals. `origins` are the pages whose scripts may post.

    `{token}` in the URL stands for the source's secret, which is the environment variable `secret_env`.
    `ready` is false while the secret is missing or cannot sign; `problem` says which.
    """

    name: str
    kind: SourceKind
    url: str
    public: bool
    signature: Signature | None
    secret_env: str
    ready: bool
    problem: str | None
    defaults: SourceDefaultsView
    map: dict[str, str]
    origins: tuple[str, ...]
    redirects: tuple[str, ...]


class FormPreview(ApiModel):
    """The lead that a form would be: its id, the key of its account, and all that is read of the form."""

    lead_id: str
    account: str
    lead: Annotated[LeadReceivedV1, MsgspecType()]


@router.get("", summary="List the sources of the active policy, without their secrets")
async def get_sources(gateway: Gateway) -> CompleteList[SourceView]:
    policy = (await gateway.policies.start()).policy.sources
    views: list[SourceView] = []
    for name, source in gateway.sources.current.items():
        needs_token = not source.public and source.signature is None
        problem = gateway.sources.problem(source)
        views.append(
            SourceView(
                name=name,
                kind=source.kind,
                url=f"/hooks/{source.hook}/{name}" + ("/{token}" if needs_token else ""),
                public=source.public,
                signature=source.signature,
                secret_env=source.secret_env,
                ready=problem is None,
                problem=problem,
                defaults=SourceDefaultsView.model_validate(source.defaults),
                map=dict(policy.sources[name].map),
                origins=source.origins,
                redirects=source.redirects,
            )
        )
    return CompleteList(data=views)


@router.post(
    "/{source}/preview",
    summary="Show the lead that a form would be",
    responses=problem_responses(400, 404, 413, 415),
    openapi_extra=FORM_BODY,
)
async def preview_form(request: Request, source: FormSource, gateway: Gateway) -> FormPreview:
    """Nothing is taken in."""
    received = await receive_form(request, source, Arrival(gateway.clock.now(), gateway.random, ""))
    return FormPreview(lead_id=received.lead_id, account=received.event.key, lead=received.event.data)
