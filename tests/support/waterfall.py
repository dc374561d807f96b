"""The default policy with providers of a test's own in the place of the vendors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from services.enricher.domain.provider_status import ProviderStatus
from services.enricher.domain.providers import ProviderAnswer, ProviderFacts, ProviderQuery
from services.enricher.domain.value_of_information import OutcomeModel
from services.enricher.domain.waterfall import WaterfallPolicy
from services.enricher.provider_registry import ProviderPort, ProviderSet, capability_of
from services.enricher.providers.vendor_facts import company_facts, provider_facts
from shared.clock import Clock
from shared.policy.compiled import CompiledPolicy, compiled
from shared.policy.load import load
from shared.policy.models import ProviderPolicy
from shared.resilience.availability import Access
from shared.resilience.priority_limiter import Turn
from tests.support.integrations import INTEGRATIONS

COMPANY = company_facts(name="Brightloom", industry="software", country="US", employees=350)


def default_policy(**providers: Any) -> CompiledPolicy:
    """Return the default policy, with other values for `providers.yaml`."""
    policy = load(Path("config"))
    return compiled(policy.model_copy(update={"providers": policy.providers.model_copy(update=providers)}))


def waterfall_policy(providers: ProviderPolicy, names: Any) -> WaterfallPolicy:
    """Return the waterfall of a policy as if only these providers could be asked."""
    return WaterfallPolicy(
        fields=providers.fields,
        capabilities={name: capability_of(INTEGRATIONS[name], providers.providers[name]) for name in names},
        budget_cents=providers.budget.per_lead_cents,
        deadline_s=providers.deadline.seconds,
        sequential=providers.decision_aware,
        for_sellers=providers.for_sellers,
    )


class FakeProvider:
    """Knows what it is told about companies and people, and remembers what it was asked."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        known: Mapping[str, ProviderFacts] | None = None,
        cost: int = 10,
        people: Mapping[str, ProviderFacts] | None = None,
    ):
        self.name, self.clock, self.cost = name, clock, cost
        self.people = people or {}
        self.known = {"brightloom.example": provider_facts(0.9, company=COMPANY)} if known is None else known
        self.asked: list[str] = []
        self.access: Access = "open"
        self.is_on_trial = False
        self.status = ProviderStatus("active")

    async def query(self, query: ProviderQuery, *, within_s: float, turn: Turn) -> ProviderAnswer:
        turn.granted.set_result(True)
        self.asked.append(query.target.domain or "" if query.subject == "company" else query.subject)
        said = (self.known if query.subject == "company" else self.people).get(query.about)
        return ProviderAnswer(
            provider=self.name,
            subject=query.subject,
            about=query.about,
            outcome="no_match" if said is None else "match",
            at=self.clock.now(),
            facts=said or ProviderFacts(),
            cost=0 if said is None else self.cost,
            requested=query.fields,
        )


@dataclass
class FixedRegistry:
    """A provider set that never changes."""

    current: ProviderSet


def registry_of(
    clients: Mapping[str, ProviderPort], policy: CompiledPolicy | None = None, **terms: Any
) -> FixedRegistry:
    """Return the provider set of the default policy, with these clients."""
    policy = policy or default_policy()
    providers = policy.policy.providers
    return FixedRegistry(
        ProviderSet(
            waterfall=replace(waterfall_policy(providers, clients), **terms),
            patience_s=providers.patience.seconds,
            clients=clients,
            outcome_model=OutcomeModel(policy) if providers.decision_aware else None,
            per_day_cents=providers.budget.per_day_cents,
            public_day_cents=providers.budget.public_day_cents,
        )
    )
