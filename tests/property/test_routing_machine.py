"""Whatever happens to reps, leads and the policy: what must hold of routing holds after every step.

The oracle in this module says by itself, from the policy's files and the assignments alone, who may have a
lead. It shares no code with `eligibility`, `limits`, `schedule` or `hours`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from services.router.domain.fairness import bound_of, exceeds, is_within
from services.router.domain.limits import microseconds
from services.router.domain.state import (
    AssignmentRow,
    AwayRepRow,
    QueueRow,
    RepQueueRow,
    RepRow,
    RoutedLeadRow,
)
from services.router.policy import RoutingPolicy
from shared.lead.events.registry import BY_NAME
from shared.policy.hours import parse_hours
from shared.policy.models import Absence, Cap, Ramp, Rep, RoutingRule, Team, Territory
from shared.rules.operators import Op
from shared.rules.syntax import Compare
from shared.storage.rows import Put
from shared.worker.rows import TimerRow
from shared.worker.timers import timer_event
from tests.property.test_decisions_again import History
from tests.support.routing_policies import queue, rep, routing_policy_with
from tests.unit.router.conftest import SimulatedRouter

LEADS: Final = ("ana", "bob", "cyd")
REPS: Final = ("r1", "r2", "r3", "r4", "r5")
QUEUES: Final = ("sdr", "bdr", "senior-ae")
OFFICE = parse_hours("Mon-Fri 09:00-17:00")
NEW_YORK: Final = "America/New_York"
RULES = (
    RoutingRule(name="owned", queue="keep", owner="keep", when=Compare("owner.active", Op.EQ, value=True)),
    RoutingRule(name="hot", queue="senior-ae", when=Compare("score.grade", Op.EQ, "A1")),
    RoutingRule(name="german", queue="sdr", when=Compare("score.grade", Op.EQ, "B1"), skills=("de",)),
    RoutingRule(name="news", queue="bdr", when=Compare("trigger.kind", Op.EQ, "signal")),
    RoutingRule(name="cold", queue="sdr", motion="nurture", when=Compare("score.grade", Op.EQ, "D4")),
    RoutingRule(name="rest", queue="sdr"),
)
KEPT: Final = ("owned", "kept")
TERRITORIES = (
    Territory(name="large", when=Compare("company.employees", Op.GTE, 1_000), reps=("r1", "r2", "r4")),
)
CHANGES: Mapping[str, tuple[Any, ...]] = {
    "weight": (0, 1, 30, 100, 500),
    "max_open": (None, 1, 2, 4),
    "caps": (
        (),
        (Cap(count=1, per="hour"),),
        (Cap(count=2, per="day"), Cap(count=3, per="7d")),
        (Cap(count=1, per="1d"),),
    ),
    "skills": ((), ("de",), ("de", "fr")),
    "away": (
        (),
        (Absence.model_validate({"from": "2026-03-02", "to": "2026-03-03"}),),
        (Absence.model_validate({"from": "2026-03-03", "to": "2026-03-03"}),),
    ),
    "ramp": (None, Ramp.model_validate({"from": "2026-02-20", "months": 3})),
    "hours": (None, OFFICE),
    "time_zone": ("UTC", NEW_YORK),
    "queues": (("sdr",), ("bdr",), ("sdr", "bdr"), ("senior-ae",), ("senior-ae", "sdr")),
}
ROUND: Final = timedelta(microseconds=1)


@dataclass
class Spec:
    """The policy as data, so that it can be changed, and compiled anew for a repetition."""

    reps: dict[str, Rep]
    distribute: dict[str, str] = field(default_factory=lambda: dict.fromkeys(QUEUES, "weighted"))

    def compiled(self) -> RoutingPolicy:
        fallbacks = {"senior-ae": "sdr", "sdr": None, "bdr": None}
        queues = {
            name: queue("4h", fallback=fallbacks[name]).model_copy(update={"distribute": how})
            for name, how in self.distribute.items()
        }
        return routing_policy_with(
            None, queues, team=Team(reps=tuple(self.reps.values())), rules=RULES, territories=TERRITORIES
        )


def first_team() -> dict[str, Rep]:
    return {
        "r1": rep("r1", "sdr", weight=100, skills=("de",)),
        "r2": rep("r2", "sdr", "bdr", weight=50, max_open=2),
        "r3": rep("r3", "bdr", weight=100),
        "r4": rep("r4", "senior-ae", "sdr", weight=30),
        "r5": rep("r5", "senior-ae", weight=100, time_zone=NEW_YORK, hours=OFFICE),
    }


class Oracle:
    """Says why a rep may not have a lead, from the policy's data and the assignments."""

    def __init__(self, spec: Spec, router: SimulatedRouter, demanding: Mapping[str, str]) -> None:
        self.reps = spec.reps
        self.router = router
        self.demanding = demanding

    def reasons(self, rep_id: str, lead: RoutedLeadRow, *, with_one_more: bool = True) -> set[str]:
        """Return why; with `with_one_more` the limits are asked before a further lead, else as it stands."""
        member, at = self.reps[rep_id], self.router.at
        found: set[str] = set()
        if lead.territory == "large" and rep_id not in TERRITORIES[0].reps:
            found.add("not_in_territory")
        if self.demanding.get(lead.lead_id) == "german" and "de" not in member.skills:
            found.add("lacks_skill")
        local = at.astimezone(ZoneInfo(member.time_zone or "UTC"))
        if self.router.rows.get(AwayRepRow, rep_id) is not None:
            found.add("unavailable")
        if any(one.begins <= local.date() <= one.ends for one in member.away):
            found.add("unavailable")
        if member.hours is not None and not (local.weekday() < 5 and 9 <= local.hour < 17):
            found.add("off_hours")
        if self.is_full(member, local, at, more=int(with_one_more)):
            found.add("at_cap")
        return found

    def is_full(self, member: Rep, local: datetime, at: datetime, *, more: int) -> bool:
        rows = [row for row in self.router.rows.all(AssignmentRow) if row.rep == member.id]
        held = sum(row.active for row in rows)
        if member.max_open is not None and held + more > member.max_open:
            return True
        counted = [row.opened_at for row in rows if not row.credited_back]
        midnight = datetime.combine(local.date(), time(), local.tzinfo)
        for cap in member.caps:
            spans = {"hour": timedelta(hours=1), "7d": timedelta(days=7), "1d": timedelta(days=1)}
            since = midnight if cap.per == "day" else at - spans[cap.per] + ROUND
            if sum(opened >= since for opened in counted) + more > cap.count:
                return True
        return False


