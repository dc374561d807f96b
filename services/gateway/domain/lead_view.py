"""The view of a lead, assembled from the latest event of each stage, and the outcomes of its forms. Pure.

Views and events are JSON objects here, as they were recorded: what a newer version wrote is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

LEAD_RECEIVED: Final = "baton.lead.received.v1"
DEAD_LETTERED: Final = "dead_lettered"
UNDECIDED: Final = ("enriched", "scored")
"""The recorded statuses that a dead letter replaces: the lead was on its way when processing failed."""

_FROM_ENRICHED: Final = ("account", "person", "company", "provenance", "enrichment")
_FROM_ROUTED: Final = ("sla", "brief", "trigger", "policy_versions")

View = dict[str, Any]


def assemble_view(
    row: Mapping[str, Any], stages: Mapping[str, Mapping[str, Any]], outcomes: Sequence[View]
) -> View:
    """Return the view of a lead.

    `row` is that of `lead_views`. `stages` has the data of the latest event of the stages `enriched`,
    `scored`, `routed` and `owned` (a change of owner after the routing), as far as they happened.
    """
    enriched, scored = stages.get("enriched", {}), stages.get("scored", {})
    routed, owned = stages.get("routed", {}), stages.get("owned", {})
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
        "outcomes": list(outcomes),
    }
    view["account"] = row["account"]
    view["trigger"] = (
        view["trigger"] or scored.get("news") or scored.get("trigger") or enriched.get("trigger")
    )
    view["policy_versions"] = view["policy_versions"] or {
        "scored": scored.get("policy_version"),
        "routed": None,
    }
    return view


def view_before_enrichment(lead_id: str, status: str, account: str | None) -> View:
    """Return the view of a lead that has not been enriched: all that its stages would give is null."""
    names = (*_FROM_ENRICHED, "score", "decision", "owner", *_FROM_ROUTED)
    view: View = {"lead_id": lead_id, "status": status, "revision": 0, "sequence": 0}
    return view | dict.fromkeys(names) | {"account": account, "outcomes": []}


def current_sla(recorded: View | None, clock: tuple[datetime | None, datetime | None] | None) -> View | None:
    """Return the owner's clock. `clock` is (accept by, accepted at) as the router has it now.

    The router stops and extends the clock without an event, so its own row is newer than the `recorded`
    one, which counts as long as the router does not know the lead (`clock` is None).
    """
    if clock is None:
        return recorded and {"accept_by": recorded.get("accept_by"), "accepted_at": None}
    accept_by, accepted_at = clock
    return {"accept_by": accept_by, "accepted_at": accepted_at}


def form_outcomes(rows: Sequence[Mapping[str, Any]], lead_id: str) -> dict[str, str]:
    """Return the outcome of each received lead by event id, from the event rows of the lead `lead_id`.

    It is `routed` or `suppressed` by the decision of its revision, or `merged` when a later revision was
    decided before its own could be, or its lead was merged into this one. A form that is not decided yet is
    left out. Rows of merged leads have subjects of their own, with revisions of their own.
    """
    revisions = {
        row["causation_id"]: (row["subject"], row["revision"])
        for row in rows
        if row["type"] == "baton.lead.enriched.v1"
    }
    decided = {
        (row["subject"], row["revision"]): row["type"].split(".")[2]
        for row in rows
        if row["type"] in ("baton.lead.routed.v1", "baton.lead.suppressed.v1")
    }
    outcomes: dict[str, str] = {}
    for row in rows:
        if row["type"] != LEAD_RECEIVED or row["id"] not in revisions:
            continue
        subject, revision = revisions[row["id"]]
        if (subject, revision) in decided:
            outcomes[row["id"]] = decided[subject, revision]
        elif subject != lead_id or any(of == subject and later > revision for of, later in decided):
            outcomes[row["id"]] = "merged"
    return outcomes
