"""What an editor of policy files completes: fields, operators, joins, keys, and the names in a policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from msgspec import Struct

from shared.lead.fields import ACTIVITY_TYPES, SIGNAL_TYPES, Kind, Known, Scope, all_fields
from shared.policy.integrations import KnownIntegrations
from shared.policy.models import FILES, KEEP, Policy
from shared.policy.schema import schema_of
from shared.rules.describe import label_of
from shared.rules.operators import OPERATORS, operators_of

_SCOPES: Final[Mapping[str, Known]] = {
    "icp.yaml": Scope.MARKETS | Scope.FIT,
    "scoring.yaml": Scope.INTENT | Scope.SIGNALS | Scope.ACCOUNTS | Scope.BANDS,
    "routing.yaml": Scope.ROUTING,
    "providers.yaml": Scope.DISCOVERY,
    "sources.yaml": Scope.FORMS,
}
"""The files with conditions, and what at least one of them may ask for there."""
_JOINS: Final = {
    "all": "every condition of the list",
    "any": "at least one condition of the list",
    "not": "the opposite of a condition",
    "use": "a condition with a name, of the same file",
}


class FieldWord(Struct, frozen=True):
    """A field of conditions; a name that ends in `.*` stands for many. `words` are its usual values.

    `files` are those whose conditions may ask for it. `default` is its value where it is not known.
    """

    name: str
    label: str
    type: str
    words: list[str]
    operators: list[str]
    files: list[str]
    default: Any = None


class OperatorWord(Struct, frozen=True):
    """An operator, and the JSON Schema of the value that it takes."""

    name: str
    value: Mapping[str, Any]


class FunctionWord(Struct, frozen=True):
    """What makes a condition of others, and what of."""

    name: str
    description: str


class PolicyWords(Struct, frozen=True):
    """`keys` are the keys of each file, `names` the names in the policy in force and of what is installed.

    The kinds of names are those of their keys: `queues`, `reps`, `conditions`, `integrations` …
    """

    fields: list[FieldWord]
    operators: list[OperatorWord]
    functions: list[FunctionWord]
    keys: Mapping[str, list[str]]
    names: Mapping[str, list[str]]


def policy_words(policy: Policy, known: KnownIntegrations) -> PolicyWords:
    """Return the words of the language, with the names in a policy and those of the installed vendors."""
    return PolicyWords(*_language(), names_in(policy, known))


def names_in(policy: Policy, known: KnownIntegrations) -> dict[str, list[str]]:
    """Return the names that parts of a policy refer to, by what they name, each list in order."""
    routing, team = policy.routing, policy.team
    names: dict[str, Any] = {
        "activities": ACTIVITY_TYPES,
        "conditions": {*policy.icp.conditions, *policy.scoring.conditions, *routing.conditions},
        "integrations": {*known.providers, *known.forms, *known.signals},
        "managers": (manager.id for manager in team.managers),
        "markets": (market.name for market in policy.icp.markets),
        "providers": policy.providers.providers,
        "queues": {*routing.queues, KEEP},
        "reps": (rep.id for rep in team.reps),
        "rules": (rule.name for rule in routing.rules),
        "segments": (segment.name for segment in policy.icp.segments),
        "signals": SIGNAL_TYPES,
        "sources": policy.sources.sources,
        "suppressions": (suppression.reason for suppression in routing.suppress),
    }
    return {kind: sorted(set(found)) for kind, found in names.items()}


@cache
def _language() -> tuple[list[FieldWord], list[OperatorWord], list[FunctionWord], dict[str, list[str]]]:
    fields = [
        FieldWord(
            name=field.name,
            label=label_of(field.name.removesuffix(".*")),
            type=field.kind.value,
            words=["true", "false"] if field.kind is Kind.BOOLEAN else [*map(str, field.words)],
            operators=[op.value for op in operators_of(field.kind)],
            files=[file for file, scope in _SCOPES.items() if field.known & scope],
            default=field.default,
        )
        for field in all_fields()
    ]
    operators = [OperatorWord(op.value, operator.value.schema) for op, operator in OPERATORS.items()]
    functions = [FunctionWord(name, description) for name, description in _JOINS.items()]
    keys = {file: sorted({*_keys_in(schema_of(file))} - _OF_CONDITIONS) for file in FILES}
    return fields, operators, functions, keys


_OF_CONDITIONS: Final = frozenset({"field", *_JOINS, *(op.value for op in OPERATORS)})


def _keys_in(schema: Any) -> Iterator[str]:
    """Yield the keys of all mappings that a JSON Schema describes."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
    if isinstance(schema, dict | list):
        for part in schema.values() if isinstance(schema, dict) else schema:
            yield from _keys_in(part)
