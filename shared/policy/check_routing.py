"""Checks routing.yaml and team.yaml for what has to hold between their values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zoneinfo import available_timezones

from shared.lead.fields import FactKeys
from shared.policy.addresses import is_web_address
from shared.policy.models import FRAMES, KEEP, Icp, Routing, Team
from shared.policy.policy_file import File
from shared.policy.rule_tables import routing_rules, suppression_rules
from shared.rules.boxes import FactSpace, TooManyBoxes
from shared.rules.findings import Path, did_you_mean, quoted
from shared.rules.lint import lint_overlaps
from shared.rules.syntax import AllOf, Compare, Condition, Op, Rule


def check_routing(file: File[Routing], icp: Icp | None) -> None:
    """Report faults of rules and queues; with the ICP, of names of its segments and markets too."""
    routing = file.model
    conditions = list(_conditions(routing))
    file.named(routing.conditions, (when for when, _ in conditions))
    for when, path in conditions:
        if path[0] != "conditions":
            file.condition(when, path)
        file.words(when, path, FactKeys.OWNER_QUEUE, "queue", routing.queues)
        if icp is not None:
            file.words(when, path, FactKeys.SEGMENT, "segment", [each.name for each in icp.segments])
            file.words(when, path, FactKeys.MARKET, "market", [each.name for each in icp.markets])
    file.table(suppression_rules(routing.suppress), ("suppress",))
    _check_rules(file)
    _check_queues(file)
    _check_hand_off(file)


def _conditions(routing: Routing) -> Iterator[tuple[Condition | None, Path]]:
    yield from ((when, ("conditions", name)) for name, when in routing.conditions.items())
    yield from ((each.when, ("suppress", at, "when")) for at, each in enumerate(routing.suppress))
    yield from ((each.when, ("rules", at, "when")) for at, each in enumerate(routing.rules))
    yield routing.alert_owner_when, ("alert_owner_when",)


def _check_rules(file: File[Routing]) -> None:
    routing = file.model
    rules = [
        Rule(each.name, each.when, (each.outcome.queue, each.outcome.motion))
        for each in routing_rules(routing.rules)
    ]
    file.table(rules, ("rules",), fallback=True)
    # A rule that keeps a lead where it is has no outcome of its own to be at odds with.
    placing = [at for at, rule in enumerate(routing.rules) if not rule.keeps]
    _check_overlaps(file, rules, placing)
    for at, rule in enumerate(routing.rules):
        path: Path = ("rules", at)
        if rule.keeps is not (rule.owner is not None):
            missing = "owner: keep" if rule.keeps else "queue: keep"
            file.error(path, f"queue: keep and owner: keep go together; {missing} is missing")
        elif rule.keeps and not _implies_owner(rule.when):
            message = f"{rule.name} may match a lead without owner; it should ask for owner.active"
            file.error(path, message)
        elif not rule.keeps and rule.queue not in routing.queues:
            file.unknown((*path, "queue"), "queue", rule.queue, routing.queues)


def _check_overlaps(file: File[Routing], rules: Sequence[Rule[object]], placing: list[int]) -> None:
    for finding in lint_overlaps([rules[at] for at in placing]):
        file.warning(("rules", placing[finding.rule]), finding.message)


def _implies_owner(when: Condition | None) -> bool:
    """Say whether a condition is surely not true of a lead without an active owner."""
    if when is None:
        return False
    ownerless = AllOf((when, Compare(FactKeys.OWNER_ACTIVE, Op.EQ, value=False)))
    try:
        return not FactSpace([ownerless]).boxes(ownerless)
    except TooManyBoxes:
        return True


def _check_queues(file: File[Routing]) -> None:
    routing = file.model
    fed = {rule.queue for rule in routing.rules} | {queue.fallback for queue in routing.queues.values()}
    for name, queue in routing.queues.items():
        path: Path = ("queues", name)
        if name == KEEP:
            file.error(path, f"{KEEP} is no name for a queue: rules say it to leave a lead where it is")
        elif name not in fed:
            file.warning(path, f"no rule sends a lead to {name}")
        if queue.fallback is not None and queue.fallback not in routing.queues:
            file.unknown((*path, "fallback"), "queue", queue.fallback, routing.queues)
        _check_destination(file, name)
    _check_fallback_cycles(file)


def _check_destination(file: File[Routing], name: str) -> None:
    destination = file.model.queues[name].destination
    path: Path = ("queues", name, "destination")
    if destination.url and not is_web_address(destination.url):
        file.error((*path, "url"), "should be an http or https address, or empty")
    if destination.url and not destination.secret_env:
        file.error(path, "secret_env should name the variable with the secret that signs the deliveries")


def _check_fallback_cycles(file: File[Routing]) -> None:
    queues = file.model.queues
    reported: set[str] = set()
    for start in queues:
        chain, at = [start], queues[start].fallback
        while at is not None and at in queues and at not in chain:
            chain.append(at)
            at = queues[at].fallback
        if at == start and not reported & set(chain):
            reported |= set(chain)
            loop = " -> ".join([*chain, start])
            file.error(("queues", start, "fallback"), f"the queues help each other out in a circle: {loop}")


def _check_hand_off(file: File[Routing]) -> None:
    hand_off = file.model.hand_off
    known = FRAMES[hand_off.frame]
    for at, element in enumerate(hand_off.known_first):
        if element not in known:
            what = f"element of {hand_off.frame}"
            file.unknown(("hand_off", "known_first", at), what, element, known)


def check_team(file: File[Team], routing: Routing | None) -> None:
    """Report faults of reps; with the routing, of their queues too."""
    zones = available_timezones()
    for at, rep in enumerate(file.model.reps):
        path: Path = ("reps", at)
        if rep.time_zone is not None and rep.time_zone not in zones:
            meant = did_you_mean(rep.time_zone, zones)
            file.error((*path, "time_zone"), f"no time zone is named {quoted(rep.time_zone)}{meant}")
        if rep.hours is not None and rep.time_zone is None:
            file.error((*path, "hours"), "hours need a time_zone, such as America/New_York")
        for number, queue in enumerate(rep.queues):
            if routing is not None and queue not in routing.queues:
                file.unknown((*path, "queues", number), "queue", queue, routing.queues)
    if routing is not None:
        for queue in routing.queues:
            if not any(queue in rep.queues and rep.weight > 0 for rep in file.model.reps):
                file.warning(("reps",), f"nobody gets leads of the queue {queue}")
