"""Erasure holds in whatever order the roles read: each role reads each topic at a pace of its own."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from services.enricher.domain.providers import LookupResult
from services.enricher.domain.record import LeadRow
from services.enricher.domain.row_keys import stored_lead
from services.enricher.handlers import EnricherHandler
from services.ledger.domain.rows import EventRow, ViewRow
from services.ledger.handlers import LedgerHandler
from services.router.domain.state import RoutedLeadRow
from services.router.handlers import RouterHandler
from services.scorer.domain.state import ScoreRow
from services.scorer.handlers import ScorerHandler
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Event, decode
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Person
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.registry import BY_MODEL
from shared.lead.events.signal_received import SignalAccount, SignalPerson, SignalReceivedV1
from shared.lead.ids import lead_id_of
from shared.lead.mentions import hashes_of_person
from shared.messaging.manifest import BY_NAME
from shared.messaging.port import Record
from shared.storage.rows import IdentityMap
from shared.worker.handler import Handler
from shared.worker.rows import TimerRow
from shared.worker.timers import timer_event
from shared.worker.unit_of_work import Result, fold
from tests.support.enriched_leads import AT
from tests.support.routing_policies import default_routing_policy
from tests.support.scoring_policies import default_scoring

EMAIL: Final = "ana@kestrel.example"
COLLEAGUE: Final = "ben@kestrel.example"
ANA, BEN = (lead_id_of(f"email:{email}") for email in (EMAIL, COLLEAGUE))
ROLES: Final = ("enricher", "scorer", "router", "ledger")


def hashed(name: str) -> str:
    return f"hash of {name}"


class NoLookUp:
    async def look_up(self, form: Any, sent_at: datetime) -> LookupResult:
        del form
        return LookupResult()

    async def refresh(self, lead_id: str) -> LookupResult:
        del lead_id
        return LookupResult()


class Role:
    """One role with its rows; `offsets` is how far it has read each topic."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.rows = IdentityMap()
        self.offsets: dict[str, int] = defaultdict(int)

    def decide(self, event: Event[Any], at: Any) -> list[Event[Any]]:
        """Decide one event and return what it led to."""
        result = Result()
        prepared = asyncio.run(self.handler.prepare(event))
        fold(self.handler, self.rows, [prepared], at, result=result, keyed_hash=hashed)
        assert not result.rejected
        return [decode(Record(o.topic, 0, 0, o.key, o.value, o.headers, 0)) for o in result.outgoing]

    def stored(self) -> bytes:
        """Return all that the role stores, but for the erasures themselves."""
        rows = [row for kind in list(self.rows._rows) for row in self.rows.all(kind)]
        return b" ".join(map(msgspec.json.encode, rows))


