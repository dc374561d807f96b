"""Fixtures: an enricher over rows in memory, whose look-up returns what a test prepares."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec import Struct

from services.enricher.domain.discovery import ContactLookup
from services.enricher.domain.form import Form
from services.enricher.domain.providers import LookupResult
from services.enricher.domain.record import AliasRow, IdentifierRow, LeadRow
from services.enricher.domain.row_keys import stored_lead, surviving_lead_id
from services.enricher.handlers import EnricherHandler
from shared.lead.events.account_enriched import AccountEnrichedV1
from shared.lead.events.envelope import Event, decode
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, Person
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.registry import BY_MODEL
from shared.lead.events.signal_received import SignalPerson, SignalReceivedV1
from shared.lead.ids import lead_id_of
from shared.messaging.port import Record
from shared.storage.rows import IdentityMap
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow
from shared.worker.timers import timer_event
from shared.worker.unit_of_work import Result, fold
from tests.support.forms import ANA, AT


def _hashed(lead_id: str) -> str:
    return f"hash of {lead_id}"


class PreparedLookup:
    """Returns `result` for every lead, and records which forms and leads it was asked about."""

    def __init__(self) -> None:
        self.result = LookupResult()
        self.asked: list[Form | str] = []

    async def look_up(self, form: Form, sent_at: datetime) -> LookupResult:
        self.asked.append(form)
        return self.result

    async def refresh(self, lead_id: str) -> LookupResult:
        self.asked.append(lead_id)
        return self.result


class PreparedDiscovery:
    """Looks for people at `account` because of every owned lead, and returns `lookups` one after the other."""

    keyed_hash = staticmethod(_hashed)

    def __init__(self) -> None:
        self.account: str | None = None
        self.lookups: list[ContactLookup] = []
        self.asked: list[str] = []

    def account_of(self, event: bytes, at: datetime) -> str | None:
        del event, at
        return self.account

    async def ask(self, account: str) -> ContactLookup:
        self.asked.append(account)
        return self.lookups.pop(0) if self.lookups else ContactLookup()


class SimulatedEnricher:
    """Decides events as the runtime does. `emitted` are the events of the last call about leads, `told` those
    about accounts.

    `after_erasure` are the times of the erasures that these follow.
    """

    def __init__(self) -> None:
        self.rows = IdentityMap()
        self.lookup = PreparedLookup()
        self.discovery = PreparedDiscovery()
        self.handler = EnricherHandler(self.lookup, frozenset, self.discovery)
        self.at = AT
        self.emitted: list[LeadEnrichedV1] = []
        self.told: list[AccountEnrichedV1] = []
        self.after_erasure: list[datetime | None] = []
        self._count = 0

    async def receive(self, *data: Struct) -> Outcome:
        """Decide these events in one unit of work; return the outcome of the last."""
        return await self.process([self.event(item) for item in data])

    async def submit(
        self, email: str | None = ANA, *, company: Company | None = None, **given: Any
    ) -> Outcome:
        """Decide a form; names of `Person` go there, all others to the form itself."""
        person = {name: given.pop(name) for name in list(given) if name in Person.__struct_fields__}
        return await self.receive(
            LeadReceivedV1(person=Person(email=email, **person), company=company or Company(), **given)
        )

    async def opt_out(self, email: str | None = ANA) -> Outcome:
        person = SignalPerson(email=email) if email else None
        return await self.receive(SignalReceivedV1(type="opt_out", occurred_at=self.at, person=person))

    async def erase(self, *lead_ids: str, at: Any = None) -> Outcome:
        return await self.receive(PersonErasedV1(list(lead_ids), email_hash="x", at=at or self.at))

    async def advance(self, by: timedelta) -> Outcome | None:
        """Advance the time and decide the timers that are due; return the outcome of the last."""
        self.at += by
        self.emitted = []
        due = [timer for timer in self.rows.all(TimerRow) if timer.due_at <= self.at]
        return await self.process([timer_event(timer, self.at) for timer in due]) if due else None

    def event(self, data: Struct) -> Event[Any]:
        self._count += 1
        return Event(f"event-{self._count}", "/test", BY_MODEL[type(data)].name, "", self.at, data)

    def lead(self, email: str = ANA) -> LeadRow:
        """Return the lead that answers for an address."""
        lead = stored_lead(self.rows, surviving_lead_id(self.rows, lead_id_of(f"email:{email}")))
        assert lead is not None
        return lead

    @property
    def stored(self) -> dict[str, int]:
        """The number of rows of each kind."""
        kinds = (LeadRow, AliasRow, IdentifierRow, TimerRow)
        return {kind.__name__: len(self.rows.all(kind)) for kind in kinds if self.rows.all(kind)}

    async def process(self, events: list[Event[Any]]) -> Outcome:
        """Prepare and decide these events in one unit of work; return the outcome of the last."""
        prepared = [await self.handler.prepare(event) for event in events]
        result = Result()
        fold(self.handler, self.rows, prepared, self.at, result=result, keyed_hash=_hashed)
        assert not result.rejected
        records = [Record(out.topic, 0, 0, out.key, out.value, out.headers, 0) for out in result.outgoing]
        decoded = [decode(record) for record in records]
        self.emitted = [event.data for event in decoded if isinstance(event.data, LeadEnrichedV1)]
        self.told = [event.data for event in decoded if isinstance(event.data, AccountEnrichedV1)]
        self.after_erasure = [event.after_erasure for event in decoded]
        return result.outcomes[-1][1]


@pytest.fixture
def enricher() -> SimulatedEnricher:
    return SimulatedEnricher()
