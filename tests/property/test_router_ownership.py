"""Any sequence of scores, actions, outcomes and timers: one owner, true credits, nobody gets back a lead.

`SimulatedRouter` checks after each event that credits, open leads and balances agree with the assignments.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.router.domain.ownership import SLA, steps_to_come
from services.router.domain.rejects import RECYCLE
from services.router.domain.state import CLOSED, AssignmentRow, RoutedLeadRow
from services.router.policy import RoutingPolicy, routing_policy_of
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.policy.compiled import compiled
from shared.policy.load import load, texts_in
from shared.policy.models import LadderStep
from shared.rules.times import parse_duration
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow
from tests.support.scored_leads import lead_id
from tests.unit.router.conftest import SimulatedRouter

CONFIG = Path("config")
NOTES = dict.fromkeys(("need", "timeline", "decision_criteria", "products", "contacts", "goals"), "known")
REASONS = (None, "spam", "bad_data", "not_icp", "no_budget", "bad_timing", "wrong_territory", "wrong_person")
LADDER = (
    LadderStep(after=parse_duration("30m"), do="remind"),
    LadderStep(after=parse_duration("1h"), do="reassign"),
    LadderStep(after=parse_duration("3h business"), do="escalate", to="manager"),
    LadderStep(after=parse_duration("30h"), do="fallback"),
)

names = st.sampled_from(["ana", "ben", "cy"])
reasons = st.sampled_from(REASONS)


@cache
def example_policy() -> RoutingPolicy:
    """The default policy with the example of hand-offs: sales engineers join, customer success follows.

    The SDRs have a ladder with every kind of step.
    """
    policy = load({**texts_in(CONFIG), **texts_in(CONFIG / "examples" / "hand-off")})
    sdr = policy.routing.queues["sdr"].model_copy(update={"ladder": LADDER, "fallback": "bdr"})
    routing = policy.routing.model_copy(update={"queues": {**policy.routing.queues, "sdr": sdr}})
    return routing_policy_of(compiled(policy.model_copy(update={"routing": routing})))


class Ownership(RuleBasedStateMachine):
    """Leads of two accounts, and what reps, the CRM and the time do to them."""

    def __init__(self) -> None:
        super().__init__()
        self.router = SimulatedRouter(example_policy())
        self.sequence = 0
        self.rejected: dict[str, set[str]] = {}
        self.rejected_before_routed: set[str] = set()

    def _lead(self, name: str) -> RoutedLeadRow | None:
        return self.router.lead(name)

    @rule(
        name=names,
        grade=st.sampled_from(["A1", "B3", "D4"]),
        trigger=st.sampled_from(["lead", "signal", "decay"]),
        is_new=st.booleans(),
    )
    def score(self, name: str, grade: str, trigger: str, *, is_new: bool) -> None:
        self.sequence += 1
        lead = self._lead(name)
        revision = (lead.revision if lead else 0) + (1 if is_new or lead is None else 0)
        account = "kestrel.example" if name != "cy" else "cy.example"
        given = {"grade": grade, "trigger": trigger, "sequence": self.sequence, "revision": revision}
        self.router.score(name, account=account, **given)

    @rule(name=names, reason=reasons)
    def reject(self, name: str, reason: str | None) -> None:
        owner, before = self.router.owner(name), self._credits()
        if self.router.act("reject", name, reason=reason) is not Outcome.APPLIED:
            assert owner is None
            return
        assert owner is not None
        self.rejected.setdefault(name, set()).add(owner)
        assigned = self.router.owner(name) is not None
        returned = reason in ("spam", "bad_data")
        assert self._credits() == before + assigned - returned

    @rule(name=names, to=st.sampled_from(["se", "csm", "senior-ae", "sdr", "se-2", "sdr-2"]))
    def hand_off(self, name: str, to: str) -> None:
        owner, before = self.router.owner(name), self._credits()
        done = self.router.act("handoff", name, to=to, notes=NOTES) is Outcome.APPLIED
        assert self._credits() == before + done
        if done and to.startswith("se") and to != "senior-ae":
            assert self.router.owner(name) == owner, "who joins leaves the owner"

    @rule(name=names, to=st.sampled_from([None, "bdr", "sdr-3", "ae-1"]))
    def reassign(self, name: str, to: str | None) -> None:
        before = self._credits()
        done = self.router.act("reassign", name, to=to) is Outcome.APPLIED
        assert self._credits() == before + done

    @rule(name=names, rep=st.sampled_from([None, "sdr-1", "bdr-1"]))
    def accept(self, name: str, rep: str | None) -> None:
        self.router.act("accept", name, rep=rep)

    @rule(
        name=names,
        type_=st.sampled_from(["won", "lost", "opportunity", "rejected", "meeting_booked"]),
        reason=reasons,
        hours_ago=st.sampled_from([0, 1, 30]),
    )
    def report(self, name: str, type_: Any, reason: str | None, hours_ago: int) -> None:
        owner = self.router.owner(name)
        at = self.router.at - timedelta(hours=hours_ago)
        outcome = OutcomeReceivedV1(type=type_, at=at, lead_id=lead_id(name), reason=reason)
        result = self.router.receive(outcome)
        if type_ == "rejected" and result is Outcome.PARKED:
            self.rejected_before_routed.add(name)
        elif type_ == "rejected" and result is Outcome.APPLIED and owner is not None:
            self.rejected.setdefault(name, set()).add(owner)

    @rule(name=names, hours=st.sampled_from([1, 7]))
    def snooze(self, name: str, hours: int) -> None:
        self.router.act("snooze", name, until=self.router.at + timedelta(hours=hours))

    @rule(hours=st.sampled_from([0.5, 1, 30, 24 * 100]))
    def wait(self, hours: float) -> None:
        self.router.advance(timedelta(hours=hours))
        self.router.assign_waiting()

    @invariant()
    def nobody_has_again_what_they_rejected(self) -> None:
        for name, reps in self.rejected.items():
            assert self.router.owner(name) not in reps
            lead = self._lead(name)
            assert lead is not None
            assert reps <= {*lead.rejected_by}
            # A rejection that overtook its lead is of whoever was its first owner.
            assert {*lead.rejected_by} == reps or name in self.rejected_before_routed

    @invariant()
    def closed_and_nurtured_leads_have_no_owner_and_nobody_beside_one(self) -> None:
        for lead in self.router.rows.all(RoutedLeadRow):
            active = [
                row for row in self.router.rows.find(AssignmentRow, "lead_id", lead.lead_id) if row.active
            ]
            if lead.status in CLOSED or lead.status in ("listed", "suppressed"):
                assert active == []
            assert (lead.status == "routed") is any(not row.joined for row in active)

    @invariant()
    def a_recycled_lead_has_its_timer(self) -> None:
        timers = {row.subject: row.due_at for row in self.router.rows.all(TimerRow) if row.kind == RECYCLE}
        for lead in self.router.rows.all(RoutedLeadRow):
            if lead.recycle_at is not None:
                assert lead.status == "listed"
                assert timers[lead.lead_id] == lead.recycle_at

    @invariant()
    def a_lead_that_is_not_accepted_has_the_timer_of_its_next_step_and_no_other_has_one(self) -> None:
        timers = {row.subject: row.due_at for row in self.router.rows.all(TimerRow) if row.kind == SLA}
        expected: dict[str, datetime] = {}
        for row in self.router.rows.all(AssignmentRow):
            if row.active and row.state == "open" and not row.joined and row.accept_by is not None:
                steps = steps_to_come(example_policy(), row)
                due_at = row.accept_by if steps is None else steps[0].due_at if steps else None
                expected |= {} if due_at is None else {row.lead_id: due_at}
        # Where there is no ladder, the last rep of a queue keeps the lead without a timer.
        past = {lead for lead, due_at in expected.items() if due_at <= self.router.at}
        assert timers.items() <= expected.items()
        assert expected.keys() - timers.keys() <= past

    def _credits(self) -> int:
        return sum(not row.credited_back for row in self.router.rows.all(AssignmentRow))


TestOwnership = Ownership.TestCase
TestOwnership.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
