"""The providers of the active policy, with a client for each; they follow the policy when it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from services.enricher.domain.discovery import DiscoveryTerms
from services.enricher.domain.provider_status import ProviderStatus
from services.enricher.domain.providers import ProviderAnswer, ProviderQuery
from services.enricher.domain.value_of_information import OutcomeModel
from services.enricher.domain.waterfall import Capability, WaterfallPolicy
from services.enricher.provider_client import ProviderClient, call_limits
from services.enricher.providers.integration import Integration
from services.enricher.providers.prices import highest_cost
from services.enricher.vendor_jobs import CallbackAddresses, JobStore
from services.scorer.policy import seeds_of
from shared.clock import Clock
from shared.integrations.provider_preset import ProviderPreset
from shared.lead.events.account_received import AccountReceivedV1
from shared.observability.metrics import Metrics
from shared.policy.compiled import CompiledPolicy
from shared.policy.models import Provider, ProviderPolicy
from shared.policy.per_version import PerVersion
from shared.policy.versions import PolicyWatch
from shared.resilience.availability import Access
from shared.resilience.priority_limiter import Turn
from shared.web.egress import EgressPolicy, EgressRefused
from shared.web.httpx_egress import egress_client
from shared.web.stubs_url import resolve_base_url

_STUB_KEY: Final = "stub"
"""The stubs want an API key as the vendors do; any text will do."""


class ProviderPort(Protocol):
    """Port: queries one provider."""

    @property
    def access(self) -> Access:
        """Whether it may be called now; `trial`: once, to see whether it works again."""
        ...

    @property
    def is_on_trial(self) -> bool:
        """Whether a trial call is under way, whose result other calls may wait for."""
        ...

    @property
    def status(self) -> ProviderStatus:
        """The state of the provider, with the reason in words."""
        ...

    async def query(self, query: ProviderQuery, *, within_s: float, turn: Turn) -> ProviderAnswer:
        """Return the answer, or why there is none within `within_s` seconds. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class ProviderSet:
    """The providers under one version of the policy: the waterfall and a client by name.

    `patience_s` is how long a lead waits for the turns of its calls. `per_day_cents` is the budget of a day,
    `public_day_cents` the part of it for leads of public sources. `outcome_model` is None when the policy is
    not decision-aware: every missing field is asked for then. `discovery` says how people of accounts are
    looked for, and `seeds` what is known of accounts, by key, until somebody says more.
    """

    waterfall: WaterfallPolicy
    patience_s: float
    clients: Mapping[str, ProviderPort]
    outcome_model: OutcomeModel | None
    per_day_cents: int
    public_day_cents: int
    discovery: DiscoveryTerms | None = None
    seeds: Mapping[str, AccountReceivedV1] = field(default_factory=dict)


class ActiveProviders(Protocol):
    """Port: gives the providers of the policy that is active now."""

    @property
    def current(self) -> ProviderSet: ...


