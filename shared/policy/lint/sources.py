"""Checks sources.yaml."""

from __future__ import annotations

from shared.policy.addresses import is_origin, is_web_address
from shared.policy.form_fields import FORM_FIELDS, is_form_field
from shared.policy.models import SourcePolicy
from shared.policy.policy_file import PolicyFile
from shared.rules.findings import Path, quoted


def lint_sources(file: PolicyFile[SourcePolicy]) -> None:
    """Report invalid addresses, labels of unknown fields, and sources without or with a needless secret."""
    for name, source in file.model.sources.items():
        path: Path = ("sources", name)
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
        if source.public and source.signature is not None:
            file.error((*path, "signature"), "a public source has no signature")
        elif source.public and source.secret_env:
            file.error((*path, "secret_env"), "a public source has no secret")
        elif not source.public and not source.secret_env:
            file.error(path, "a source that is not public needs a secret: secret_env is missing")
