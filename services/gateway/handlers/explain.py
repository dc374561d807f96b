"""Why a lead is where it is."""

from __future__ import annotations

import asyncio

from services.gateway.domain.explain import Record, Told, explain
from services.gateway.handlers.exchange import Answer, Call, json_answer
from services.gateway.handlers.leads import lead_id_of, not_yet_known
from services.gateway.queries.decisions import Behind, behind_decision
from services.gateway.queries.leads import surviving_lead
from shared.policy.compiled import CompiledPolicy, compiled
from shared.policy.load import PolicyInvalid, load
from shared.policy.versions import active, stored


async def get_explanation(call: Call) -> Answer:
    """Answer with the explanation of a lead's latest decision."""
    async with call.gateway.database.read() as tx:
        lead_id = await surviving_lead(tx, lead_id_of(call))
        behind = await behind_decision(tx, lead_id)
    if behind is None:
        raise not_yet_known()
    routed_by = await _policy(call, behind.routed.policy_versions.routed) if behind.routed else None
    scored_by = routed_by
    if behind.scored and (routed_by is None or routed_by.version != behind.scored.policy_version):
        scored_by = await _policy(call, behind.scored.policy_version)
    return json_answer(200, explain(_record(lead_id, behind), routed_by, scored_by))


def _record(lead_id: str, behind: Behind) -> Record:
    return Record(
        lead_id=lead_id,
        enriched=behind.enriched,
        scored=behind.scored,
        routed=behind.routed,
        routed_id=behind.routed_id,
        changes=[Told(each.id, each.type, data) for each, data in behind.changes],
    )


async def _policy(call: Call, version: str) -> CompiledPolicy | None:
    """Return a version of the policy; None when it is not stored, or is of a Baton too old or too new."""
    async with call.gateway.database.read() as tx:
        present, wanted = await active(tx), await stored(tx, version)
    if wanted is None:
        return None
    if present is not None and present.version == version:
        return await call.gateway.policies.start()
    try:
        return await asyncio.to_thread(lambda: compiled(load(wanted.files)))
    except PolicyInvalid:
        return None
