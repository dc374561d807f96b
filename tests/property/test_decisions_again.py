"""Whatever happens to leads: each decision follows again from what was recorded with it, in every line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.gateway.domain.explain import DecisionRecord, Explanation, explain
from services.router.policy import RoutingPolicy
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.ownership_change import OwnershipChange
from shared.lead.events.parts import Person
from shared.lead.events.registry import BY_NAME
from shared.lead.events.scoring import AccountView
from shared.policy.hours import parse_hours
from shared.policy.models import Absence, Cap, Manager, Queue, Rep, RoutingRule, Team, Territory
from shared.rules.operators import Op
from shared.rules.syntax import Compare
from tests.support.routing_policies import default_routing_policy, queue, rep, routing_policy_with
from tests.support.scored_leads import lead_id, scored_event, scored_lead
from tests.unit.router.conftest import SimulatedRouter

QUEUES = {
    "sdr": queue("4h"),
    "bdr": queue("8h"),
    "senior-ae": queue("15m", fallback="sdr"),
}
DISTRIBUTE = {"sdr": "least_open", "bdr": "most_capacity", "senior-ae": "in_order"}


def distributed(name: str, settings: Queue) -> Queue:
    """Return the queue with the distribution that the queue `name` has here."""
    return settings.model_copy(update={"distribute": DISTRIBUTE[name]})


OFFICE = parse_hours("Mon-Fri 09:00-17:00")
OFFICE_TEAM = (
    rep("one", weight=300, max_open=2),
    rep("two", "sdr", "bdr", hours=OFFICE),
    rep("idle", weight=0),
    rep("ae", "senior-ae", hours=OFFICE),
    rep("bd", "bdr", max_open=1),
)
GRADE_RULES = (
    RoutingRule(name="again", queue="bdr", when=Compare("lead.revision", Op.GT, 1)),
    RoutingRule(name="news", queue="senior-ae", when=Compare("trigger.kind", Op.EQ, "signal")),
    RoutingRule(name="good", queue="sdr", when=Compare("score.grade", Op.IN, ("A1", "B1", "B3"))),
    RoutingRule(name="rest", queue="sdr", motion="nurture"),
)
AWAY_TEAM = (
    rep("one", caps=(Cap(count=1, per="hour"), Cap(count=2, per="day")), manager="mgr"),
    rep("two", "sdr", "bdr", skills=("de", "fr"), time_zone="America/New_York", hours=OFFICE),
    rep("ae", "senior-ae", away=(Absence.model_validate({"from": "2026-03-03", "to": "2026-03-05"}),)),
    rep("bd", "bdr", "sdr", max_open=1, skills=("de",), manager="mgr"),
)
DEMANDING_RULES = (
    RoutingRule(
        name="owned",
        queue="keep",
        owner="keep",
        when=Compare("owner.active", Op.EQ, value=True),
        skills=("fr",),
    ),
    RoutingRule(name="german", queue="sdr", when=Compare("score.fit_grade", Op.EQ, "B"), skills=("de",)),
    RoutingRule(name="rest", queue="senior-ae"),
)
TERRITORIES = (
    Territory(name="large", when=Compare("company.employees", Op.GTE, 1_000), reps=("two", "bd")),
    Territory(name="alone", when=Compare("owner.active", Op.EQ, value=False), reps=("one", "two", "ae")),
)


def managed(*reps: Rep) -> Team:
    return Team(reps=reps, managers=(Manager(id="mgr", name="Mona Field"),), leaver="manager")


POLICIES = (
    default_routing_policy(),
    routing_policy_with(OFFICE_TEAM, QUEUES),
    routing_policy_with(OFFICE_TEAM[1:], QUEUES, rules=GRADE_RULES),
    routing_policy_with(tuple(rep(f"rep-{number}") for number in range(60)), QUEUES),
    routing_policy_with(
        None, QUEUES, team=managed(*AWAY_TEAM), rules=DEMANDING_RULES, territories=TERRITORIES
    ),
    # Two of these have left.
    routing_policy_with(None, QUEUES, team=managed(*AWAY_TEAM[1:3]), territories=TERRITORIES[:1]),
    routing_policy_with(OFFICE_TEAM, {name: distributed(name, one) for name, one in QUEUES.items()}),
    routing_policy_with(
        tuple(rep(f"rep-{60 - number}", max_open=90) for number in range(60)),
        {**QUEUES, "sdr": distributed("bdr", QUEUES["sdr"])},
    ),
)
NAMES = ("ana", "bob", "cyd")
REPS = ("sdr-1", "ae-1", "one", "two", "ae", "bd", "rep-7")

VIEWS = st.builds(
    AccountView,
    relation=st.sampled_from(["none", "none", "target", "competitor", "partner"]),
    market_validated=st.sampled_from([True, True, False, None]),
    open_opportunity=st.sampled_from([None, None, True]),
    owner=st.sampled_from([None, None, "two", "ae-1"]),
)
PEOPLE = st.sampled_from(
    [
        None,
        Person(email="ines@uni.example", title="Student", seniority="student"),
        Person(email="x@mailinator.com", email_kind="disposable"),
    ]
)
SCORES = st.tuples(
    st.just("score"),
    st.sampled_from(NAMES),
    st.fixed_dictionaries(
        {
            "account": st.sampled_from(["kestrel.example", "kestrel.example", "other.example"]),
            "grade": st.sampled_from(["A1", "B1", "B3", "C3", "D4"]),
            "employees": st.sampled_from([None, 200, 2_000]),
            "strong": st.booleans(),
            "view": VIEWS,
            "person": st.one_of(st.none(), st.none(), PEOPLE),
            "opted_out": st.sampled_from([False, False, False, True]),
            "answers": st.sampled_from([{}, {}, {"interest": "partnership"}]),
            "trigger": st.sampled_from(["lead", "signal", "decay", "enrichment"]),
        }
    ),
    st.booleans(),
    st.sampled_from([None, None, "public"]),
)
ACTIONS = st.tuples(
    st.just("act"),
    st.sampled_from(NAMES),
    st.sampled_from(["accept", "accept", "reject", "reassign", "handoff"]),
    st.sampled_from([None, "sdr", "bdr", *REPS]),
    st.sampled_from([None, "bad_data", "no_budget", "wrong_person", "too slow"]),
)
OUTCOMES = st.tuples(
    st.just("outcome"), st.sampled_from(NAMES), st.sampled_from(["meeting_booked", "rejected", "won", "lost"])
)
OTHERS = st.one_of(
    st.tuples(st.just("away"), st.sampled_from(REPS), st.booleans()),
    st.tuples(st.just("advance"), st.sampled_from([1, 5, 14, 40])),
    st.tuples(st.just("assign_waiting")),
    st.tuples(st.just("policy"), st.sampled_from(range(len(POLICIES)))),
)
STEPS = st.lists(st.one_of(SCORES, SCORES, ACTIONS, OUTCOMES, OTHERS), min_size=1, max_size=25)


class History:
    """A router and what it was told: the scores of each lead, and the policy that is active."""

    def __init__(self) -> None:
        self.router = SimulatedRouter()
        self.policy: RoutingPolicy = POLICIES[0]
        self.scores: dict[str, list[LeadScoredV1]] = {name: [] for name in NAMES}
        self.explained = 0

    def take(self, step: tuple[Any, ...]) -> None:
        """Let the step happen, then explain every decision that it led to."""
        what, *given_ = step
        self.router.emitted = []
        take: Callable[..., object] = getattr(self, what)
        take(*given_)
        for type_, data in self.router.emitted:
            self.explain(f"baton.{type_}.v1", data)

    def score(self, name: str, given_: dict[str, Any], is_form: bool, trust: Any) -> None:
        before = self.scores[name]
        revision = (before[-1].revision if before else 0) + (is_form or not before)
        lead = scored_lead(name, revision=revision, sequence=len(before) + 1, **given_)
        lead = replace(lead, trust=trust, score=replace(lead.score, fit=0 if trust else lead.score.fit))
        before.append(lead)
        self.router.process(scored_event(lead))

    def act(self, name: str, type_: str, to: str | None, reason: str | None = None) -> None:
        notes = {"need": "reports"} if type_ == "handoff" else {}
        to = to if type_ in ("reassign", "handoff") else None
        self.router.act(type_, name, to=to, notes=notes, reason=reason)

    def outcome(self, name: str, type_: str) -> None:
        self.router.receive(OutcomeReceivedV1(type=type_, at=self.router.at, lead_id=lead_id(name)))  # type: ignore[arg-type]

    def away(self, rep_id: str, is_away: bool) -> None:
        self.router.set_available(rep_id, available=not is_away)

    def advance(self, hours: int) -> None:
        self.router.advance(timedelta(hours=hours))

    def assign_waiting(self) -> None:
        self.router.assign_waiting()

    def use_policy(self, number: int) -> None:
        self.policy = POLICIES[number]
        self.router.use_policy(self.policy)

    policy_ = use_policy

    def explain(self, type_: str, raw: dict[str, Any]) -> None:
        event: Any = msgspec.convert(raw, BY_NAME[type_].model)
        if not hasattr(event, "decision"):
            return
        decision = event.decision
        of = next(name for name in NAMES if lead_id(name) == event.lead_id)
        scored = None
        if decision.scored_sequence is not None:
            scored = self.scores[of][decision.scored_sequence - 1]
        record = DecisionRecord(
            event.lead_id, scored=scored, routed=event, routed_id="event", routed_type=type_
        )
        check(explain(record, self.policy.compiled), event)
        self.explained += 1


def check(found: Explanation, event: Any) -> None:
    """Every line of the explanation is what the event says, and follows again from its facts."""
    decision, told = event.decision, found.decision
    assert told is not None
    if isinstance(event, LeadSuppressedV1):
        assert (told.suppressed, told.reproduced) == (decision.reason, True)
        assert [rule.result for rule in told.rules] == ["taken"]
        assert told.rules[0].because
        return
    assert (told.queue, told.owner, told.motion, told.change) == (
        decision.queue,
        decision.owner,
        decision.motion,
        decision.change,
    )
    reps = {entry.rep: entry.skipped for entry in decision.considered if isinstance(entry.rep, str)}
    reps |= {decision.owner: "taken"} if decision.owner else {}
    assert {entry.rep: entry.result for entry in told.reps} == reps
    shares = [one.share for one in told.reps if one.share is not None]
    assert len(shares) <= 50
    if decision.turn is not None and decision.turn.distribute != "weighted":
        assert told.reps[0].says
        assert all(one.says for one in told.reps[1:] if one.result == "lower_share")
    elif decision.turn is not None:
        assert told.reps[0].share is not None
        assert len(shares) == min(50, decision.turn.reps)
        ahead = [one for one in told.reps[1:] if one.result == "lower_share" and one.share is None]
        assert all(one.says == "later in turn" for one in ahead)
    if decision.scored_sequence is None:
        assert isinstance(event, OwnershipChange)
        assert told.reproduced is (None if decision.turn is None else True)
        return
    assert told.reproduced is True
    assert told.reasons == decision.reasons
    rules = {entry.rule: entry.skipped for entry in decision.considered if isinstance(entry.rule, str)}
    assert {rule.rule: rule.result for rule in told.rules} == rules | {decision.rule: "taken"}
    for rule in told.rules:
        assert rule.because or rule.when is None, rule
    assert found.counterfactuals == sorted(found.counterfactuals, key=lambda change: change.queue is None)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_every_decision_follows_again_from_its_record(steps):
    history = History()
    for what, *given_ in steps:
        history.take(("use_policy" if what == "policy" else what, *given_))


@pytest.mark.parametrize("policy", range(len(POLICIES)))
def test_a_history_with_every_kind_of_decision_follows_again(policy):
    """The same with a fixed history, so that no kind of decision is left to chance."""
    hot = {"grade": "A1", "account": "kestrel.example"}
    history = History()
    for step in (
        ("use_policy", policy),
        ("score", "ana", {"grade": "B3", "account": "kestrel.example"}, True, None),
        ("score", "bob", {"grade": "B3", "account": "kestrel.example"}, True, None),
        ("score", "ana", hot, False, None),
        ("act", "ana", "accept", None),
        ("score", "ana", {**hot, "person": Person(email_kind="disposable")}, True, None),
        ("score", "bob", {"grade": "D4", "trigger": "decay"}, False, None),
        ("act", "ana", "reassign", None),
        ("act", "ana", "reject", None),
        ("score", "cyd", {"grade": "D4", "account": "cyd.example"}, True, "public"),
        ("advance", 14),
        ("score", "cyd", {**hot, "trigger": "signal"}, False, None),
        ("use_policy", (policy + 1) % len(POLICIES)),
        ("score", "ana", {**hot, "trigger": "signal"}, True, None),
        ("outcome", "cyd", "won"),
        ("score", "bob", {"opted_out": True}, True, None),
        ("assign_waiting",),
    ):
        history.take(step)
    assert history.explained > 8