class ErasureInterleavings(RuleBasedStateMachine):
    """Forms, signals, actions and erasures of one person, and signals and forms at the account.

    Each form of the person has a first name of its own (`Anax1x`), which nothing may hold that is older than
    the erasure.
    """

    def __init__(self) -> None:
        super().__init__()
        self.at = AT
        self.count = 0
        self.roles = {
            "enricher": Role(EnricherHandler(NoLookUp())),
            "scorer": Role(ScorerHandler(default_scoring())),
            "router": Role(RouterHandler(default_routing_policy())),
            "ledger": Role(LedgerHandler()),
        }
        self.topics: dict[str, list[Event[Any]]] = defaultdict(list)
        self.erased_at = AT
        self.forms: list[tuple[Any, str]] = []

    def send(self, data: Any, subject: str = "", key: str = "kestrel.example") -> None:
        self.count += 1
        self.at += timedelta(seconds=1)
        kind = BY_MODEL[type(data)]
        raw = msgspec.json.encode(data)
        event = Event(f"{self.count}", "/baton/gateway", kind.name, subject, self.at, data, raw, key)
        self.topics[kind.topic.name].append(event)

    @rule()
    def form(self) -> None:
        name = f"Anax{self.count}x"
        self.send(LeadReceivedV1(person=Person(email=EMAIL, first_name=name, title="VP Sales")), ANA)
        self.forms.append((self.at, name))

    @rule()
    def outside_form(self) -> None:
        name = f"Anax{self.count}x"
        self.send(LeadReceivedV1(person=Person(email=EMAIL, first_name=name, last_name="Ruiz")), key="")
        self.forms.append((self.at, name))

    @rule()
    def form_of_a_colleague(self) -> None:
        self.send(LeadReceivedV1(person=Person(email=COLLEAGUE, first_name="Ben")), BEN)

    @rule()
    def activity(self) -> None:
        did: dict[str, Any] = {"activity": {"type": "demo_request", "details": {"note": f"did{self.count}"}}}
        self.send(SignalReceivedV1("activity", self.at, person=SignalPerson(EMAIL), details=did), ANA)

    @rule()
    def signal_of_the_account(self) -> None:
        signal = SignalReceivedV1("funding_round", self.at, SignalAccount("kestrel.example"))
        self.send(signal, "kestrel.example")

    @rule()
    def action(self) -> None:
        self.send(ActionReceivedV1(ANA, "accept"), ANA)

    @rule()
    def erasure(self) -> None:
        names = hashes_of_person([f"email:{EMAIL}"], [Person(first_name=n) for _at, n in self.forms], hashed)
        self.send(PersonErasedV1([ANA], "h", self.at + timedelta(seconds=1), ["kestrel.example"], names), ANA)
        self.erased_at = self.at

    @rule(role=st.sampled_from(ROLES), data=st.data())
    def read(self, role: str, data: st.DataObject) -> None:
        unread = self.unread(role)
        if unread:
            self.read_next(role, data.draw(st.sampled_from(unread)))

    @rule(role=st.sampled_from(ROLES))
    def fire_timers(self, role: str) -> None:
        self.at += timedelta(hours=1)
        reader = self.roles[role]
        for timer in reader.rows.all(TimerRow):
            if timer.due_at <= self.at:
                self.publish(reader.decide(timer_event(timer, self.at), self.at))

    def unread(self, role: str) -> list[str]:
        """Return the topics in which the role has something to read."""
        return sorted(
            topic
            for topic, log in self.topics.items()
            if role in BY_NAME[topic].readers and self.roles[role].offsets[topic] < len(log)
        )

    def read_next(self, role: str, topic: str) -> None:
        reader = self.roles[role]
        event = self.topics[topic][reader.offsets[topic]]
        reader.offsets[topic] += 1
        self.publish(reader.decide(event, self.at))

    def publish(self, events: list[Event[Any]]) -> None:
        for event in events:
            self.topics[BY_MODEL[type(event.data)].topic.name].append(event)

    def teardown(self) -> None:
        for _round in range(10):  # what an enricher tells is read by the scorer, and so on
            for role in ROLES:
                for topic in self.unread(role):
                    while topic in self.unread(role):
                        self.read_next(role, topic)
        stored = {role: reader.stored() for role, reader in self.roles.items()}
        for at, name in self.forms:
            if at <= self.erased_at:
                assert {role for role, rows in stored.items() if name.encode() in rows} == set()
        kept = {
            "enricher": stored_lead(self.roles["enricher"].rows, ANA),
            "scorer": getattr(self.roles["scorer"].rows.get(ScoreRow, ANA), "lead", None),
            "router": self.roles["router"].rows.get(RoutedLeadRow, ANA),
            "ledger": self.roles["ledger"].rows.get(ViewRow, ANA),
        }
        later = [name for at, name in self.forms if at > self.erased_at]
        assert {role for role, row in kept.items() if row is not None} == (set(ROLES) if later else set())
        if later:
            for role in ("enricher", "scorer", "ledger"):
                assert later[-1].encode() in stored[role], role
        if not later and self.erased_at > AT:
            assert self.roles["enricher"].rows.get(LeadRow, ANA) is None
            own = [row for row in self.roles["ledger"].rows.all(EventRow) if row.subject == ANA]
            assert {row.type for row in own} <= {"baton.person.erased.v1"}


TestErasureInterleavings = ErasureInterleavings.TestCase
TestErasureInterleavings.settings = settings(max_examples=100, stateful_step_count=40)
