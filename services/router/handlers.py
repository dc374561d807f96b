"""The router's event handler: dispatches each event to the decision in `domain`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.router.domain.dispatch import dispatch
from services.router.domain.lifecycle import erase, strike_out
from services.router.domain.ownership import ROLE
from services.router.domain.ownership_changes import DecisionContext
from services.router.domain.state import RoutedLeadRow
from services.router.policy import RoutingPolicy
from shared.lead.events.envelope import Event
from shared.policy.per_version import PerVersion
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap
from shared.worker.decision import Step
from shared.worker.erasure import Erasure, Redaction
from shared.worker.handler import Handler


class RouterHandler(Handler):
    """Decides queue and owner of leads by one version of the policy."""

    role = ROLE
    claimed = frozenset({"baton.action.received.v1", "baton.outcome.received.v1"})

    def __init__(self, policy: RoutingPolicy) -> None:
        self._policy = policy

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        return event

    def decide(self, world: IdentityMap, event: Event[Any], at: datetime) -> Step:
        return dispatch(world, self._policy, event, at)

    def redact(self, rows: IdentityMap, erasure: Erasure, at: datetime) -> Redaction:
        changes, context = ChangeSet(rows), DecisionContext(self._policy, at, erasure.event.cause)
        for lead_id in erasure.lead_ids:
            erase(changes, context, lead_id, erasure.pseudonym(lead_id))
        accounts, own = set(erasure.event.data.accounts), {*erasure.lead_ids, *erasure.spared}
        leads = rows.all(RoutedLeadRow)
        colleagues = [row for row in leads if row.account in accounts and row.lead_id not in own]
        strike_out(changes, colleagues, erasure.mentions)
        return Redaction(changes.changes, changes.emits)


class LiveRouterHandler(RouterHandler):
    """Decides each unit of work by the policy version that is active when the unit begins."""

    def __init__(self, policies: PerVersion[RoutingPolicy]) -> None:
        super().__init__(policies.current)
        self._policies = policies

    def for_unit(self) -> RouterHandler:
        return RouterHandler(self._policies.current)
