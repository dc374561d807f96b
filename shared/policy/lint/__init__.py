"""Checks what has to hold between the values of a policy: within a file, and between files.

`lint_files` adds its findings to the reports of the files. An error keeps the policy from being applied, a
warning does not. A file whose form is wrong is left out, and so are the checks of other files against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.policy.integrations import KnownIntegrations
from shared.policy.lint.accounts import lint_accounts
from shared.policy.lint.answers import lint_answers
from shared.policy.lint.icp import lint_icp
from shared.policy.lint.providers import lint_providers
from shared.policy.lint.routing import lint_routing
from shared.policy.lint.scoring import lint_scoring
from shared.policy.lint.sources import lint_polls, lint_sources
from shared.policy.lint.team import lint_team
from shared.policy.models import Accounts, Icp, ProviderPolicy, Routing, Scoring, SourcePolicy, Team
from shared.policy.policy_file import PolicyFile


def lint_files(files: Mapping[str, PolicyFile[Any]], known: KnownIntegrations | None = None) -> None:
    """Check every file, by file name, each with the others that it refers to.

    Without the `known` integrations, what the files say of integrations is not checked.
    """
    icp: PolicyFile[Icp] | None = files.get("icp.yaml")
    scoring: PolicyFile[Scoring] | None = files.get("scoring.yaml")
    routing: PolicyFile[Routing] | None = files.get("routing.yaml")
    team: PolicyFile[Team] | None = files.get("team.yaml")
    accounts: PolicyFile[Accounts] | None = files.get("accounts.yaml")
    providers: PolicyFile[ProviderPolicy] | None = files.get("providers.yaml")
    sources: PolicyFile[SourcePolicy] | None = files.get("sources.yaml")
    if icp is not None:
        lint_icp(icp)
    if scoring is not None:
        lint_scoring(scoring, icp.model if icp else None)
    if routing is not None:
        lint_routing(routing, icp.model if icp else None)
    if team is not None:
        lint_team(team, routing.model if routing else None)
    if accounts is not None:
        lint_accounts(accounts)
    if providers is not None:
        lint_providers(providers, known, sources.model if sources else None)
    if sources is not None:
        lint_sources(sources, known)
        lint_polls(sources, providers.model if providers else None, known)
        lint_answers([file for file in (icp, scoring, routing) if file is not None], sources.model)
