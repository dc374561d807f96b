"""Which queue a lead belongs in, by fixed rules over plain values; the first that matches wins.

A condition over a value that is missing is unknown: it does not match, and is told apart from one that
is false.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from shared.events.lead_scored import LeadScoredV1
from shared.events.parts import Answer
from shared.events.routing import Considered, Motion
from shared.facts import spam_score

Verdict = bool | None
"""None: unknown."""

_SPAM_MIN: Final = 80
_NEW_MARKET_EMPLOYEES_MIN: Final = 20
_STRATEGIC_EMPLOYEES_MIN: Final = 1_000
_PARTNER_INTERESTS: Final = frozenset({"partnership", "reseller", "integration"})
SENIOR: Final = "senior-ae"


class OwnerFacts(Struct, frozen=True):
    """The active owner of the lead or its account. `accepted`: this lead itself was accepted."""

    queue: str
    accepted: bool


class RouteFacts(Struct, frozen=True):
    """What a route follows from; None is not known."""

    fit_grade: str
    intent_grade: int
    opted_out: bool = False
    email_kind: str | None = None
    seniority: str | None = None
    spam: int = 0
    relation: str = "none"
    market_validated: bool | None = None
    employees: int | None = None
    interest: tuple[str, ...] = ()
    channel: str | None = None
    strong_signal: bool = False
    owner: OwnerFacts | None = None


class Route(Struct, frozen=True):
    """Where a lead belongs. `keep`: with its owner, in the owner's queue. `suppressed`: nowhere, and why."""

    rule: str
    queue: str = ""
    motion: Motion = "work"
    keep: bool = False
    suppressed: str | None = None
    high_intent: bool = False
    reasons: tuple[str, ...] = ()
    considered: tuple[Considered, ...] = ()


class _Rule(Struct, frozen=True):
    name: str
    matches: Callable[[RouteFacts], Verdict]
    why: str
    queue: str = ""
    motion: Motion = "work"
    keep: bool = False


def decide_route(facts: RouteFacts) -> Route:
    """Return where a lead with these facts belongs, with the rules that were passed over."""
    reason = next((reason for reason, matches in _SUPPRESS if matches(facts)), None)
    if reason is not None:
        return Route(rule=reason, suppressed=reason)
    verdicts = [rule.matches(facts) for rule in _RULES]
    taken = verdicts.index(True)
    rule = _RULES[taken]
    return Route(
        rule=rule.name,
        queue=rule.queue,
        motion=rule.motion,
        keep=rule.keep,
        high_intent=bool(_high_intent(facts)),
        reasons=(rule.why,),
        considered=_considered(verdicts, taken),
    )


def route_facts(data: LeadScoredV1, owner: OwnerFacts | None) -> RouteFacts:
    """Return the facts about a scored lead. The relation and the market are those of its account."""
    person, view = data.person, data.account_view
    return RouteFacts(
        fit_grade=data.score.grade[:1],
        intent_grade=int(data.score.grade[1:]),
        opted_out=data.consent.opted_out,
        email_kind=person.email_kind,
        seniority=person.seniority,
        spam=spam_score(data.message, person.first_name, person.last_name).score,
        relation=view.relation,
        market_validated=view.market_validated,
        employees=data.company.employees,
        interest=_texts(data.answers.get("interest")),
        channel=data.source.channel,
        strong_signal=data.signals.strong,
        owner=owner,
    )


def _texts(answer: Answer) -> tuple[str, ...]:
    answers = answer if isinstance(answer, list) else [answer]
    return tuple(each.casefold().strip() for each in answers if isinstance(each, str))


def _considered(verdicts: Sequence[Verdict], taken: int) -> tuple[Considered, ...]:
    skipped: list[Considered] = []
    for at, (rule, verdict) in enumerate(zip(_RULES, verdicts, strict=True)):
        if at > taken:
            skipped.append(Considered("earlier_match", rule=rule.name))
        elif at < taken:
            skipped.append(Considered("unknown_field" if verdict is None else "no_match", rule=rule.name))
    return tuple(skipped)


# Conditions


def _high_intent(facts: RouteFacts) -> Verdict:
    hot = facts.intent_grade == 1 or (facts.strong_signal and facts.relation == "target")
    return facts.fit_grade in ("A", "B") and hot


def _new_market(facts: RouteFacts) -> Verdict:
    if facts.market_validated is True:
        return False
    if facts.employees is not None and facts.employees < _NEW_MARKET_EMPLOYEES_MIN:
        return False
    return None if facts.market_validated is None or facts.employees is None else True


def _partner(facts: RouteFacts) -> Verdict:
    if facts.relation == "partner" or facts.channel == "partner":
        return True
    if not facts.interest:
        return None
    return not _PARTNER_INTERESTS.isdisjoint(facts.interest)


def _strategic(facts: RouteFacts) -> Verdict:
    if facts.relation == "target":
        return True
    return None if facts.employees is None else facts.employees >= _STRATEGIC_EMPLOYEES_MIN


def _stays(facts: RouteFacts) -> Verdict:
    owner = facts.owner
    if owner is None:
        return False
    settled = owner.accepted or owner.queue == SENIOR
    elsewhere = _new_market(facts) or _partner(facts)
    return bool(settled or elsewhere or not _high_intent(facts))


def _fits(facts: RouteFacts) -> Verdict:
    return facts.fit_grade in ("A", "B", "C")


def _always(_facts: RouteFacts) -> Verdict:
    return True


_SUPPRESS: Final[tuple[tuple[str, Callable[[RouteFacts], bool]], ...]] = (
    ("opted_out", lambda facts: facts.opted_out),
    ("disposable_email", lambda facts: facts.email_kind == "disposable"),
    ("competitor", lambda facts: facts.relation == "competitor"),
    ("student", lambda facts: facts.seniority == "student"),
    ("spam", lambda facts: facts.spam >= _SPAM_MIN),
)

_RULES: Final[tuple[_Rule, ...]] = (
    _Rule("existing-owner", _stays, "the lead or its account has an active owner", keep=True),
    _Rule("new-market", _new_market, "the market is not validated yet", queue="bdr"),
    _Rule("partner", _partner, "the interest is in a partnership", queue="bdr"),
    _Rule("high-intent", _high_intent, "high intent, and the company fits", queue=SENIOR),
    _Rule("strategic", _strategic, "a target account or a large enterprise", queue="bdr"),
    _Rule("fits", _fits, "the company fits", queue="sdr"),
    _Rule("nurture", _always, "no other rule matched", queue="sdr", motion="nurture"),
)
