"""Finds the explanation of a lead: the events of a decision, and the policies that scored and routed it."""

from __future__ import annotations

import asyncio

from services.gateway.domain.explain import Explanation, explain
from services.gateway.queries.decisions import find_decision
from services.gateway.queries.lead_view import surviving_lead
from services.gateway.state import GatewayState
from shared.policy.compiled import CompiledPolicy, compiled
from shared.policy.load import PolicyInvalid, load
from shared.policy.versions import stored


async def find_explanation(
    gateway: GatewayState, lead_id: str, decision: str | None = None
) -> Explanation | None:
    """Return why a lead is where it is, None when nothing of it is recorded. The id may be an alias.

    `decision` names a decision by the id or the sequence of its event; without it, it is the latest routing.
    """
    async with gateway.database.read() as tx:
        record = await find_decision(tx, await surviving_lead(tx, lead_id), decision)
    if record is None:
        return None
    routed_version = record.routed_version
    scored_version = record.scored.policy_version if record.scored else routed_version
    routed_by = await compiled_version(gateway, routed_version)
    scored_by = routed_by
    if scored_version != routed_version or routed_by is None:
        scored_by = await compiled_version(gateway, scored_version)
    return explain(record, routed_by, scored_by)


async def compiled_version(gateway: GatewayState, version: str | None) -> CompiledPolicy | None:
    """Return a policy version; None when it is not stored, or this release of Baton cannot read it."""
    if version is None:
        return None
    current = await gateway.policies.start()
    if current.version == version:
        return current
    async with gateway.database.read() as tx:
        found = await stored(tx, version)
    if found is None:
        return None
    try:
        return await asyncio.to_thread(lambda: compiled(load(found.files)))
    except PolicyInvalid:
        return None
