"""Checks providers.yaml."""

from __future__ import annotations

from shared.lead.fields import all_fields, field_named
from shared.policy.addresses import is_web_address
from shared.policy.models import ProviderPolicy
from shared.policy.policy_file import PolicyFile
from shared.rules.findings import Path, did_you_mean, quoted


def lint_providers(file: PolicyFile[ProviderPolicy]) -> None:
    """Report faults of the waterfalls and of each provider."""
    policy = file.model
    bought = [field.name for field in all_fields() if field.bought]
    for name, waterfall in policy.fields.items():
        path: Path = ("fields", name)
        field = field_named(name)
        if field is None or not field.bought:
            message = f"{quoted(name)} is no field that a provider can give{did_you_mean(name, bought)}"
            file.error(path, message)
        for index, provider_name in enumerate(waterfall.order):
            if provider_name not in policy.providers:
                file.unknown((*path, "order", index), "provider", provider_name, policy.providers)
    used = {name for waterfall in policy.fields.values() for name in waterfall.order}
    for name, provider in policy.providers.items():
        path = ("providers", name)
        if not is_web_address(provider.base_url):
            file.error((*path, "base_url"), "should be an http or https address")
        if name not in used:
            file.warning(path, f"no field has {name} in its order")
        if provider.price_cents > policy.budget.per_lead_cents:
            message = (
                f"one answer costs more than the {policy.budget.per_lead_cents} cents of a lead's budget"
            )
            file.warning((*path, "price_cents"), message)
        if provider.timeout.seconds > policy.deadline.seconds:
            file.warning((*path, "timeout"), f"longer than the deadline of {policy.deadline}")
