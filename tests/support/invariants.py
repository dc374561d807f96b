"""What must hold of Baton's tables once everything that was accepted has been dealt with.

`Facts` is what the tables, the stream and a webhook endpoint say at one moment; every rule is a pure
function of it that yields what is wrong, in words. `settled` waits until nothing is.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import Table, select

from services.enricher.tables import leads
from services.gateway.domain.timeline import form_outcomes
from services.ledger.tables import dead_letters, events, lead_views
from services.router.tables import assignments, deliveries, rep_queues, routed_leads
from services.scorer.tables import rescores, scores
from shared.lead.events.registry import BY_NAME
from shared.messaging.manifest import LEADS_ROUTED
from shared.storage.database import Database, Tx
from shared.worker.tables import outbox, timers
from shared.worker.timers import LEASE
from tests.support.progress import unread
from tests.support.receiver import Receiver
from tests.support.topology import Topology

Row = Mapping[str, Any]

_READ: Mapping[Table, tuple[str, ...]] = {
    events: ("id", "type", "subject", "causation_id", "revision", "sequence"),
    lead_views: ("lead_id", "owner", "revision", "status"),
    leads: ("lead_id", "revision", "sequence"),
    scores: ("lead_id", "revision", "sequence"),
    rescores: ("account",),
    routed_leads: ("lead_id", "revision", "sequence"),
    assignments: ("id", "lead_id", "queue", "rep", "opened_at", "closed_at", "joined", "credited_back"),
    rep_queues: ("queue", "rep", "credits", "balance", "open_leads"),
    deliveries: ("event_id", "state"),
    dead_letters: ("topic", "kind", "message", "replayed_at"),
    outbox: ("role", "topic", "size"),
    timers: ("role", "kind", "subject", "due_at", "leased_until"),
}
_STAGES = {"baton.lead.enriched.v1": "enriched", "baton.lead.scored.v1": "scored"}
_OVERDUE = timedelta(seconds=5)
_SHOWN_MAX = 8
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Facts:
    """`accepted`: lead id by event id. `delivered`: event types by webhook id, None without an endpoint."""

    accepted: Mapping[str, str]
    rows: Mapping[Table, list[Row]]
    delivered: Mapping[str, set[str]] | None
    unread: Mapping[str, int]
    now: datetime

    def of(self, table: Table) -> list[Row]:
        return self.rows[table]


Rule = Callable[[Facts], Iterable[str]]


def one_outcome(facts: Facts) -> Iterator[str]:
    """Every accepted event is recorded once, makes one revision of one lead, and has one outcome."""
    recorded = Counter(row["id"] for row in facts.of(events))
    made: dict[str, set[tuple[str, int]]] = defaultdict(set)
    of_lead: dict[str, list[Row]] = defaultdict(list)
    by_id = {row["id"]: row for row in facts.of(events)}
    for row in facts.of(events):
        of_lead[row["subject"]].append(row)
        if _STAGES.get(row["type"]) == "enriched" and row["causation_id"] in facts.accepted:
            made[row["causation_id"]].add((row["subject"], row["revision"]))
            cause = by_id.get(row["causation_id"])
            if cause is not None and cause["subject"] != row["subject"]:
                of_lead[row["subject"]].append(cause)
    outcomes: dict[str, str] = {}
    for lead_id, rows in of_lead.items():
        outcomes |= form_outcomes(rows, lead_id)
    for event_id in facts.accepted:
        if recorded[event_id] != 1 or len(made[event_id]) != 1 or event_id not in outcomes:
            yield (
                f"{event_id}: recorded {recorded[event_id]} times, revisions {sorted(made[event_id])},"
                f" outcome {outcomes.get(event_id)}"
            )


def one_cause(facts: Facts) -> Iterator[str]:
    """A revision of a lead comes of one form alone."""
    causes: dict[tuple[str, int], set[str]] = defaultdict(set)
    for row in facts.of(events):
        if row["causation_id"] in facts.accepted and _STAGES.get(row["type"]) == "enriched":
            causes[row["subject"], row["revision"]].add(row["causation_id"])
    for revision, found in causes.items():
        if len(found) > 1:
            yield f"revision {revision} comes of {sorted(found)}"


def one_owner(facts: Facts) -> Iterator[str]:
    """A lead never has two owners at a time, and its view names the one it has."""
    turns = [row for row in facts.of(assignments) if not row["joined"]]
    yield from _overlapping(turns)
    owners: dict[str, list[str]] = defaultdict(list)
    for row in turns:
        if row["closed_at"] is None:
            owners[row["lead_id"]].append(row["rep"])
    for view in facts.of(lead_views):
        owner = owners.get(view["lead_id"], [None])
        if view["owner"] not in owner:
            yield f"lead {view['lead_id']} is owned by {owner}, its view says {view['owner']}"


def _overlapping(rows: list[Row]) -> Iterator[str]:
    held: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["opened_at"], row["closed_at"] or _NEVER)):
        held[row["lead_id"]].append(row)
    for lead_id, turns in held.items():
        for one, next_one in pairwise(turns):
            if one["closed_at"] is None or one["closed_at"] > next_one["opened_at"]:
                yield f"lead {lead_id} was owned by {one['rep']} and {next_one['rep']} at a time"


def one_credit(facts: Facts) -> Iterator[str]:
    """Credits and open leads of each rep in each queue are what the assignments add up to.

    A credit that a rejection gave back does not count.
    """
    given: Counter[tuple[str, str]] = Counter()
    held: Counter[tuple[str, str]] = Counter()
    for row in facts.of(assignments):
        given[row["queue"], row["rep"]] += not row["credited_back"]
        held[row["queue"], row["rep"]] += row["closed_at"] is None
    for row in facts.of(rep_queues):
        place = (row["queue"], row["rep"])
        if (row["credits"], row["open_leads"]) != (given[place], held[place]):
            yield (
                f"{place} has {row['credits']} credits and {row['open_leads']} open leads,"
                f" but {given[place]} assignments of which {held[place]} are open"
            )
    total = sum(row["credits"] for row in facts.of(rep_queues))
    if total != given.total():
        yield f"{total} credits for {given.total()} assignments"


def balanced(facts: Facts) -> Iterator[str]:
    """What the reps of a queue are owed adds up to nothing."""
    balances: Counter[str] = Counter()
    for row in facts.of(rep_queues):
        balances[row["queue"]] += row["balance"]
    yield from (f"the balances of {queue} add up to {total}" for queue, total in balances.items() if total)


def gapless(facts: Facts) -> Iterator[str]:
    """Each stage counts what it says of a lead from 1 on, without a gap, as far as its own table says."""
    told: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in facts.of(events):
        if row["sequence"] is not None:
            told[_STAGES.get(row["type"], "routed"), row["subject"]].append(row["sequence"])
    for (stage, lead_id), sequences in told.items():
        if sorted(sequences) != list(range(1, len(sequences) + 1)):
            yield f"lead {lead_id} was {stage} with sequences {sorted(sequences)}"
    for stage, table in (("enriched", leads), ("scored", scores), ("routed", routed_leads)):
        for row in facts.of(table):
            last = max(told[stage, row["lead_id"]], default=0)
            if row["sequence"] != last:
                yield f"lead {row['lead_id']} is {stage} up to {row['sequence']}, recorded is {last}"


def through(facts: Facts) -> Iterator[str]:
    """The last revision of each lead has come through every stage."""
    last = {row["lead_id"]: row["revision"] for row in facts.of(leads) if row["revision"]}
    for table in (scores, routed_leads, lead_views):
        seen = {row["lead_id"]: row["revision"] for row in facts.of(table)}
        for lead_id, revision in last.items():
            if seen.get(lead_id) != revision:
                yield f"lead {lead_id}: revision {revision}, {table.name} has {seen.get(lead_id)}"


def delivered_once(facts: Facts) -> Iterator[str]:
    """What an endpoint of `lead.*` was sent is what was said of leads: the same ids, each for one event."""
    if facts.delivered is None:
        return
    said = {
        row["id"]: BY_NAME[row["type"]].short
        for row in facts.of(events)
        if BY_NAME[row["type"]].topic is LEADS_ROUTED and row["type"].startswith("baton.lead.")
    }
    for id_ in said.keys() - facts.delivered.keys():
        yield f"{said[id_]} {id_} was not delivered"
    for id_, types in facts.delivered.items():
        if types != {said.get(id_)}:
            yield f"webhook {id_} was {types}, the event is {said.get(id_)}"
    yield from (
        f"the delivery of {row['event_id']} is {row['state']}"
        for row in facts.of(deliveries)
        if row["state"] != "delivered"
    )


def nothing_waits(facts: Facts) -> Iterator[str]:
    """Outboxes are empty, no timer is overdue or leased for ever, no re-score or record is left."""
    yield from (
        f"{row['size']} records to {row['topic']} wait in {row['role']}'s outbox" for row in facts.of(outbox)
    )
    yield from (f"account {row['account']} is still being re-scored" for row in facts.of(rescores))
    yield from (f"{count} records of {place} are unread" for place, count in facts.unread.items())
    for row in facts.of(timers):
        if row["due_at"] < facts.now - _OVERDUE:
            yield f"timer {row['role']} {row['kind']} {row['subject']} is overdue since {row['due_at']}"
        if row["leased_until"] is not None and row["leased_until"] > facts.now + LEASE:
            yield f"timer {row['role']} {row['kind']} {row['subject']} is leased until {row['leased_until']}"


def nothing_set_aside(facts: Facts) -> Iterator[str]:
    """No good record was dead-lettered."""
    yield from (f"dead letter: {dict(row)}" for row in facts.of(dead_letters) if row["replayed_at"] is None)


RULES: tuple[Rule, ...] = (
    one_outcome,
    one_cause,
    one_owner,
    one_credit,
    balanced,
    gapless,
    through,
    delivered_once,
    nothing_waits,
    nothing_set_aside,
)


def violations(facts: Facts, rules: Iterable[Rule] = RULES) -> list[str]:
    """Return what is wrong, each with the rule that says so."""
    return [f"{rule.__name__}: {problem}" for rule in rules for problem in rule(facts)]


def settled(
    topology: Topology,
    accepted: Mapping[str, str],
    receiver: Receiver | None,
    *,
    within_s: float = 900,
    rules: Iterable[Rule] = RULES,
) -> Facts:
    """Wait until no rule is broken; fail with what is wrong when that takes too long."""
    deadline = time.monotonic() + within_s
    while True:
        facts = asyncio.run(_facts(topology, accepted, receiver))
        wrong = violations(facts, rules)
        if not wrong:
            return facts
        if time.monotonic() > deadline:
            raise AssertionError(f"after {within_s} s {_summary(wrong)}\n{topology.log_tails()}")
        time.sleep(0.5)


def _summary(wrong: list[str]) -> str:
    """Say how often each rule is broken, with a few cases of each."""
    by_rule: dict[str, list[str]] = defaultdict(list)
    for violation in wrong:
        by_rule[violation.split(":")[0]].append(violation)
    lines = [line for cases in by_rule.values() for line in (f"{len(cases)} cases of", *cases[:_SHOWN_MAX])]
    return "\n".join(lines)


async def _facts(topology: Topology, accepted: Mapping[str, str], receiver: Receiver | None) -> Facts:
    # The stream first: what is read by then has been committed to the tables.
    left = await unread(topology)
    database = Database(topology.database_url)
    try:
        async with database.read() as tx:
            rows = {table: await _rows(tx, table, names) for table, names in _READ.items()}
    finally:
        await database.close()
    return Facts(dict(accepted), rows, _delivered(receiver), left, datetime.now(UTC))


async def _rows(tx: Tx, table: Table, names: tuple[str, ...]) -> list[Row]:
    found = await tx.execute(select(*(table.c[name] for name in names)))
    return [dict(row) for row in found.mappings()]


def _delivered(receiver: Receiver | None) -> Mapping[str, set[str]] | None:
    if receiver is None:
        return None
    assert not receiver.invalid, receiver.invalid
    types: dict[str, set[str]] = defaultdict(set)
    for delivery in list(receiver.deliveries):
        types[delivery.webhook_id].add(delivery.type)
    return types
