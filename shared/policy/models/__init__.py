"""The policy as values: a module for each file of the policy directory, and `Policy` for all of them.

The models define names, types, bounds and defaults; `shared.policy.schema` generates the JSON Schemas from
them. `shared.policy.lint` checks what has to hold between several values, such as that a rule names an
existing queue.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.policy.models.accounts import Accounts
from shared.policy.models.icp import Criterion, Disqualifier, Icp, Level, Market, Segment
from shared.policy.models.policy_model import PolicyModel
from shared.policy.models.providers import Budget, Discovery, Provider, ProviderPolicy, Waterfall
from shared.policy.models.routing import (
    KEEP,
    Destination,
    HandOff,
    LadderEffect,
    LadderStep,
    Queue,
    RejectEffect,
    RejectRule,
    Routing,
    RoutingRule,
    SuppressionRule,
    Territory,
)
from shared.policy.models.scoring import (
    AccountScoring,
    Band,
    FitGrades,
    Grades,
    IntentGrades,
    IntentRule,
    IntentScoring,
    Scoring,
    SignalRule,
    Spike,
    Total,
)
from shared.policy.models.sources import (
    Captcha,
    CaptchaProvider,
    FormActivity,
    OptOutEffect,
    PollAccounts,
    Signature,
    SourceConfig,
    SourceDefaults,
    SourceKind,
    SourceLimits,
    SourcePolicy,
    SourcePoll,
)
from shared.policy.models.team import Absence, Calendar, Cap, Manager, Ramp, Rep, SalesQuota, Team

__all__ = [
    "FILES",
    "KEEP",
    "Absence",
    "AccountScoring",
    "Accounts",
    "Band",
    "Budget",
    "Calendar",
    "Cap",
    "Captcha",
    "CaptchaProvider",
    "Criterion",
    "Destination",
    "Discovery",
    "Disqualifier",
    "FitGrades",
    "FormActivity",
    "Grades",
    "HandOff",
    "Icp",
    "IntentGrades",
    "IntentRule",
    "IntentScoring",
    "LadderEffect",
    "LadderStep",
    "Level",
    "Manager",
    "Market",
    "OptOutEffect",
    "Policy",
    "PolicyModel",
    "PollAccounts",
    "Provider",
    "ProviderPolicy",
    "Queue",
    "Ramp",
    "RejectEffect",
    "RejectRule",
    "Rep",
    "Routing",
    "RoutingRule",
    "SalesQuota",
    "Scoring",
    "Segment",
    "SignalRule",
    "Signature",
    "SourceConfig",
    "SourceDefaults",
    "SourceKind",
    "SourceLimits",
    "SourcePolicy",
    "SourcePoll",
    "Spike",
    "SuppressionRule",
    "Team",
    "Territory",
    "Total",
    "Waterfall",
]


class Policy(PolicyModel):
    """All seven policy files, validated. Immutable."""

    icp: Icp
    scoring: Scoring
    routing: Routing
    team: Team
    accounts: Accounts
    providers: ProviderPolicy
    sources: SourcePolicy


FILES: Final[Mapping[str, type[PolicyModel]]] = {
    "icp.yaml": Icp,
    "scoring.yaml": Scoring,
    "routing.yaml": Routing,
    "team.yaml": Team,
    "accounts.yaml": Accounts,
    "providers.yaml": ProviderPolicy,
    "sources.yaml": SourcePolicy,
}
"""Maps each file name of a policy directory to the model that validates it."""
