"""Routing policies for tests: that of the default policy, and variations of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from services.router.policy import RoutingPolicy, routing_policy_of
from shared.policy.compiled import CompiledPolicy, compiled
from shared.policy.load import load
from shared.policy.models import Policy, Queue, Rep, Team
from shared.policy.versions import PolicyWatch
from shared.rules.times import parse_duration
from shared.storage.database import Database


@cache
def default_policy() -> Policy:
    """The policy of the repository's `config`."""
    return load(Path("config"))


class StandingPolicy(PolicyWatch):
    """A policy watch whose active policy the test sets."""

    def __init__(self, database: Database, policy: CompiledPolicy | None = None) -> None:
        super().__init__(database)
        self.policy = policy or default_routing_policy().compiled

    def active(self) -> CompiledPolicy:
        return self.policy


@cache
def default_routing_policy() -> RoutingPolicy:
    """The routing policy of the repository's `config`."""
    return routing_policy_of(compiled(default_policy()))


def rep(id_: str, *queues: str, **given: Any) -> Rep:
    """A rep of some queues, by default of the SDRs; `given` may lie outside of the bounds of policy files."""
    return Rep(id=id_, name=id_.title(), queues=queues or ("sdr",)).model_copy(update=given)


def queue(accept_within: str, **given: Any) -> Queue:
    """A queue whose owners have `accept_within` to accept a lead."""
    return Queue(accept_within=parse_duration(accept_within), **given)


def routing_policy_with(
    reps: Sequence[Rep] | None = None,
    queues: Mapping[str, Queue] | None = None,
    *,
    team: Team | None = None,
    **routing: Any,
) -> RoutingPolicy:
    """The default routing policy with other reps or another team, other queues, or other parts of the routing."""
    policy = default_policy()
    given = {**({} if queues is None else {"queues": queues}), **routing}
    changed: dict[str, Any] = {"routing": policy.routing.model_copy(update=given)}
    if reps is not None:
        team = Team(reps=tuple(reps))
    if team is not None:
        changed["team"] = team
    return routing_policy_of(compiled(policy.model_copy(update=changed)))
