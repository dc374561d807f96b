"""Whatever happens to a lead, its view says what the router's rows say: owner, queue, motion, status, brief."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.ledger.domain.rows import ViewRow
from services.ledger.domain.view import updated_view
from services.router.domain.delivery import destination_target
from services.router.domain.state import CLOSED, RoutedLeadRow, scored_lead_of
from services.router.domain.target_index import TargetIndex
from shared.lead.events.envelope import Event, decode_data
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.parts import Person, Trigger
from shared.lead.events.registry import BY_NAME
from shared.lead.events.scoring import AccountView
from shared.worker.decision import Outcome
from tests.support.routing_policies import queue, rep, routing_policy_with
from tests.support.scored_leads import AT, lead_id, scored_event, scored_lead
from tests.unit.router.conftest import SimulatedRouter

TEAM = {"one": "sdr", "two": "sdr", "bee": "bdr", "ae": "senior-ae"}
POLICY = routing_policy_with(
    tuple(rep(id_, queue_, max_open=1 if id_ == "ae" else None) for id_, queue_ in TEAM.items()),
    {"sdr": queue("4h"), "bdr": queue("1h", fallback="sdr"), "senior-ae": queue("15m", fallback="sdr")},
)
DESTINATIONS = TargetIndex(
    destination_target(f"queue:{name}", "https://hooks.example/", ()) for name in POLICY.queues
)
GRADES = {"B3": "mql", "A1": "sql", "C3": "mql", "D4": "cold"}
REPS = st.sampled_from([*TEAM])


class OneLead(RuleBasedStateMachine):
    """One lead, its router and its view. `news` is the last trigger that told of the buyer."""

    @initialize()
    def begin(self) -> None:
        self.router = SimulatedRouter(POLICY)
        self.view: ViewRow | None = None
        self.events: dict[str, Any] = {}
        self.heard: dict[str, Any] = {}
        self.scores = self.revision = 0
        self.news = Trigger("lead", "form-1", "demo_request")
        self.phone: str | None = None

    @rule(
        grade=st.sampled_from([*GRADES]),
        kind=st.sampled_from(["form", "form", "signal", "decay", "enrichment", "opt_out"]),
        is_target=st.booleans(),
    )
    def score(self, grade: str, kind: str, is_target: bool) -> None:
        self.scores += 1
        self.revision += kind == "form" or not self.revision
        if kind in ("form", "signal", "opt_out"):
            self.news = Trigger("lead" if kind == "form" else "signal", f"{kind}-{self.scores}", kind)
        if kind == "enrichment":
            self.phone = f"+1555123{self.scores:04}"
        lead = scored_lead(
            revision=self.revision,
            sequence=self.scores,
            grade=grade,
            employees=None if grade == "D4" else 200,
            person=Person(email="ana@kestrel.example", first_name="Ana", phone=self.phone),
            view=AccountView("target" if is_target else "none", "core", market_validated=True),
            trigger=kind if kind in ("decay", "enrichment") else self.news.kind,
            opted_out=kind == "opt_out",
            news=self.news,
        )
        lead = msgspec.structs.replace(lead, score=msgspec.structs.replace(lead.score, band=GRADES[grade]))
        was_emitted = self.told(lambda: self.router.process(scored_event(lead)))
        assert was_emitted or kind != "form", "a revision always has a decision"

    @rule(
        type_=st.sampled_from(["accept", "reject", "reassign", "handoff"]),
        to=st.none() | REPS,
        by=st.none() | REPS,
        reason=st.sampled_from([None, "spam", "no_budget", "wrong_territory"]),
    )
    def act(self, type_: str, to: str | None, by: str | None, reason: str | None) -> None:
        """Rejections disqualify a lead, nurture it for a while, or have it routed or assigned anew."""
        given: dict[str, Any] = {"to": to} if type_ in ("reassign", "handoff") else {}
        if type_ == "reject":
            given["reason"] = reason
        self.told(lambda: self.router.act(type_, rep=by, **given))

    @rule(type_=st.sampled_from(["accepted", "rejected", "won", "lost"]))
    def outcome(self, type_: Any) -> None:
        data = OutcomeReceivedV1(type=type_, at=AT, lead_id=lead_id("ana"))
        self.told(lambda: self.router.receive(data))

    @rule(minutes=st.sampled_from([1, 20, 300]))
    def time_passes(self, minutes: int) -> None:
        self.router.emitted = []
        self.told(lambda: self.router.advance(timedelta(minutes=minutes)))

    @rule(rep_=REPS, available=st.booleans())
    def availability_changes(self, rep_: str, available: bool) -> None:
        self.router.set_available(rep_, available=available)

    @rule()
    def the_waiting_are_assigned(self) -> None:
        self.told(self.router.assign_waiting)

    def told(self, step: Any) -> bool:
        """Make a step and fold what it emitted into the view; return whether it emitted anything."""
        outcome = step()
        for short, data in self.router.emitted:
            event_type = BY_NAME[f"baton.{short}.v1"]
            raw = msgspec.json.encode(data)
            id_ = f"routed-{data['sequence']}"
            assert id_ not in self.events
            self.events[id_] = data
            event = Event(
                id=id_, source="/baton/router", type=event_type.name, subject=data["lead_id"], time=AT,
                data=decode_data(event_type, raw), raw=raw,
            )  # fmt: skip
            self.view = updated_view(self.view, event)
            for destination in DESTINATIONS.wanting(short, event.data, AT):
                self.heard[destination.id.removeprefix("queue:")] = data["decision"]
        assert bool(self.router.emitted) <= (outcome is not Outcome.UNCHANGED)
        return bool(self.router.emitted)

    @invariant()
    def the_view_is_what_the_rows_say(self) -> None:
        row, view = self.router.lead(), self.view
        if row is None or view is None:
            assert row is None
            assert view is None
            return
        owned = [one for one in self.router.assignments() if one.active]
        assert view.owner == (owned[0].rep if owned else None)
        assert view.status == ("routed" if row.status in ("waiting", "listed") else row.status)
        assert view.owned_sequence == row.sequence == len(self.events), "sequences have no gap"
        if row.status != "suppressed":
            assert (view.queue, view.motion) == (owned[0].queue if owned else row.queue, row.motion)
        if row.status in CLOSED or row.status in ("waiting", "listed", "suppressed"):
            assert owned == []
            assert self.router.sla_due_at() is None
        assert (row.status == "listed") <= (row.motion == "nurture")
        assert bool(owned) == (row.status == "routed")
        self.the_brief_is_the_present_one(row, view)

    @invariant()
    def each_destination_knows_whether_the_lead_is_in_its_queue(self) -> None:
        row = self.router.lead()
        is_in = row.queue if row is not None and row.status in ("routed", "waiting", "listed") else None
        thinks = {
            queue_
            for queue_, decision in self.heard.items()
            if decision.get("queue") == queue_ and decision["change"] != "closed"
        }
        assert thinks == ({is_in} if is_in else set())

    def the_brief_is_the_present_one(self, row: RoutedLeadRow, view: ViewRow) -> None:
        brief = self.events[str(view.briefed_id)].get("brief")
        if row.status == "suppressed":
            assert brief is None
            return
        if row.status in CLOSED or row.recycle_at is not None:
            return  # nobody reads it until the lead is taken or routed again, with a new one
        scored = scored_lead_of(row)
        assert scored is not None
        assert brief["contact"]["phone"] == scored.person.phone
        assert brief["trigger"]["kind"] == self.news.kind
        signed_by = view.owner.title() if view.owner else None
        assert (
            brief["warm_intro"].endswith(f"Best, {signed_by}")
            if signed_by
            else "Best," not in brief["warm_intro"]
        )
        assert self.events[str(view.briefed_id)]["trigger"]["event_id"] == self.news.event_id
        assert self.events[str(view.briefed_id)]["score"]["grade"] == scored.score.grade


TestOneLead = OneLead.TestCase
TestOneLead.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
