"""Fixtures: a scorer over rows in memory, which checks the counts of the accounts after every event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from services.scorer.domain.account import has_contact
from services.scorer.domain.lead_company_names import lead_company_name_rows
from services.scorer.domain.rematch import NAMES_AT_ONCE_MAX, REMATCH, rematch_chunk
from services.scorer.domain.rescore import CHUNK, RESCORE
from services.scorer.domain.state import (
    AccountRow,
    ChunkRow,
    LeadCompanyNameRow,
    RematchRow,
    RescoreRow,
    ScoreRow,
)
from services.scorer.domain.update_score import DECAY, ROLE
from services.scorer.handlers import ScorerHandler
from services.scorer.policy import ScoringPolicy
from shared.lead.events.envelope import Event, decode
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.scoring import Score
from shared.messaging.port import Outgoing, Record
from shared.storage.rows import IdentityMap
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow
from shared.worker.timers import timer_event
from shared.worker.unit_of_work import Result, fold
from tests.support.enriched_leads import AT, enriched_lead, event_of, lead_id, signal
from tests.support.scoring_policies import default_scoring


def check_counts(rows: IdentityMap) -> None:
    """Every scored lead is counted in its account and in no other, its timer is the one its row names."""
    leads = [row for row in rows.all(ScoreRow) if row.lead is not None and row.score is not None]
    people = [row for row in leads if has_contact(row.lead)]
    for account in rows.all(AccountRow):
        assert account.leads == sum(row.account == account.account for row in leads)
        grades = [row.score.grade for row in people if row.account == account.account and row.score]
        assert account.grades == Counter(grades)
        assert account.active.keys() <= {row.lead_id for row in people}
    names = [name for row in leads for name in lead_company_name_rows(row).values()]
    assert rows.all(LeadCompanyNameRow) == sorted(names, key=lambda name: name.key)
    due = {row.lead_id: row.due_at for row in rows.all(ScoreRow) if row.due_at is not None}
    assert due == {row.subject: row.due_at for row in rows.all(TimerRow) if row.kind == DECAY}


class SimulatedScorer:
    """The scorer's handler, its rows, and a clock that the test moves.

    `emitted` has the events that the last call of `process` led to, decoded from the records that would be
    published. `chunk` is the number of leads in one chunk of a re-score.
    """

    def __init__(self, policy: ScoringPolicy | None = None) -> None:
        self.rows = IdentityMap()
        self.handler = ScorerHandler(policy or default_scoring())
        self.at = AT
        self.emitted: list[Event[Any]] = []
        self.chunk = CHUNK
        self._received = 0

    def process(self, *events: Event[Any]) -> Outcome:
        """Decide events in one unit of work; return the outcome of the last. Raises its `DataError`."""
        result = Result()
        fold(self.handler, self.rows, events, self.at, result=result, keyed_hash="hash of {}".format)
        self.emitted = [_decoded(out) for out in result.outgoing]
        check_counts(self.rows)
        if result.rejected:
            raise result.rejected[-1][1]
        return result.outcomes[-1][1]

    def enrich(self, name: str = "ana", *, causation_id: str = "received-1", **given: Any) -> Outcome:
        """Process an enriched lead. `after_erasure` is when the enricher erased the person last."""
        after_erasure = given.pop("after_erasure", None)
        enriched = event_of(enriched_lead(name, **given), causation_id=causation_id, at=self.at)
        return self.process(replace(enriched, after_erasure=after_erasure))

    def receive(self, data: Struct, id_: str = "") -> Outcome:
        """Process a signal, an account or an erasure; each call is an event of its own unless `id_` is given."""
        self._received += 1
        return self.process(event_of(data, id_ or f"received-{self._received}", at=self.at))

    def signal(self, *given: Any, id_: str = "", **more: Any) -> Outcome:
        return self.receive(signal(*given, **more), id_)

    def act(self, type_: str, email: str = "ana@kestrel.example", *, id_: str = "", **given: Any) -> Outcome:
        """Process an activity that a person did after their form, as a signal reports it."""
        activity = {"type": type_, **given}
        return self.signal("activity", None, email=email, details={"activity": activity}, id_=id_)

    def erase(self, *lead_ids: str, **named: list[str]) -> Outcome:
        return self.receive(PersonErasedV1(list(lead_ids), "hash", self.at, **named))

    def fire_due(self) -> Outcome | None:
        """Process the timers that are due, with the rows that the store would load for them."""
        due = [timer for timer in self.rows.all(TimerRow) if timer.due_at <= self.at]
        for timer in due:
            if timer.kind == RESCORE:
                self.rows.add([self.next_chunk(timer.subject)])
            elif timer.kind == REMATCH and (rematch := self.rows.get(RematchRow, timer.subject)):
                self.rows.add([rematch_chunk(rematch, self.names_after(rematch))])
        return self.process(*(timer_event(timer, self.at) for timer in due)) if due else None

    def advance(self, by: timedelta) -> Outcome | None:
        """Advance the time and fire the timers that are due then."""
        self.at += by
        return self.fire_due()

    def lead(self, name: str = "ana") -> ScoreRow | None:
        return self.rows.get(ScoreRow, lead_id(name))

    def score(self, name: str = "ana") -> Score:
        """Return the stored score of a lead that has one."""
        row = self.lead(name)
        assert row is not None
        assert row.score is not None
        return row.score

    def account(self, key: str = "kestrel.example") -> AccountRow | None:
        return self.rows.get(AccountRow, key)

    def due_at(self, name: str = "ana") -> datetime | None:
        timer = self.rows.get(TimerRow, lead_id(name), ROLE, DECAY)
        return timer.due_at if timer else None

    def scored(self) -> list[LeadScoredV1]:
        """Return the scores that the last events led to."""
        return [event.data for event in self.emitted if isinstance(event.data, LeadScoredV1)]

    def event_types(self) -> list[str]:
        return [event.type.removeprefix("baton.").removesuffix(".v1") for event in self.emitted]

    def next_chunk(self, account: str) -> ChunkRow:
        """Return the leads that the store would load for the next timer of a re-score."""
        rescore = self.rows.get(RescoreRow, account)
        leads = [row.lead_id for row in self.rows.find(ScoreRow, "account", account)]
        cursor = rescore.cursor if rescore else ""
        ahead = [lead_id for lead_id in sorted(leads) if lead_id > cursor][: self.chunk]
        return ChunkRow(account, tuple(ahead), last=len(ahead) < self.chunk)

    def names_after(self, rematch: RematchRow) -> dict[str, list[LeadCompanyNameRow]]:
        """Return the names of leads that the store would load for the next timer of a rematch."""
        names = {block: self.rows.find(LeadCompanyNameRow, "block", block) for block in rematch.blocks}
        first = rematch.blocks[0]
        return {
            block: [name for name in found if block != first or name.lead_id > rematch.cursor][
                :NAMES_AT_ONCE_MAX
            ]
            for block, found in names.items()
        }


def _decoded(out: Outgoing) -> Event[Any]:
    return decode(Record(out.topic, 0, 0, out.key, out.value, out.headers, 0))


@pytest.fixture
def scorer() -> SimulatedScorer:
    """A scorer with the default policy."""
    return SimulatedScorer()


@pytest.fixture(scope="session")
def simulate() -> Callable[[ScoringPolicy | None], SimulatedScorer]:
    """Make a scorer with the given policy."""
    return SimulatedScorer
