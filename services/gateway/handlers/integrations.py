"""What Baton is joined to: the providers that it asks, and the sources that leads come from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal

from msgspec import Struct

from services.gateway.domain.sources import HookSource
from services.gateway.handlers.exchange import Answer, Call, json_answer
from services.gateway.handlers.routing import Parameter
from services.gateway.queries.providers import Usage, kept_by_provider, usage_by_provider
from shared.errors import Reject
from shared.policy.models import Provider, Signature, SourceKind

DAYS_DEFAULT: Final = 30
DAYS_MAX: Final = 366
DAYS: Final = Parameter("days", f"How many days back, today included; {DAYS_DEFAULT} by default", "integer")


class ProviderView(Struct, frozen=True):
    """A provider of the policy in force, and what it did in the days asked for. Money is in cents.

    `answers_kept` need not be paid for again while they are fresh.
    """

    name: str
    integration: str
    price: int
    charged: Literal["match", "call"]
    fields: list[str]
    calls: int
    matches: int
    cost: int
    answers_kept: int


class Providers(Struct, frozen=True):
    """Every provider; `next` is always null."""

    data: list[ProviderView]
    next: None = None


class SourceDefaultsView(Struct, frozen=True):
    """The origin of a lead of a source where the form does not name it."""

    channel: str | None
    name: str | None
    campaign: str | None


class SourceView(Struct, frozen=True):
    """Where forms or signals come in. `origins`: the pages whose scripts may post.

    `{token}` in the URL stands for the source's secret, which is the environment variable `secret_env`.
    `ready` is false while that is not set, or cannot sign; `problem` says which.
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
    map: Mapping[str, str]
    origins: tuple[str, ...]
    redirects: tuple[str, ...]


class Sources(Struct, frozen=True):
    """Every source; `next` is always null."""

    data: list[SourceView]
    next: None = None


async def list_providers(call: Call) -> Answer:
    """Answer with every provider and what it cost."""
    since = (call.gateway.clock.now() - timedelta(days=_days(call) - 1)).date()
    policy = (await call.gateway.policies.start()).policy.providers
    async with call.gateway.database.read() as tx:
        usage, kept = await usage_by_provider(tx, since), await kept_by_provider(tx)
    asked = {
        name: [field for field, by in policy.fields.items() if name in by.order] for name in policy.providers
    }
    views = [
        _provider(name, each, usage.get(name, Usage()), kept.get(name, 0), asked[name])
        for name, each in policy.providers.items()
    ]
    return json_answer(200, Providers(views))


async def list_sources(call: Call) -> Answer:
    """Answer with every source of the policy in force, without its secret."""
    sources = (await call.gateway.policies.start()).policy.sources.sources
    ours = call.gateway.sources
    views = [_source(each, sources[name].map, ours.problem(each)) for name, each in ours.current.items()]
    return json_answer(200, Sources(views))


def _days(call: Call) -> int:
    text = call.query.get("days", str(DAYS_DEFAULT))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= DAYS_MAX):
        raise Reject(422, "invalid-days", "The number of days is not valid", f"It is from 1 to {DAYS_MAX}")
    return int(text)


def _provider(name: str, each: Provider, used: Usage, kept: int, fields: list[str]) -> ProviderView:
    return ProviderView(
        name=name,
        integration=each.integration,
        price=each.price_cents,
        charged=each.charged,
        fields=fields,
        calls=used.calls,
        matches=used.matches,
        cost=used.cost,
        answers_kept=kept,
    )


def _source(each: HookSource, labels: Mapping[str, str], problem: str | None) -> SourceView:
    needs_token = not each.public and each.signature is None
    return SourceView(
        name=each.name,
        kind=each.kind,
        url=f"/hooks/{each.hook}/{each.name}" + ("/{token}" if needs_token else ""),
        public=each.public,
        signature=each.signature,
        secret_env=each.secret_env,
        ready=problem is None,
        problem=problem,
        defaults=SourceDefaultsView(
            channel=each.defaults.channel, name=each.defaults.name, campaign=each.defaults.campaign
        ),
        map=labels,
        origins=each.origins,
        redirects=each.redirects,
    )
