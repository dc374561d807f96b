"""Every topic of Baton: its writers, its readers and the size of its records. Keys and ids: `docs/events.md`.

The adapters, the roles, the AsyncAPI document and the tests all read this list.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024
RECORD_BYTES_MAX = MIB
"""The largest record that Baton writes or processes; larger ones are dead-lettered."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `readers[0]` is the keeper: the role that dead-letters records that cannot be processed."""

    name: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    record_bytes_max: int = RECORD_BYTES_MAX

    @property
    def keeper(self) -> str:
        return self.readers[0]


LEADS_RECEIVED = Topic(
    "leads.received.v1", ("gateway", "outside", "scorer"), ("enricher", "ledger"), 16 * MIB
)
SIGNALS_RECEIVED = Topic(
    "signals.received.v1", ("gateway", "outside", "scorer"), ("scorer", "enricher", "ledger"), 16 * MIB
)
ACCOUNTS_RECEIVED = Topic("accounts.received.v1", ("gateway", "outside"), ("scorer", "ledger"))
LEADS_ENRICHED = Topic("leads.enriched.v1", ("enricher",), ("scorer", "ledger"))
LEADS_SCORED = Topic("leads.scored.v1", ("scorer",), ("router", "ledger"))
LEADS_ROUTED = Topic(
    "leads.routed.v1", ("router", "scorer"), ("router-deliver", "gateway", "enricher", "ledger")
)
ACTIONS_RECEIVED = Topic("actions.received.v1", ("gateway",), ("router", "ledger"))
OUTCOMES_RECEIVED = Topic("outcomes.received.v1", ("gateway", "outside"), ("router", "scorer", "ledger"))
PEOPLE_ERASED = Topic(
    "people.erased.v1", ("gateway",), ("ledger", "enricher", "scorer", "router", "router-deliver")
)
DEAD_LETTERS = Topic("dead-letters.v1", ("every role",), ("ledger",), 17 * MIB)

TOPICS: tuple[Topic, ...] = (
    LEADS_RECEIVED,
    SIGNALS_RECEIVED,
    ACCOUNTS_RECEIVED,
    LEADS_ENRICHED,
    LEADS_SCORED,
    LEADS_ROUTED,
    ACTIONS_RECEIVED,
    OUTCOMES_RECEIVED,
    PEOPLE_ERASED,
    DEAD_LETTERS,
)
BY_NAME = {topic.name: topic for topic in TOPICS}


def topics_read_by(role: str) -> tuple[Topic, ...]:
    """Return the topics that a role reads, in the order of the path of a lead."""
    return tuple(topic for topic in TOPICS if role in topic.readers)
