"""The way of leads through a policy: how many each step caught, how many came that far, and where they went.

The steps are the suppressions and then the rules of one version, in its order; the counts are those of one
version or of all. A step that decided on leads and is no longer in the policy comes after the others of its
kind. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec import Struct

from services.gateway.domain.reports.figures import Figure, counted, share
from services.ledger.domain.counters import Counts, add_counts
from services.ledger.domain.lead_history import ENRICHED_FIELDS, SUPPRESSED
from shared.rules.syntax import Condition, Use, comparisons

if TYPE_CHECKING:
    from shared.policy.models import Policy

Kind = Literal["suppression", "rule"]
PathSums = Mapping[tuple[str, ...], Mapping[str, int]]
"""Counts by step, queue and change."""


class StepQueue(Struct, frozen=True):
    """Leads of a step that are in a queue. `compared` is their number in the other version."""

    queue: str
    leads: int
    compared: int | None = None


class PolicyStep(NamedTuple):
    """A step to count for, with the queue that the policy says."""

    kind: Kind
    name: str
    condition: Condition | None = None
    sends_to: str | None = None
    in_policy: bool = True


class FlowStepPath(Struct, frozen=True):
    """A suppression or a rule.

    Of the `reached` leads that came this far it caught `leads`; of the rest it is not true for `no`, and for
    `unknown` a field was not known; `unknown_fields` are those of its fields that had no value, with the
    number of these leads. What is not known of suppressions is not recorded: it is in `no`, and `unknown` is
    None. `assigned` leads got an owner, `accepted` were taken up, `late` were not in time. `compared` is the
    number that it caught in the other version.
    """

    kind: Kind
    name: str
    in_policy: bool
    condition: Condition | None
    sends_to: str | None
    reached: int
    leads: int
    no: int
    unknown: int | None
    unknown_fields: dict[str, int]
    assigned: int
    accepted: int
    late: int
    late_share: Figure
    queues: list[StepQueue]
    compared: int | None = None

    @classmethod
    def of(
        cls,
        step: PolicyStep,
        left: int,
        by_queue: Mapping[str, Counts],
        not_known: Mapping[str, int],
        beside: Mapping[str, Counts] | None,
    ) -> FlowStepPath:
        """Return the numbers of a step that `left` leads came to; `beside` are those of the other version."""
        counts: Counts = {}
        for own in by_queue.values():
            add_counts(counts, own)
        caught, assigned, late = (counted(counts, name) for name in ("leads", "assigned", "late"))
        passed = max(0, left - caught)
        unknown = min(not_known.get("", 0), passed)
        condition = step.condition.meaning if isinstance(step.condition, Use) else step.condition
        asked = {compare.field for compare in comparisons(condition)} if condition is not None else set()
        names = sorted((by_queue.keys() | (beside or {}).keys()) - {""})
        return cls(
            kind=step.kind,
            name=step.name,
            in_policy=step.in_policy,
            condition=condition,
            sends_to=step.sends_to,
            reached=max(left, caught),
            leads=caught,
            no=passed - unknown,
            unknown=unknown if step.kind == "rule" else None,
            unknown_fields={
                field: min(number, unknown)
                for field, number in sorted(not_known.items(), key=lambda item: -item[1])
                if number and field in asked
            },
            assigned=assigned,
            accepted=counted(counts, "accepted"),
            late=late,
            late_share=share(late, assigned, needs="leads that somebody got"),
            queues=[
                StepQueue(
                    name,
                    _leads(by_queue.get(name, {})),
                    None if beside is None else _leads(beside.get(name, {})),
                )
                for name in names
            ],
            compared=None if beside is None else sum(map(_leads, beside.values())),
        )

    @property
    def other_fields(self) -> list[str]:
        """The fields that the condition asks for, except those that enrichment fills in."""
        asked = comparisons(self.condition) if self.condition is not None else ()
        return sorted({compare.field for compare in asked} - set(ENRICHED_FIELDS))

    @property
    def key(self) -> str:
        """What names a step among all."""
        return f"{self.kind}:{self.name}"


class QueuePath(Struct, frozen=True):
    """The leads of all rules that are in a queue. `accept_within` is None for a queue not in the policy."""

    queue: str
    leads: int
    accept_within: str | None
    compared: int | None = None


class FlowPaths(Struct, frozen=True):
    """Every lead once, by the last decision on it. The numbers of `steps` add up to `leads`."""

    leads: int
    steps: list[FlowStepPath]
    queues: list[QueuePath]
    compared: int | None = None


def flow_paths(
    policy: Policy, sums: PathSums, unknown: Mapping[str, Mapping[str, int]], compared: PathSums | None = None
) -> FlowPaths:
    """Return the way of leads through a policy. `compared` are the counts of another version.

    `unknown` says by rule for how many leads it was not known (the empty name), and how many of them had no
    value of which field.
    """
    found, other = _by_step(sums), _by_step(compared or {})
    queues, others = _by_queue(sums, policy), _by_queue(compared or {}, policy)
    total = left = sum(map(_leads, sums.values()))
    steps: list[FlowStepPath] = []
    known = [
        *(PolicyStep("suppression", one.reason, one.when) for one in policy.routing.suppress),
        *(PolicyStep("rule", one.name, one.when, one.queue) for one in policy.routing.rules),
    ]
    gone = sorted((found.keys() | other.keys()) - {(step.kind, step.name) for step in known})
    ordered = [*known, *(PolicyStep(kind, name, in_policy=False) for kind, name in gone)]
    for step in sorted(ordered, key=lambda one: one.kind == "rule"):
        key = step.kind, step.name
        not_known = unknown.get(step.name, {}) if step.kind == "rule" else {}
        beside = other.get(key, {}) if compared is not None else None
        steps.append(FlowStepPath.of(step, left, found.get(key, {}), not_known, beside))
        left -= steps[-1].leads
    rows = [
        QueuePath(
            name,
            queues[name],
            str(policy.routing.queues[name].accept_within) if name in policy.routing.queues else None,
            others.get(name, 0) if compared is not None else None,
        )
        for name in queues
    ]
    return FlowPaths(
        total, steps, rows, sum(map(_leads, compared.values())) if compared is not None else None
    )


def _by_step(sums: PathSums) -> dict[tuple[Kind, str], dict[str, Counts]]:
    """Return counts by kind and name of the step, then by queue."""
    found: dict[tuple[Kind, str], dict[str, Counts]] = {}
    for (step, queue, change), counts in sums.items():
        if any(counts.values()):
            kind: Kind = "suppression" if change == SUPPRESSED else "rule"
            add_counts(found.setdefault((kind, step), {}).setdefault(queue, {}), counts)
    return found


def _by_queue(sums: PathSums, policy: Policy) -> dict[str, int]:
    """Return the leads of each queue: those of the policy in its order, then others that have any."""
    found = dict.fromkeys(policy.routing.queues, 0)
    for (_step, queue, change), counts in sorted(sums.items()):
        if change != SUPPRESSED and counted(counts, "leads"):
            found[queue] = found.get(queue, 0) + counted(counts, "leads")
    return found


def _leads(counts: Mapping[str, int]) -> int:
    return counted(counts, "leads")
