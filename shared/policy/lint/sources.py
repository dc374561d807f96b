"""Checks sources.yaml."""

from __future__ import annotations

from shared.lead.fields import ACTIVITY_TYPES
from shared.policy.addresses import is_origin, is_web_address
from shared.policy.form_fields import FORM_FIELDS, is_form_field
from shared.policy.integrations import PLAIN_FORM, PLAIN_SIGNAL, PLAIN_SIGNATURES, KnownIntegrations
from shared.policy.models import ProviderPolicy, SourceConfig, SourcePolicy
from shared.policy.policy_file import PolicyFile
from shared.policy.rule_tables import activity_rules
from shared.rules.findings import Path, did_you_mean, quoted


def lint_sources(file: PolicyFile[SourcePolicy], known: KnownIntegrations | None = None) -> None:
    """Report invalid addresses, labels of unknown fields, and faults of proof and meaning.

    Without the `known` integrations any vendor may be named.
    """
    for name, source in file.model.sources.items():
        path: Path = ("sources", name)
        lint_proof(file, source, path)
        lint_meaning(file, source, path, known)
        kinds = set() if known is None else known.forms | known.signals | {PLAIN_FORM, PLAIN_SIGNAL}
        if kinds and source.kind not in kinds:
            file.unknown((*path, "kind"), "vendor of forms or signals", source.kind, kinds)
        schemes = set() if known is None else known.signing | {*PLAIN_SIGNATURES}
        if schemes and source.signature is not None and source.signature not in schemes:
            file.unknown((*path, "signature"), "signature", source.signature, schemes)
        for index, origin in enumerate(source.origins):
            if origin != "*" and not is_origin(origin):
                message = f"{quoted(origin)} is no origin; it is * or such as https://www.example.com"
                file.error((*path, "origins", index), message)
        for index, redirect in enumerate(source.redirects):
            if not is_web_address(redirect):
                file.error((*path, "redirects", index), f"{quoted(redirect)} is no http or https address")
        for label, field in source.map.items():
            if not is_form_field(field):
                file.unknown((*path, "map", label), "field of forms", field, FORM_FIELDS)


def lint_polls(
    file: PolicyFile[SourcePolicy],
    providers: ProviderPolicy | None,
    known: KnownIntegrations | None,
) -> None:
    """Report sources that ask a vendor who is not asked, or whom no provider of the policy reaches.

    A source whose vendor only names leads is warned of while no provider can fetch them: they wait.
    """
    integrations = {} if providers is None else providers.providers
    configured = frozenset(provider.integration for provider in integrations.values())
    for name, source in file.model.sources.items():
        fetched = frozenset() if known is None else known.fetched.get(source.kind, frozenset())
        for missing in sorted(fetched - configured if providers is not None else ()):
            message = f"its leads are fetched by the integration {missing}, which providers.yaml has not"
            file.warning(("sources", name, "kind"), message)
        path: Path = ("sources", name, "poll")
        if source.poll is None:
            continue
        if source.public:
            file.error(path, "a public source asks no vendor: anybody may post to it")
        accounts = source.poll.accounts
        if accounts is not None and bool(accounts.list) == (accounts.relation is not None):
            file.error((*path, "accounts"), "should have either relation or list")
        if known is None:
            continue
        integration = known.polled.get(source.kind)
        if integration is None:
            file.error(
                path, f"{source.kind} is not asked: {', '.join(sorted(known.polled)) or 'nobody'} can be"
            )
        elif providers is not None and integration not in configured:
            message = f"asks the provider with integration: {integration}, which providers.yaml has not"
            file.error(path, message)


def lint_proof(file: PolicyFile[SourcePolicy], source: SourceConfig, path: Path) -> None:
    """Report a secret that is missing or useless, and a trust that nothing proves."""
    if source.public and source.signature is not None:
        file.error((*path, "signature"), "a public source has no signature")
    elif source.public and source.secret_env:
        file.error((*path, "secret_env"), "a public source has no secret")
    elif not source.public and not source.secret_env and source.poll is None:
        file.error(path, "a source that is not public needs a secret: secret_env is missing")
    if source.public and source.trusted_as != "public":
        file.warning((*path, "trust"), f"anybody may post here, and is trusted as {source.trusted_as}")
    if source.captcha is not None and not source.captcha.secret_env:
        file.error((*path, "captcha", "secret_env"), "a captcha needs a secret: secret_env is empty")
    if source.captcha is not None and source.captcha.url and not is_web_address(source.captcha.url):
        message = f"{quoted(source.captcha.url)} is no http or https address"
        file.error((*path, "captcha", "url"), message)


def lint_meaning(
    file: PolicyFile[SourcePolicy], source: SourceConfig, path: Path, known: KnownIntegrations | None
) -> None:
    """Report faults of the activities, and settings of forms in a source of signals."""
    if source.kind == PLAIN_SIGNAL or (known is not None and source.kind in known.signals - known.forms):
        for key, value in (("activities", source.activities), ("honeypot", source.honeypot)):
            if value:
                file.error((*path, key), f"a source of signals has no {key}: they are for forms")
        if source.captcha is not None:
            file.error((*path, "captcha"), "a source of signals has no captcha: it is for forms")
    for index, activity in enumerate(source.activities):
        file.condition(activity.when, (*path, "activities", index, "when"))
        if activity.type not in ACTIVITY_TYPES:
            message = f"no activity is known as {quoted(activity.type)}"
            meant = did_you_mean(activity.type, ACTIVITY_TYPES)
            file.warning((*path, "activities", index, "type"), f"{message}{meant}")
    file.table(activity_rules(source.activities), (*path, "activities"))
