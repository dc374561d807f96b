"""The timeline of a lead: the order of its events, and what became of each form. Pure.

Events are rows of the ledger here: `id`, `type`, `subject`, `at`, `causation_id`, `revision`, `sequence`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from services.gateway.domain.lead_view import DEAD_LETTERED, LEAD_RECEIVED
from shared.lead.events.registry import BY_NAME
from shared.messaging.manifest import LEADS_ENRICHED, LEADS_ROUTED, LEADS_SCORED

_STAGES: Final = {
    topic.name: rank for rank, topic in enumerate((LEADS_ENRICHED, LEADS_SCORED, LEADS_ROUTED), 1)
}
_ENRICHED: Final = "baton.lead.enriched.v1"
_DECIDED: Final = {"baton.lead.routed.v1": "routed", "baton.lead.suppressed.v1": "suppressed"}

RecordedEvent = Mapping[str, Any]


def stage_of(row: RecordedEvent) -> int:
    """Return how far on the path of a lead an event is: 0 for what Baton received, 3 for routing."""
    event_type = BY_NAME.get(row["type"])
    return _STAGES.get(event_type.topic.name, 0) if event_type else 0


def in_order(rows: Sequence[RecordedEvent]) -> list[RecordedEvent]:
    """Return events by time, but none before its cause, and those of one stage of a lead by `sequence`.

    Roles have clocks of their own, and several events of one decision have the same time.
    """
    effective: dict[str, datetime] = {}
    latest: dict[tuple[str, int], datetime] = {}
    place: dict[str, tuple[Any, ...]] = {}
    ranked = [
        (stage_of(row), row["sequence"] or 0, row["at"], row["recorded_at"], row["id"], row) for row in rows
    ]
    ranked.sort(key=lambda entry: entry[:-1])
    for stage, sequence, at, recorded_at, id_, row in ranked:
        lead_stage = (row["subject"], stage)
        not_before = (effective.get(row["causation_id"]), latest.get(lead_stage) if stage else None)
        effective[id_] = latest[lead_stage] = max(at, *(time for time in not_before if time is not None), at)
        place[id_] = (effective[id_], stage, sequence, recorded_at, id_)
    return sorted(rows, key=lambda row: place[row["id"]])


def first_decisions(rows: Sequence[RecordedEvent]) -> dict[tuple[str, int], str | None]:
    """Return the first decision on each revision of each lead, `routed` or `suppressed`.

    It is None as long as an event from before it is not recorded: events of one lead may lie in two
    partitions, and a decision that came before may be among them.
    """
    sequences: dict[str, set[int]] = {}
    decided: dict[tuple[str, int], tuple[int, str]] = {}
    for row in rows:
        if stage_of(row) != _STAGES[LEADS_ROUTED.name] or row["sequence"] is None:
            continue
        sequences.setdefault(row["subject"], set()).add(row["sequence"])
        if row["type"] in _DECIDED:
            key, decision = (row["subject"], row["revision"]), (row["sequence"], _DECIDED[row["type"]])
            decided[key] = min(decision, decided.get(key, decision))
    return {
        (subject, revision): decision if sequences[subject].issuperset(range(1, sequence)) else None
        for (subject, revision), (sequence, decision) in decided.items()
    }


def form_outcomes(
    rows: Sequence[RecordedEvent], lead_id: str, dead_letters: Collection[str] = ()
) -> dict[str, str]:
    """Return the outcome of each received lead by event id, from the event rows of the lead `lead_id`.

    It is the first decision on its revision, `routed` or `suppressed`; no later event changes it. It is
    `merged` when a later revision was decided before its own could be, or that revision of `lead_id` which
    its own lead was merged by, and `dead_lettered` while one of `dead_letters`, which are event ids, keeps it
    from its decision. A form that is not decided yet is left out. Rows of merged leads have subjects and
    revisions of their own.
    """
    enriched = [row for row in rows if row["type"] == _ENRICHED]
    revisions = {row["causation_id"]: (row["subject"], row["revision"]) for row in enriched}
    stuck = {(row["subject"], row["revision"]) for row in rows if stage_of(row) and row["id"] in dead_letters}
    decisions = first_decisions(rows)
    settled = [revision for revision, decision in decisions.items() if decision is not None]
    # What merged a lead is in its data: the first revision that says so counts.
    merged_by = {
        merged: row["revision"]
        for row in sorted(enriched, key=lambda row: -(row["revision"] or 0))
        if row["subject"] == lead_id
        for merged in row.get("data", {}).get("merged", ())
    }
    outcomes: dict[str, str] = {}
    for row in rows:
        if row["type"] != LEAD_RECEIVED:
            continue
        revision = revisions.get(row["id"])
        if (decision := decisions.get(revision) if revision else None) is not None:
            outcomes[row["id"]] = decision
        elif revision in stuck or row["id"] in dead_letters:
            outcomes[row["id"]] = DEAD_LETTERED
        elif revision is not None and revision not in decisions:
            subject, number = revision
            overtaken_from = {subject: number + 1}
            if subject != lead_id:
                overtaken_from[lead_id] = merged_by.get(subject, 0)
            if any(later >= overtaken_from.get(of, later + 1) for of, later in settled):
                outcomes[row["id"]] = "merged"
    return outcomes
