"""The providers of the active policy, ready to be asked; they follow it when it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp
import structlog

from services.enricher.domain.providers import Answer, Question
from services.enricher.domain.value_of_information import Outlook
from services.enricher.domain.waterfall import Offer, Terms
from services.enricher.provider_client import STUBS, ProviderClient, address_of
from services.enricher.providers import INTEGRATIONS
from shared.clock import Clock
from shared.observability.metrics import Metrics
from shared.policy.compiled import CompiledPolicy
from shared.policy.models import Provider, Providers
from shared.policy.versions import PolicyWatch

log = structlog.get_logger()

_STUB_KEY = "stub"
"""The stubs want a key as the vendors do; any will do."""


class ProviderPort(Protocol):
    """Asks one provider."""

    async def ask(self, question: Question, *, within_s: float) -> Answer:
        """Return the answer, or why there is none within `within_s`. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class ProviderSet:
    """One version of the policy at work: its terms, whom to ask, and what is still worth asking.

    `outlook` is None when everything is asked for, whether it changes anything or not.
    """

    terms: Terms
    clients: Mapping[str, ProviderPort]
    outlook: Outlook | None
    per_day_cents: int


class Desks(Protocol):
    """Where the desk of the moment is found."""

    @property
    def current(self) -> ProviderSet: ...


class ProviderRegistry:
    """Hands out the desk of the active policy. A provider whose terms stay keeps its pace and its breaker."""

    def __init__(
        self,
        policy: PolicyWatch,
        session: aiohttp.ClientSession,
        clock: Clock,
        metrics: Metrics,
        *,
        stubs_url: str,
        keys: Mapping[str, str],
    ) -> None:
        self._policy = policy
        self._session = session
        self._clock = clock
        self._metrics = metrics
        self._stubs_url = stubs_url
        self._keys = keys
        self._clients: Mapping[str, ProviderClient] = {}
        self._made_of: CompiledPolicy | None = None
        self._desk: ProviderSet | None = None

    @property
    def current(self) -> ProviderSet:
        """The desk for the lead that is looked at now."""
        policy = self._policy.current
        if self._desk is None or policy is not self._made_of:  # other accounts do not make another version
            self._made_of, self._desk = policy, self._set_up(policy)
        return self._desk

    def _set_up(self, policy: CompiledPolicy) -> ProviderSet:
        providers = policy.policy.providers
        made = {name: self._client(name, terms) for name, terms in providers.providers.items()}
        clients = {name: client for name, client in made.items() if client is not None}
        self._clients = clients
        return ProviderSet(
            terms=terms_of(providers, clients),
            clients=clients,
            outlook=Outlook(policy) if providers.decision_aware else None,
            per_day_cents=providers.budget.per_day_cents,
        )

    def _client(self, name: str, terms: Provider) -> ProviderClient | None:
        before = self._clients.get(name)
        if before is not None and before.terms == terms:
            return before
        integration = INTEGRATIONS.get(terms.integration)
        key = self._keys.get(terms.key_env) or (_STUB_KEY if terms.base_url.startswith(STUBS) else "")
        if integration is None or (terms.key_env and not key):
            reason = f"{terms.key_env} is not set" if integration else f"no integration {terms.integration}"
            log.warning("provider is not asked", provider=name, reason=reason)
            return None
        return ProviderClient(
            name,
            terms,
            integration,
            key=key,
            base_url=address_of(terms.base_url, self._stubs_url),
            session=self._session,
            clock=self._clock,
            metrics=self._metrics,
        )


def terms_of(providers: Providers, clients: Mapping[str, ProviderClient]) -> Terms:
    return Terms(
        fields=providers.fields,
        offers={
            name: Offer(client.terms.price_cents, client.integration.gives)
            for name, client in clients.items()
        },
        budget_cents=providers.budget.per_lead_cents,
        deadline_s=providers.deadline.seconds,
        one_by_one=providers.decision_aware,
    )
