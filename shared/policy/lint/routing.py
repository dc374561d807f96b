"""Checks routing.yaml."""

from __future__ import annotations

from shared.lead.fields import FactKeys, default_of
from shared.policy.frames import FRAMES
from shared.policy.lint.destinations import lint_destination
from shared.policy.models import KEEP, Icp, Queue, Routing, RoutingRule
from shared.policy.models.routing import reason_word
from shared.policy.policy_file import PolicyFile
from shared.policy.rule_tables import routing_rules, suppression_rules
from shared.rules.boxes import FactSpace, TooManyBoxes
from shared.rules.findings import Path, did_you_mean, quoted
from shared.rules.lint import lint_overlaps
from shared.rules.operators import Op
from shared.rules.syntax import AllOf, Compare, Condition, Not, Rule, comparisons


def lint_routing(file: PolicyFile[Routing], icp: Icp | None) -> None:
    """Report faults of rules and queues; with the ICP, also unknown names of its segments and markets."""
    routing = file.model
    conditions: list[tuple[Condition | None, Path]] = [
        *((rule.when, ("suppress", index, "when")) for index, rule in enumerate(routing.suppress)),
        *((rule.when, ("rules", index, "when")) for index, rule in enumerate(routing.rules)),
        (routing.alert_owner_when, ("alert_owner_when",)),
        *((one.when, ("territories", index, "when")) for index, one in enumerate(routing.territories)),
    ]
    file.named_conditions(routing.conditions, (when for when, _ in conditions))
    for when, path in conditions:
        file.condition(when, path)
    for when, path in (
        *((when, ("conditions", name)) for name, when in routing.conditions.items()),
        *conditions,
    ):
        file.words(when, path, FactKeys.OWNER_QUEUE, "queue", routing.queues)
        if icp is not None:
            segments, markets = icp.segments, icp.markets
            file.words(when, path, FactKeys.SEGMENT, "segment", [segment.name for segment in segments])
            file.words(when, path, FactKeys.MARKET, "market", [market.name for market in markets])
    file.table(suppression_rules(routing.suppress), ("suppress",))
    for index, suppression in enumerate(routing.suppress):
        if is_never_false(suppression.when):
            fields = {compare.field for compare in comparisons(suppression.when)}
            is_known = all(default_of(field) is not None for field in fields)
            message = f"{suppression.reason} suppresses every lead"
            message += "" if is_known else " of which these fields are known"
            file.warning(("suppress", index, "when"), message)
    lint_rules(file)
    lint_queues(file)
    lint_hand_off(file)
    lint_reject(file)
    lint_territories(file)


def lint_hand_off(file: PolicyFile[Routing]) -> None:
    """Report queues that do not exist, and words that are nearly an element of a frame."""
    hand_off, queues = file.model.hand_off, file.model.queues
    given = hand_off.model_fields_set
    names: list[tuple[Path, str]] = [
        *((("frame", name), name) for name in (hand_off.frame if "frame" in given else ())),
        *((("known_first", name), name) for name in hand_off.known_first),
        *((("joins", index), name) for index, name in enumerate(hand_off.joins)),
    ]
    for path, name in names:
        if name not in queues:
            file.unknown(("hand_off", *path), "queue", name, queues)
    elements = {element for frame in FRAMES.values() for element in frame}
    for queue, words in hand_off.known_first.items():
        for index, word in enumerate(words):
            # Any other word is one that only a note answers.
            if word not in elements and (meant := did_you_mean(word, elements)):
                message = f"{quoted(word)} is no element of a frame{meant}"
                file.warning(("hand_off", "known_first", queue, index), message)


def lint_reject(file: PolicyFile[Routing]) -> None:
    """Report rules of rejections that can never apply or lack what they need, and unknown reasons."""
    routing, seen = file.model, set[str]()
    last = len(routing.reject) - 1
    for index, rule in enumerate(routing.reject):
        path: Path = ("reject", index)
        if index == last and rule.reason:
            file.error(path, "the last rule should have no reason, so that every rejection does something")
        elif index < last and not rule.reason:
            file.error(path, "it has no reason, so nothing after it applies")
        if (rule.do == "recycle") is not (rule.after is not None):
            file.error(path, "after and do: recycle go together: the time until the lead is routed again")
        for number, reason in enumerate(rule.reason or ()):
            if reason_word(reason) in seen:
                file.error((*path, "reason", number), f"{quoted(reason)} is in an earlier rule already")
            seen.add(reason_word(reason))
    for index, reason in enumerate(routing.credit_back):
        if reason_word(reason) not in seen:
            file.unknown(("credit_back", index), "reason", reason, routing.reject_reasons)