class ProviderRegistry:
    """Builds the provider set of the active policy, once per version.

    A provider whose terms did not change keeps its client, and with it its limiter and circuit breaker. A
    client that is replaced is closed when no look-up that began with it can still be under way.

    `presets` are the installed integrations by name. `egress` says which addresses may be reached, `keys` has
    the API keys by the name of `key_env`. `jobs` and `callbacks` are for vendors that answer later.
    """

    def __init__(
        self,
        policy: PolicyWatch,
        presets: Mapping[str, ProviderPreset],
        egress: EgressPolicy,
        clock: Clock,
        metrics: Metrics,
        *,
        stubs_url: str,
        keys: Mapping[str, str],
        jobs: JobStore | None = None,
        callbacks: CallbackAddresses | None = None,
    ) -> None:
        self._provider_set = PerVersion(lambda: policy.current, self._build)
        self._integrations = {name: Integration(preset) for name, preset in presets.items()}
        self._egress = egress
        self._clock = clock
        self._metrics = metrics
        self._stubs_url = stubs_url
        self._keys = keys
        self._jobs = jobs
        self._callbacks = callbacks
        self._clients: Mapping[str, ProviderClient] = {}
        self._unusable: dict[str, ProviderStatus] = {}
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def current(self) -> ProviderSet:
        """The provider set of the active policy."""
        return self._provider_set.current

    def statuses(self) -> dict[str, ProviderStatus]:
        """Return the state of each provider of the active policy."""
        clients = self.current.clients
        return self._unusable | {name: client.status for name, client in clients.items()}

    @property
    def has_jobs(self) -> bool:
        """Whether a provider of the active policy answers under jobs."""
        return any(client.integration.preset.poll is not None for client in self._clients.values())

    async def close(self) -> None:
        """Close the connections of every client, replaced ones included."""
        for task in list(self._retiring):
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        for client in self._clients.values():
            await client.close()

    def _build(self, policy: CompiledPolicy) -> ProviderSet:
        providers = policy.policy.providers
        self._unusable = {}
        asked = {name for waterfall in providers.fields.values() for name in waterfall.order}
        # What no lead is enriched by may be there for the scorer, which polls vendors for signals.
        clients = {
            name: self._client(name, terms)
            for name, terms in providers.providers.items()
            if terms.integration in self._integrations or name in asked
        }
        for name, client in self._clients.items():
            if clients.get(name) is not client:
                self._retire(client, after_s=2 * providers.deadline.seconds)
        self._clients = {name: client for name, client in clients.items() if client is not None}
        waterfall = waterfall_policy(providers, self._clients)
        return ProviderSet(
            waterfall=waterfall,
            patience_s=providers.patience.seconds,
            clients=self._clients,
            outcome_model=OutcomeModel(policy) if providers.decision_aware else None,
            per_day_cents=providers.budget.per_day_cents,
            public_day_cents=providers.budget.public_day_cents,
            discovery=discovery_terms(policy, waterfall.capabilities),
            seeds=seeds_of(policy.policy.accounts),
        )

    def _client(self, name: str, terms: Provider) -> ProviderClient | None:
        """Return the client of a provider; None, with a status that says why, when it cannot be asked."""
        existing = self._clients.get(name)
        if existing is not None and existing.terms == terms:
            return existing
        integration = self._integrations.get(terms.integration)
        own_url = integration.preset.base_url if integration is not None else ""
        base_url, is_stub = resolve_base_url(terms.base_url or own_url, self._stubs_url)
        key = self._keys.get(terms.key_env) or (_STUB_KEY if is_stub else "")
        if integration is None:
            self._unusable[name] = ProviderStatus("unusable", f"no integration {terms.integration}")
            return None
        if terms.key_env and not key:
            self._unusable[name] = ProviderStatus("no_key", f"{terms.key_env} is not set")
            return None
        try:
            in_flight = call_limits(terms, integration)[1]
            http = egress_client(self._egress, base_url, connections_max=in_flight)
        except EgressRefused as refused:
            self._unusable[name] = ProviderStatus("unusable", f"base_url: {refused}")
            return None
        return ProviderClient(
            name,
            terms,
            integration,
            key=key,
            http=http,
            clock=self._clock,
            metrics=self._metrics,
            jobs=self._jobs,
            callbacks=self._callbacks,
        )

    def _retire(self, client: ProviderClient, *, after_s: float) -> None:
        async def close_later() -> None:
            try:
                await asyncio.sleep(after_s)
            finally:
                await client.close()

        task = asyncio.create_task(close_later(), name=f"close the replaced client of {client.name}")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


def waterfall_policy(providers: ProviderPolicy, clients: Mapping[str, ProviderClient]) -> WaterfallPolicy:
    """Return the waterfall of a policy: its fields and limits, and what each client's provider can give."""
    return WaterfallPolicy(
        fields=providers.fields,
        capabilities={
            name: capability_of(client.integration, client.terms) for name, client in clients.items()
        },
        budget_cents=providers.budget.per_lead_cents,
        deadline_s=providers.deadline.seconds,
        sequential=providers.decision_aware,
        for_sellers=providers.for_sellers,
    )


def capability_of(integration: Integration, terms: Provider) -> Capability:
    """Return what an integration can give at the policy's terms, and what an answer costs at most."""
    prices = {
        subject: highest_cost(integration.price(subject), terms, gives)
        for subject, gives in integration.gives.items()
    }
    return Capability(max(prices.values(), default=0), integration.gives, prices, integration.needs)


def discovery_terms(policy: CompiledPolicy, capabilities: Mapping[str, Capability]) -> DiscoveryTerms | None:
    """Return how people of accounts are looked for; None when the policy does not want it.

    Asked are the providers that find contacts, in the policy's order, else in that of their names.
    """
    discover = policy.policy.providers.discover
    if discover is None:
        return None
    able = [name for name, capability in capabilities.items() if capability.gives.get("contacts")]
    return DiscoveryTerms(
        roles=discover.roles,
        per_account_cents=discover.per_account_cents,
        fresh=discover.fresh.timedelta,
        prices={
            name: capabilities[name].prices.get("contacts", capabilities[name].price_cents)
            for name in discover.order or sorted(able)
            if name in able
        },
        when=policy.discover,
    )
