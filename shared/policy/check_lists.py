"""Checks accounts.yaml, providers.yaml and sources.yaml for what has to hold between their values."""

from __future__ import annotations

from shared.lead.fields import all_fields, field_named
from shared.lead.normalise.domains import normalise_domain
from shared.policy.addresses import is_origin, is_web_address
from shared.policy.form_fields import FORM_FIELDS, is_form_field
from shared.policy.models import Accounts, Providers, Source, Sources
from shared.policy.policy_file import File
from shared.rules.findings import Path, did_you_mean, quoted

_RELATIONS = ("target", "customer", "competitor", "partner")


def check_accounts(file: File[Accounts]) -> None:
    """Report what is no domain, and domains with two relations."""
    seen: dict[str, str] = {}
    for relation in _RELATIONS:
        for at, text in enumerate(getattr(file.model, relation)):
            domain = normalise_domain(text)
            if domain is None:
                file.error((relation, at), f"{quoted(text)} is no domain")
            elif seen.setdefault(domain, relation) != relation:
                file.error((relation, at), f"{quoted(text)} is under {seen[domain]} already")


def check_providers(file: File[Providers]) -> None:
    """Report faults of the waterfall and of each provider."""
    model = file.model
    for name, waterfall in model.fields.items():
        path: Path = ("fields", name)
        field = field_named(name)
        bought = [each.name for each in all_fields() if each.bought]
        if field is None or not field.bought:
            message = f"{quoted(name)} is no field that a provider can give{did_you_mean(name, bought)}"
            file.error(path, message)
        for at, asked in enumerate(waterfall.order):
            if asked not in model.providers:
                file.unknown((*path, "order", at), "provider", asked, model.providers)
    needed = {name for waterfall in model.fields.values() for name in waterfall.order}
    for name, provider in model.providers.items():
        path = ("providers", name)
        if not is_web_address(provider.base_url):
            file.error((*path, "base_url"), "should be an http or https address")
        if name not in needed:
            file.warning(path, f"no field is asked of {name}")
        if provider.price_cents > model.budget.per_lead_cents:
            message = f"one answer costs more than the {model.budget.per_lead_cents} cents of a lead's budget"
            file.warning((*path, "price_cents"), message)
        if provider.timeout.seconds > model.deadline.seconds:
            file.warning((*path, "timeout"), f"longer than the deadline of {model.deadline}")


def check_sources(file: File[Sources]) -> None:
    """Report addresses that are none, labels that mean no field, and sources that anybody could speak for."""
    for name, source in file.model.sources.items():
        path: Path = ("sources", name)
        for at, origin in enumerate(source.origins):
            if origin != "*" and not is_origin(origin):
                message = f"{quoted(origin)} is no origin; it is * or such as https://www.example.com"
                file.error((*path, "origins", at), message)
        for at, redirect in enumerate(source.redirects):
            if not is_web_address(redirect):
                file.error((*path, "redirects", at), f"{quoted(redirect)} is no http or https address")
        for label, field in source.map.items():
            if not is_form_field(field):
                file.unknown((*path, "map", label), "field of forms", field, FORM_FIELDS)
        _check_secret(file, source, path)


def _check_secret(file: File[Sources], source: Source, path: Path) -> None:
    if source.public and source.signature is not None:
        file.error((*path, "signature"), "a source that is public is not asked for a signature")
    elif source.public and source.secret_env:
        file.error((*path, "secret_env"), "a source that is public is not asked for a secret")
    elif not source.public and not source.secret_env:
        file.error(path, "a source that is not public needs a secret: secret_env is missing")
