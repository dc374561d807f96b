"""Checks accounts.yaml."""

from __future__ import annotations

from shared.lead.normalise.domains import normalise_domain
from shared.policy.models import Accounts
from shared.policy.policy_file import PolicyFile
from shared.rules.findings import quoted

_RELATIONS = ("target", "customer", "competitor", "partner")


def lint_accounts(file: PolicyFile[Accounts]) -> None:
    """Report invalid domains, and domains with two relations."""
    seen: dict[str, str] = {}
    for relation in _RELATIONS:
        for index, text in enumerate(getattr(file.model, relation)):
            domain = normalise_domain(text)
            if domain is None:
                file.error((relation, index), f"{quoted(text)} is no domain")
            elif seen.setdefault(domain, relation) != relation:
                file.error((relation, index), f"{quoted(text)} is in {seen[domain]} already")
