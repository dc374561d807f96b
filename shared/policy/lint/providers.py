"""Checks providers.yaml."""

from __future__ import annotations

from shared.lead.fields import BOUGHT_FIELDS
from shared.policy.addresses import is_web_address
from shared.policy.integrations import KnownIntegrations, asked_fields
from shared.policy.models import ProviderPolicy
from shared.policy.policy_file import PolicyFile
from shared.rules.findings import Path, did_you_mean, quoted


def lint_providers(file: PolicyFile[ProviderPolicy], known: KnownIntegrations | None) -> None:
    """Report faults of the waterfalls, of what sellers need, and of each provider."""
    policy = file.model
    lint_bought_fields(file, known)
    used = {name for waterfall in policy.fields.values() for name in waterfall.order}
    for name, provider in policy.providers.items():
        path: Path = ("providers", name)
        if known is not None and provider.integration not in known.providers:
            file.unknown((*path, "integration"), "integration", provider.integration, known.providers)
        if provider.base_url is not None and not is_web_address(provider.base_url):
            file.error((*path, "base_url"), "should be an http or https address")
        if name not in used:
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
