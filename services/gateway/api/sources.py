"""`/v1/sources`: where forms and signals come from."""

from typing import Any

from fastapi import APIRouter, Security

from services.gateway.api_route import ApiModel, ApiRoute
from services.gateway.dependencies import Gateway, caller
from services.gateway.domain.sources import HookSource
from shared.policy.models import Signature, SourceKind

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


class SourceList(ApiModel):
    """Every source. `next` is always null."""

    data: list[SourceView]
    next: None = None


@router.get("", summary="List the sources of the active policy, without their secrets")
async def get_sources(gateway: Gateway) -> SourceList:
    policy = (await gateway.policies.start()).policy.sources
    return SourceList(
        data=[
            _view(source, policy.sources[name].map, gateway.sources.problem(source))
            for name, source in gateway.sources.current.items()
        ]
    )


def _view(source: HookSource, labels: Any, problem: str | None) -> SourceView:
    needs_token = not source.public and source.signature is None
    return SourceView(
        name=source.name,
        kind=source.kind,
        url=f"/hooks/{source.hook}/{source.name}" + ("/{token}" if needs_token else ""),
        public=source.public,
        signature=source.signature,
        secret_env=source.secret_env,
        ready=problem is None,
        problem=problem,
        defaults=SourceDefaultsView.model_validate(source.defaults),
        map=dict(labels),
        origins=source.origins,
        redirects=source.redirects,
    )
