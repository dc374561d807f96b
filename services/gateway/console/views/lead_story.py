"""Why a lead is where it is, its score line by line, and what happened to it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any, Final, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from services.gateway.console import words
from services.gateway.console.views.deliveries import STATES, endpoint_name
from services.gateway.console.views.lead_card import NamedRep
from services.gateway.domain.event_words import describe_event
from services.gateway.domain.explain import Explanation
from services.gateway.domain.explain_decision import DecisionExplained, RuleExplained
from services.scorer.domain.explain import ScoreExplanation
from shared.lead.events.event_type import short_name
from shared.lead.events.scoring import ScoreLine
from shared.policy.models import Policy
from shared.rules.explained import ExplainedComparison

StopState = Literal["passed", "unknown", "taken", "not_asked"]
_STATES: Final[Mapping[str, StopState]] = {
    "no_match": "passed",
    "unknown_field": "unknown",
    "taken": "taken",
    "earlier_match": "not_asked",
}
_VERDICTS: Final[Mapping[StopState, str]] = {
    "passed": "no",
    "unknown": "not known",
    "taken": "taken",
    "not_asked": "not asked",
}
_DELIVERY_WORDS: Final[Mapping[str, str]] = {
    "delivered": "arrived",
    "pending": "not arrived yet",
    "failed": "failed",
    "gone": "refused for good",
}
_COMPARISONS_MAX: Final = 4
_WHAT_IF_MAX: Final = 20
_COLOURS: Final[Mapping[str, str]] = {
    "lead.received": "ok",
    "lead.enriched": "fit",
    "lead.scored": "intent",
    "lead.routed": "accent",
    "lead.escalated": "bad",
    "lead.suppressed": "bad",
    "lead.closed": "ok",
    "signal.received": "signal",
    "action.received": "ok",
    "outcome.received": "ok",
}

_REP_FIELDS: Final = {"owner", "previous_owner", "rep", "to"}
"""The fields of events that have the id of a rep, if it is one."""


class Stop(Struct, frozen=True):
    """One rule on the way of a lead: its name, the comparisons that decided it, and what came of it."""

    name: str
    says: str
    state: StopState
    verdict: str


class PathDestination(Struct, frozen=True):
    """Where the taken rule sent the lead. `others` says who did not get it, and why."""

    queue: str
    owner: NamedRep | None
    others: str


class PathView(Struct, frozen=True):
    """The way of a lead through the policy. `destination` follows the stop that is taken.

    `what_if` are the smallest changes that would have led elsewhere; `since` are the changes of owner after
    the decision.
    """

    summary: str
    stops: Sequence[Stop]
    destination: PathDestination | None
    what_if: Sequence[str]
    since: Sequence[str]
    policy: str


class Bar(Struct, frozen=True):
    """One line of the score as a bar: where it begins and how wide it is, in percent of the widest sum."""

    name: str
    part: str
    begins: float
    width: float
    points: str
    most: str
    why: str


class ScoreView(Struct, frozen=True):
    """The score: the lines of fit, then those of intent and signals. `reconciles`: they sum to the score."""

    total: int
    says: str
    fit: int
    intent: int
    fit_bars: Sequence[Bar]
    intent_bars: Sequence[Bar]
    reconciles: bool


class SentWebhook(Struct, frozen=True):
    """A delivery of an event: who got it, its state in words, since when, and its page, empty for none."""

    endpoint: str
    state: str
    is_bad: bool
    at: datetime
    href: str


class HistoryEntry(Struct, frozen=True):
    """One event in words. `colour` is the state or the part of the score that it belongs to."""

    id: str
    says: str
    detail: str
    colour: str
    outcome: str
    source: str
    at: datetime
    json: str
    sent: Sequence[SentWebhook]


def path_view(explanation: Explanation, policy: Policy) -> PathView:
    """Return the way of a lead through the policy, as its explanation tells it."""
    decision = explanation.decision
    names = {owner.id: owner.name for owner in policy.team.owners.values()}
    stops = list(stops_of(decision)) if decision is not None else []
    return PathView(
        summary=explanation.summary,
        stops=stops,
        destination=_destination(decision, names) if decision is not None and decision.queue else None,
        what_if=[words.sentence(one.says) for one in explanation.counterfactuals[:_WHAT_IF_MAX]],
        since=[
            f"{words.title(change.reason)}: {names.get(change.owner or '', change.owner or 'nobody')}"
            for change in explanation.since
        ],
        policy=(explanation.policy.routed or "")[:12],
    )


def stops_of(decision: DecisionExplained) -> Iterator[Stop]:
    """Yield whether the lead was suppressed, then each rule with what came of it."""
    if decision.suppressed is not None:
        because = [one for rule in decision.rules for one in rule.because]
        yield Stop(f"Suppressed: {words.plain(decision.suppressed)}", _compared(because), "taken", "taken")
        return
    yield Stop("Not suppressed", "none of the suppressions held", "passed", "")
    yield from rule_stops(decision.rules)


def rule_stops(rules: Iterable[RuleExplained]) -> Iterator[Stop]:
    """Yield each rule as a stop, in the order of the policy."""
    for rule in rules:
        state = _STATES.get(rule.result, "not_asked")
        yield Stop(
            words.title(rule.rule), _compared(rule.because) or "everything else", state, _VERDICTS[state]
        )


def _compared(because: Sequence[ExplainedComparison]) -> str:
    sentences = [words.sentence(one.says) for one in because[:_COMPARISONS_MAX]]
    return "; ".join(sentences)


def _destination(decision: DecisionExplained, names: Mapping[str, str]) -> PathDestination:
    owner = decision.owner
    passed_over = [rep for rep in decision.reps if rep.result not in ("taken", "not_in_queue")]
    reps = [f"{names.get(rep.rep, rep.rep)} ({words.plain(rep.result)})" for rep in passed_over[:3]]
    more = f" and {len(passed_over) - 3} others" if len(passed_over) > 3 else ""
    return PathDestination(
        queue=decision.queue or "",
        owner=NamedRep(owner, names.get(owner, owner)) if owner else None,
        others=f"not {', '.join(reps)}{more}" if reps else "",
    )


def score_view(explanation: Explanation) -> ScoreView | None:
    """Return the score line by line, None before the lead is scored."""
    score = explanation.score
    if score is None:
        return None
    most = _most_by_rule(explanation.scoring)
    fit = [line for line in score.lines if line.part == "fit"]
    intent = [line for line in score.lines if line.part != "fit"]
    return ScoreView(
        total=score.total,
        says=f"of fit {score.fit} and intent {score.intent}",
        fit=score.fit,
        intent=score.intent,
        fit_bars=_bars(fit, most),
        intent_bars=_bars(intent, most),
        reconciles=score.reconciles,
    )


def _most_by_rule(scoring: ScoreExplanation | None) -> dict[str, int]:
    """Return the most that each criterion or rule gives, as far as the policy is stored."""
    if scoring is None:
        return {}
    taken = next((segment for segment in scoring.segments if segment.taken), None)
    most = {one.criterion: one.most for one in taken.criteria} if taken else {}
    for fact in scoring.facts:
        most[fact.rule] = max(most.get(fact.rule, 0), fact.full)
    return most


def _bars(lines: Sequence[ScoreLine], most: Mapping[str, int]) -> list[Bar]:
    """Return lines as a waterfall: each bar begins where the one before it ended."""
    ends = list(accumulate((line.points for line in lines), initial=0))
    widest = max(*ends, 1) if ends else 1
    return [
        Bar(
            name=words.title(line.rule),
            part="cap" if line.points < 0 else line.part,
            begins=100 * min(begin, end) / widest,
            width=100 * abs(line.points) / widest,
            points=f"{line.points:+d}",
            most=f"/{most[line.rule]}" if line.points > 0 and most.get(line.rule) else "",
            why=words.score_reason(line.rule, line.fact, line.why),
        )
        for line, begin, end in zip(lines, ends, ends[1:], strict=False)
    ]


def history_view(
    timeline: Iterable[Mapping[str, Any]],
    names: Mapping[str, str],
    deliveries: Iterable[Mapping[str, Any]],
    *,
    opens_deliveries: bool,
) -> list[HistoryEntry]:
    """Return the events of a lead in words, the newest first, each with its own of the `deliveries`."""
    sent: dict[tuple[str, str], list[SentWebhook]] = {}
    for one in deliveries:
        state = one["state"]
        webhook = SentWebhook(
            endpoint_name(one["subscription_id"], one["url"]),
            _DELIVERY_WORDS.get(state, state),
            state in STATES["failed"],
            one["delivered_at"] or one["created_at"],
            f"/deliveries?{urlencode({'tab': 'all', 'delivery': one['id']})}" if opens_deliveries else "",
        )
        sent.setdefault((one["event_id"], one["event_type"]), []).insert(0, webhook)
    entries = [_entry(event, names, sent.get((event["id"], event["type"]), [])) for event in timeline]
    entries.reverse()
    return entries


def _with_names(data: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the data of an event with the names of reps in place of their ids."""
    return {
        key: _with_names(value, names)
        if isinstance(value, Mapping)
        else names.get(value, value)
        if key in _REP_FIELDS and isinstance(value, str)
        else value
        for key, value in data.items()
    }


def _entry(event: Mapping[str, Any], names: Mapping[str, str], sent: Sequence[SentWebhook]) -> HistoryEntry:
    short, data = short_name(event["type"]), event["data"]
    headline = words.title(short.replace(".", " "))
    if short == "action.received":
        who = names.get(data.get("rep") or "", "") or (data.get("actor") or {}).get("name") or "Somebody"
        did = words.plain(data.get("type") or "action")
        headline = f"{who}: {'snooze taken back' if did == 'snooze' and not data.get('until') else did}"
    return HistoryEntry(
        id=event["id"],
        says=headline,
        detail=words.sentence(describe_event(event["type"], _with_names(data, names))),
        colour=_COLOURS.get(short, "muted"),
        outcome=words.plain(event.get("outcome") or ""),
        source=event["source"].rpartition("/")[2],
        at=event["at"],
        json=msgspec.json.format(msgspec.json.encode(data), indent=2).decode(),
        sent=sent,
    )
