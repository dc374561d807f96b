"""Checks accounts.yaml."""

from __future__ import annotations

from shared.lead.normalise.domains import company_domain, normalise_domain
from shared.policy.models import Accounts
from shared.policy.policy_file import PolicyFile
from shared.rules.findings import quoted

_RELATIONS = ("target", "customer", "competitor", "partner")


def lint_accounts(file: PolicyFile[Accounts]) -> None:
    """Report invalid domains, domains with two relations, and accounts that no lead can have."""
    seen: dict[str, str] = {}
    for index, text in enumerate(file.model.shared_hosts):
        if normalise_domain(text) is None:
            file.error(("shared_hosts", index), f"{quoted(text)} is no domain")
    for relation in _RELATIONS:
        for index, text in enumerate(getattr(file.model, relation)):
            domain = normalise_domain(text)
            if domain is None:
                file.error((relation, index), f"{quoted(text)} is no domain")
            elif seen.setdefault(domain, relation) != relation:
                file.error((relation, index), f"{quoted(text)} is in {seen[domain]} already")
            elif company_domain(domain, file.model.shared) is None:
                message = f"{quoted(text)} gives pages or mailboxes to anybody, so it is no lead's account"
                file.warning((relation, index), message)