def lint_rules(file: PolicyFile[Routing]) -> None:
    """Report dead and overlapping rules, a missing fallback, and faults of the targets."""
    routing = file.model
    rules = [
        Rule(rule.name, rule.when, (rule.outcome.queue, rule.outcome.motion))
        for rule in routing_rules(routing.rules)
    ]
    file.table(rules, ("rules",), fallback=True)
    # A rule that keeps a lead where it is has no outcome that could differ from another's.
    moving = [index for index, rule in enumerate(routing.rules) if not rule.keeps]
    for finding in lint_overlaps([rules[index] for index in moving]):
        file.note(("rules", moving[finding.rule]), finding.message)
    for index, rule in enumerate(routing.rules):
        lint_target(file, rule, ("rules", index))


def lint_target(file: PolicyFile[Routing], rule: RoutingRule, path: Path) -> None:
    """Report a queue that does not exist, and a rule that keeps a lead without owner."""
    queues = file.model.queues
    if rule.keeps is not (rule.owner is not None):
        missing = "owner: keep" if rule.keeps else "queue: keep"
        file.error(path, f"queue: keep and owner: keep go together; {missing} is missing")
    elif rule.keeps and not implies_owner(rule.when):
        file.error(path, f"{rule.name} may match a lead without owner; it should check owner.active")
    elif not rule.keeps and rule.queue not in queues:
        file.unknown((*path, "queue"), "queue", rule.queue, queues)


def is_never_false(when: Condition) -> bool:
    """Return whether a condition is certainly true or unknown, whatever the facts are."""
    try:
        return not FactSpace([Not(when)]).boxes(Not(when))
    except TooManyBoxes:
        return False


def implies_owner(when: Condition | None) -> bool:
    """Return whether a condition is certainly false for a lead without an active owner."""
    if when is None:
        return False
    ownerless = AllOf((when, Compare(FactKeys.OWNER_ACTIVE, Op.EQ, value=False)))
    try:
        return not FactSpace([ownerless]).boxes(ownerless)
    except TooManyBoxes:
        return True


def lint_queues(file: PolicyFile[Routing]) -> None:
    """Report queues that no lead comes to, wrong destinations, and fallbacks that are unknown or circular."""
    routing = file.model
    fed = {rule.queue for rule in routing.rules} | {queue.fallback for queue in routing.queues.values()}
    fed |= {*routing.hand_off.frame, *routing.hand_off.known_first, *routing.hand_off.joins}
    for name, queue in routing.queues.items():
        path: Path = ("queues", name)
        if name == KEEP:
            file.error(path, f"no queue may be named {KEEP}: rules use it to leave a lead where it is")
        elif name not in fed:
            file.warning(path, f"no rule sends a lead to {name}")
        if queue.fallback is not None and queue.fallback not in routing.queues:
            file.unknown((*path, "fallback"), "queue", queue.fallback, routing.queues)
        lint_destination(file, queue.destination, (*path, "destination"))
        lint_ladder(file, queue, (*path, "ladder"))
    reported: set[str] = set()
    for start in routing.queues:
        chain = fallback_chain(routing, start)
        if routing.queues[chain[-1]].fallback == start and not reported & set(chain):
            reported |= set(chain)
            loop = " -> ".join([*chain, start])
            file.error(("queues", start, "fallback"), f"the fallbacks of the queues form a circle: {loop}")


def lint_ladder(file: PolicyFile[Routing], queue: Queue, path: Path) -> None:
    """Report steps that come before earlier ones, lack what they need, or can never be reached."""
    ended = False
    for index, step in enumerate(queue.ladder):
        at: Path = (*path, index)
        before = queue.ladder[index - 1].after if index else None
        if (
            before is not None
            and step.after.business is before.business
            and step.after.seconds <= before.seconds
        ):
            file.error((*at, "after"), "each step comes later than the one before")
        if step.do == "fallback" and queue.fallback is None:
            file.error((*at, "do"), "the queue has no fallback")
        if (step.do == "escalate") is not (step.to is not None):
            file.error(at, "do: escalate and to go together: manager, or the id of a manager")
        if ended:
            file.warning(at, "the lead has gone to the fallback before this step")
        ended = ended or step.do == "fallback"


def lint_territories(file: PolicyFile[Routing]) -> None:
    """Report faults of the conditions of territories."""
    rules = [Rule(one.name, one.when, one) for one in file.model.territories]
    file.table(rules, ("territories",))


def fallback_chain(routing: Routing, start: str) -> list[str]:
    """Return a queue, its fallback, the fallback of that, and so on, each once."""
    chain, fallback = [start], routing.queues[start].fallback
    while fallback is not None and fallback in routing.queues and fallback not in chain:
        chain.append(fallback)
        fallback = routing.queues[fallback].fallback
    return chain
