"""The plan that leads are routed by: reps, queues, and the version that says which plan it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from msgspec import Struct


class Rep(Struct, frozen=True):
    """A seller. `weight` is the share of a queue's leads; `open_max` bounds the leads held at once."""

    id: str
    name: str
    queues: tuple[str, ...]
    weight: int = 100
    open_max: int | None = None


class Queue(Struct, frozen=True):
    """How long the owner has to accept, and which queue helps out when nobody here is eligible."""

    accept_within: timedelta
    fallback: str | None = None


class Plan(Struct, frozen=True):
    """Reps and queues of one version."""

    version: str
    reps: Mapping[str, Rep]
    queues: Mapping[str, Queue]

    def rep_of(self, rep_id: str | None) -> Rep | None:
        """Return the rep of the team with that id, or None."""
        return None if rep_id is None else self.reps.get(rep_id)


def plan_of(version: str, reps: tuple[Rep, ...], queues: Mapping[str, Queue]) -> Plan:
    """Return the plan of these reps and queues."""
    return Plan(version, MappingProxyType({rep.id: rep for rep in reps}), MappingProxyType(dict(queues)))


def builtin_plan() -> Plan:
    """Return the plan that holds as long as there is no policy."""
    return plan_of(
        "builtin",
        (
            Rep("sdr-1", "Ana Ruiz", ("sdr",)),
            Rep("sdr-2", "Ben Osei", ("sdr",)),
            Rep("sdr-3", "Chloe Martin", ("sdr",)),
            Rep("bdr-1", "Dev Patel", ("bdr",)),
            Rep("bdr-2", "Elena Rossi", ("bdr",)),
            Rep("ae-1", "Farah Haddad", ("senior-ae",)),
            Rep("ae-2", "Greta Lind", ("senior-ae",)),
        ),
        {
            "sdr": Queue(accept_within=timedelta(hours=4)),
            "bdr": Queue(accept_within=timedelta(hours=8)),
            "senior-ae": Queue(accept_within=timedelta(minutes=15), fallback="sdr"),
        },
    )
