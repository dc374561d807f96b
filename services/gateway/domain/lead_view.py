"""The view of a lead, assembled from the latest event of each stage, and the outcomes of its forms. Pure.

Views and events are JSON objects here, as they were recorded: what a newer version wrote is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from services.ledger.domain.instants import LeadInstants

LEAD_RECEIVED: Final = "baton.lead.received.v1"
DEAD_LETTERED: Final = "dead_lettered"
View = dict[str, Any]

UNDECIDED: Final = ("received", "enriched", "scored")
"""The recorded statuses that a dead letter replaces: the lead was on its way when processing failed."""

_FROM_ENRICHED: Final = ("account", "person", "company", "provenance", "enrichment")
_FROM_ROUTED: Final = ("sla", "policy_versions")
_FROM_BRIEFED: Final = ("brief", "trigger")
_TRIGGER: Final[View] = {"kind": None, "event_id": None, "type": None}
"""All three keys are always there."""


def assemble_view(
    row: Mapping[str, Any], stages: Mapping[str, Mapping[str, Any]], outcomes: Sequence[View]
) -> View:
    """Return the view of a lead.

    `row` is that of `lead_views`. `stages` has the data of the latest event of the stages `enriched`,
    `scored`, `routed`, `owned` (the newest that names the owner) and `briefed` (the newest with a brief), as
    far as they happened. Of the last three, the one with the higher sequence says it. The caller adds who
    joined the owner, and the instants (`clock`).
    """
    enriched, scored = stages.get("enriched", {}), stages.get("scored", {})
    routed, owned = stages.get("routed", {}), stages.get("owned", {})
    # A view that an earlier release wrote last has no newer brief than that of the routing.
    is_newest = row.get("briefed_sequence", 0) >= row["routed_sequence"]
    briefed = stages.get("briefed", routed) if is_newest else routed
    latest = enriched or scored or routed
    view: View = {
        "lead_id": row["lead_id"],
        "status": row["status"],
        "revision": row["revision"],
        "sequence": max(row["routed_sequence"], row["owned_sequence"]),
        **{name: latest.get(name) for name in _FROM_ENRICHED},
        "score": scored.get("score") or routed.get("score"),
        "decision": owned.get("decision") or routed.get("decision"),
        "owner": row["owner"],
        **{name: routed.get(name) for name in _FROM_ROUTED},
        **{name: briefed.get(name) for name in _FROM_BRIEFED},
        "joined": [],
        "clock": LeadInstants(),
        "outcomes": list(outcomes),
    }
    view["account"] = row["account"]
    trigger = view["trigger"] or scored.get("news") or scored.get("trigger") or enriched.get("trigger")
    view["trigger"] = _TRIGGER | (trigger or {"kind": "lead", "event_id": row.get("cause_id")})
    view["policy_versions"] = view["policy_versions"] or {
        "scored": scored.get("policy_version"),
        "routed": None,
    }
    return view


def view_before_enrichment(
    lead_id: str, status: str, account: str | None, event_id: str | None = None
) -> View:
    """Return the view of a lead that has not been enriched: all that its stages would give is null.

    `event_id` is that of its form.
    """
    names = (*_FROM_ENRICHED, "score", "decision", "owner", *_FROM_ROUTED, "brief")
    view: View = {"lead_id": lead_id, "status": status, "revision": 0, "sequence": 0, "joined": []}
    trigger = _TRIGGER | {"kind": "lead", "event_id": event_id}
    given: View = {"account": account, "trigger": trigger, "clock": LeadInstants(), "outcomes": []}
    return view | dict.fromkeys(names) | given


def current_sla(recorded: View | None, clock: tuple[datetime | None, datetime | None] | None) -> View | None:
    """Return the owner's clock. `clock` is (accept by, accepted at) as the router has it now.

    The router stops and extends the clock without an event, so its own row is newer than the `recorded`
    one, which counts as long as the router does not know the lead (`clock` is None).
    """
    if clock is None:
        return recorded and {"accept_by": recorded.get("accept_by"), "accepted_at": None}
    accept_by, accepted_at = clock
    return {"accept_by": accept_by, "accepted_at": accepted_at}
