"""Checks providers.yaml."""

from __future__ import annotations

from shared.lead.fields import BOUGHT_FIELDS
from shared.policy.addresses import is_web_address
from shared.policy.integrations import KnownIntegrations, asked_fields
from shared.policy.models import ProviderPolicy, SourcePolicy
from shared.policy.policy_file import PolicyFile
from shared.rules.findings import Path, did_you_mean, quoted


def lint_providers(
    file: PolicyFile[ProviderPolicy], known: KnownIntegrations | None, sources: SourcePolicy | None = None
) -> None:
    """Report faults of the waterfalls, of what sellers need, and of each provider.

    Providers by which `sources` ask for signals, or fetch leads, need not be asked for fields.
    """
    policy = file.model
    asked_for_sources: set[str | None] = set()
    if known is not None and sources is not None:
        for source in sources.sources.values():
            asked_for_sources |= known.fetched.get(source.kind, frozenset())
            if source.poll is not None:
                asked_for_sources.add(known.polled.get(source.kind))
    integrations = () if known is None else {*known.providers, *known.polled.values()}
    lint_bought_fields(file, known)
    lint_discovery(file, known)
    used = {name for waterfall in policy.fields.values() for name in waterfall.order}
    if policy.discover is not None:
        used |= set(policy.discover.order) or contact_finders(policy, known)
    for name, provider in policy.providers.items():
        path: Path = ("providers", name)
        if known is not None and provider.integration not in integrations:
            file.unknown((*path, "integration"), "integration", provider.integration, known.providers)
        if provider.base_url is not None and not is_web_address(provider.base_url):
            file.error((*path, "base_url"), "should be an http or https address")
        if name not in used and provider.integration not in asked_for_sources:
            file.warning(path, f"no field has {name} in its order")
        if (provider.price_cents or 0) > policy.budget.per_lead_cents:
            message = (
                f"one answer costs more than the {policy.budget.per_lead_cents} cents of a lead's budget"
            )
            file.warning((*path, "price_cents"), message)
        if provider.timeout.seconds > policy.deadline.seconds:
            file.warning((*path, "timeout"), f"longer than the deadline of {policy.deadline}")


def lint_bought_fields(file: PolicyFile[ProviderPolicy], known: KnownIntegrations | None) -> None:
    """Report fields that no provider gives, and providers that do not give the field they are asked for."""
    policy = file.model
    paths: dict[Path, str] = {("fields", name): name for name in policy.fields}
    paths |= {("for_sellers", index): name for index, name in enumerate(policy.for_sellers)}
    for path, name in paths.items():
        if name not in BOUGHT_FIELDS:
            message = (
                f"{quoted(name)} is no field that a provider can give{did_you_mean(name, BOUGHT_FIELDS)}"
            )
            file.error(path, message)
        elif name not in policy.fields:
            file.warning(path, f"no provider is asked for {name}: it has no order in fields")
    for name, waterfall in policy.fields.items():
        for index, provider_name in enumerate(waterfall.order):
            path = ("fields", name, "order", index)
            provider = policy.providers.get(provider_name)
            if provider is None:
                file.unknown(path, "provider", provider_name, policy.providers)
            elif name in BOUGHT_FIELDS and known is not None:
                gives = known.providers.get(provider.integration)
                if gives is not None and name not in asked_fields(gives):
                    file.error(path, f"{provider_name} does not give {name}")


def lint_discovery(file: PolicyFile[ProviderPolicy], known: KnownIntegrations | None) -> None:
    """Report what is wrong with how people are looked for: the condition, the providers, and the budgets."""
    policy, path = file.model, ("discover",)
    discover = policy.discover
    if discover is None:
        return
    file.condition(discover.when, (*path, "when"))
    able = contact_finders(policy, known)
    for index, name in enumerate(discover.order):
        if name not in policy.providers:
            file.unknown((*path, "order", index), "provider", name, policy.providers)
        elif name not in able:
            file.error((*path, "order", index), f"{name} does not find people of a company")
    if not able:
        file.warning(path, "nobody can be asked: no provider finds people of a company")
    prices = [policy.providers[name].price_cents or 0 for name in discover.order or able if name in able]
    if prices and discover.per_account_cents < min(prices):
        message = f"nobody can be asked: one answer costs {min(prices)} cents at least"
        file.warning((*path, "per_account_cents"), message)
    if discover.per_account_cents > policy.budget.per_day_cents:
        message = f"more than the {policy.budget.per_day_cents} cents of a day's budget"
        file.warning((*path, "per_account_cents"), message)


def contact_finders(policy: ProviderPolicy, known: KnownIntegrations | None) -> set[str]:
    """Return the providers that find people of a company; all, when the integrations are not known."""
    if known is None:
        return set(policy.providers)
    gives = {name: known.providers.get(provider.integration) for name, provider in policy.providers.items()}
    return {name for name, fields in gives.items() if fields is None or fields.get("contacts")}