class Routing(RuleBasedStateMachine):
    """A team of five, three leads of two accounts, and everything that may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = Spec(first_team())
        self.history = History()
        self.steps: list[Callable[[History], None]] = []
        self.demanding: dict[str, str] = {}
        self.step(use(self.spec))

    @property
    def router(self) -> SimulatedRouter:
        return self.history.router

    def step(self, take: Callable[[History], None], *, exact: bool = True) -> None:
        """Let something happen, and check every decision that it led to."""
        self.steps.append(take)
        self.router.emitted = []
        owners = self.owners()
        take(self.history)
        emitted, self.router.emitted = self.router.emitted, []
        for type_, raw in emitted:
            event: Any = msgspec.convert(raw, BY_NAME[f"baton.{type_}.v1"].model)
            if hasattr(event, "decision"):
                self.history.explain(f"baton.{type_}.v1", raw)
                decision = event.decision
                # A rule that leaves the lead with its owner demands nothing of whoever gets it next.
                if type_ in ("lead.routed", "lead.updated") and (decision.rule, decision.change) != KEPT:
                    self.demanding[event.lead_id] = decision.rule
                if type_ != "lead.suppressed":
                    self.check(event, owners.get(event.lead_id), exact=exact and len(emitted) == 1)

    def owners(self) -> dict[str, str]:
        rows = self.router.rows.all(AssignmentRow)
        return {row.lead_id: row.rep for row in rows if row.active and not row.joined}

    def check(self, event: Any, previous: str | None, *, exact: bool) -> None:
        """Check a decision: the owner may have the lead, and every other rep has a true reason."""
        decision = event.decision
        lead = self.router.rows.get(RoutedLeadRow, event.lead_id)
        assert lead is not None
        oracle = Oracle(self.spec, self.router, self.demanding)
        if decision.turn is not None and decision.owner is not None:
            assert not oracle.reasons(decision.owner, lead, with_one_more=False), decision
            assert self.spec.reps[decision.owner].weight > 0
        if decision.turn is None and decision.change != "waiting":
            return
        listed = [entry.rep for entry in decision.considered if isinstance(entry.rep, str)]
        assert len(listed) == len(set(listed))
        assert {*listed, decision.owner} >= {*self.spec.reps}, decision
        for entry in decision.considered if exact else ():
            if not isinstance(entry.rep, str) or entry.rep == previous or entry.rep not in self.spec.reps:
                continue
            why = oracle.reasons(entry.rep, lead)
            if entry.skipped == "lower_share":
                assert not why, (entry, why)
            elif entry.skipped not in ("excluded", "not_in_queue"):
                assert entry.skipped in why, (entry, why)

    # What happens

    @rule(
        name=st.sampled_from(LEADS),
        grade=st.sampled_from(["A1", "B1", "B3", "D4"]),
        account=st.sampled_from(["kestrel.example", "kestrel.example", "other.example"]),
        employees=st.sampled_from([None, 200, 2_000]),
        trigger=st.sampled_from(["lead", "lead", "signal"]),
        is_form=st.booleans(),
    )
    def score(self, name: str, is_form: bool, **given: Any) -> None:
        self.step(lambda history: history.score(name, dict(given), is_form, None))

    @rule(
        name=st.sampled_from(LEADS),
        type_=st.sampled_from(["accept", "accept", "reject", "reject", "reassign", "handoff"]),
        to=st.sampled_from([None, "sdr", "bdr", *REPS]),
        reason=st.sampled_from([None, "bad_data", "no_budget", "wrong_person", "spam"]),
    )
    def act(self, name: str, type_: str, to: str | None, reason: str | None) -> None:
        self.step(lambda history: history.act(name, type_, to, reason))

    @rule(name=st.sampled_from(LEADS), type_=st.sampled_from(["meeting_booked", "rejected", "won", "lost"]))
    def outcome(self, name: str, type_: str) -> None:
        self.step(lambda history: history.outcome(name, type_))

    @rule(member=st.sampled_from(REPS), away=st.booleans())
    def toggle(self, member: str, away: bool) -> None:
        self.step(lambda history: history.away(member, away))

    @rule(minutes=st.sampled_from([7, 61, 300, 1_440, 4_400]))
    def advance(self, minutes: int) -> None:
        """Let the time pass, and each timer fire by itself."""

        def take(history: History) -> None:
            history.router.at += timedelta(minutes=minutes)

        self.step(take)
        due = [one for one in self.router.rows.all(TimerRow) if one.due_at <= self.router.at]
        for timer in sorted(due, key=lambda one: (one.due_at, one.subject, one.kind)):
            if timer.subject:
                self.step(fire(timer.subject, timer.kind))

    @rule()
    def drain(self) -> None:
        """Assign what waits. Then nobody may have what still waits."""
        self.step(lambda history: history.assign_waiting(), exact=False)
        oracle = Oracle(self.spec, self.router, self.demanding)
        for lead in self.router.rows.all(RoutedLeadRow):
            if lead.status != "waiting":
                continue
            had = {row.rep for row in self.router.rows.find(AssignmentRow, "lead_id", lead.lead_id)}
            queues = {lead.queue, "sdr" if lead.queue == "senior-ae" else lead.queue}
            free = [
                one.id
                for one in self.spec.reps.values()
                if queues & {*one.queues}
                and one.weight
                and one.id not in had
                and not oracle.reasons(one.id, lead)
            ]
            assert not free, (lead, free)

    @rule(member=st.sampled_from(REPS), what=st.sampled_from(sorted(CHANGES)), data=st.data())
    def change_rep(self, member: str, what: str, data: st.DataObject) -> None:
        if member in self.spec.reps:
            value = data.draw(st.sampled_from(CHANGES[what]))
            changed = self.spec.reps[member].model_copy(update={what: value})
            self.use(Spec({**self.spec.reps, member: changed}, self.spec.distribute))

    @rule(member=st.sampled_from(REPS))
    def come_or_leave(self, member: str) -> None:
        reps = dict(self.spec.reps)
        if reps.pop(member, None) is None:
            reps[member] = first_team()[member]
        self.use(Spec(reps, self.spec.distribute))

    @rule(
        name=st.sampled_from(QUEUES),
        how=st.sampled_from(["weighted", "in_order", "least_open", "most_capacity"]),
    )
    def distribute(self, name: str, how: str) -> None:
        self.use(Spec(self.spec.reps, {**self.spec.distribute, name: how}))

    def use(self, spec: Spec) -> None:
        self.spec = spec
        self.step(use(spec))

    # What holds

    @invariant()
    def queues_are_within_their_bounds(self) -> None:
        for name in QUEUES:
            balances = [row.balance for row in self.router.rows.find(RepQueueRow, "queue", name)]
            state = self.router.rows.get(QueueRow, name) or QueueRow(name)
            assert sum(balances) == 0
            assert is_within(balances, state.added)
            assert not any(exceeds(one, bound_of(state, len(balances))) for one in balances)

    @invariant()
    def no_lead_is_left_in_silence(self) -> None:
        owners = self.owners()
        for lead in self.router.rows.all(RoutedLeadRow):
            if lead.status == "routed":
                assert lead.lead_id in owners, lead
            elif lead.status == "waiting":
                assert lead.waiting_since is not None

    def teardown(self) -> None:
        """Everything happens again, with rows, policies and caches that are new: the result is the same."""
        again = History()
        for take in self.steps:
            take(again)
        assert again.router.history == self.router.history
        for kind in (AssignmentRow, RoutedLeadRow, RepQueueRow, RepRow, QueueRow, TimerRow):
            assert dict(again.router.rows.by_key(kind)) == dict(self.router.rows.by_key(kind))


def use(spec: Spec) -> Callable[[History], None]:
    """Return the step that activates a policy; as the store does, rows are there for all reps."""

    def take(history: History) -> None:
        policy, rows = spec.compiled(), history.router.rows
        history.policy = policy
        history.router.use_policy(policy)
        new = [RepQueueRow(*key) for key in sorted(policy.rep_queues) if rows.get(RepQueueRow, *key) is None]
        rows.apply([Put(row) for row in new])
        for rep_id, depth in policy.cap_depths.items():
            row = rows.get(RepRow, rep_id) or RepRow(rep_id)
            if row.depth < depth:
                counted = [
                    one for one in rows.all(AssignmentRow) if one.rep == rep_id and not one.credited_back
                ]
                times = sorted(microseconds(one.opened_at) for one in counted)[-depth:]
                rows.apply([Put(RepRow(rep_id, row.manager, depth, tuple(times)))])

    return take


def fire(subject: str, kind: str) -> Callable[[History], None]:
    """Return the step that fires a timer, if it is still there."""

    def take(history: History) -> None:
        router = history.router
        timer = router.rows.get(TimerRow, subject, "router", kind)
        if timer is not None and timer.due_at <= router.at:
            router.process(timer_event(timer, router.at))

    return take


TestRouting = Routing.TestCase
TestRouting.settings = settings(max_examples=30, stateful_step_count=30)


@pytest.mark.chaos
def test_many_long_histories():
    run_state_machine_as_test(Routing, settings=settings(max_examples=1_500, stateful_step_count=80))
