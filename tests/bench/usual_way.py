"""The path as it is usually written: a FastStream subscriber for each role, an ORM session for each message.

Every subscriber takes one message at a time, has it validated by Pydantic, selects what is known, changes
it and commits, publishes what follows, waits until that is acknowledged, and commits its offset. Webhooks go
out by httpx. The decisions are Baton's own pure functions. What is spared: the question which fields are
worth buying, the outbox, tombstones, metrics, traces, the check of egress, and any log.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import httpx
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from standardwebhooks import Webhook

from services.enricher.domain.form import Form
from services.enricher.domain.providers import LookupResult
from services.enricher.domain.record import AliasRow, LeadRow
from services.enricher.handlers import EnricherHandler
from services.enricher.tables import leads
from services.gateway.tables import rep_availability, subscriptions
from services.ledger.domain.rows import EventRow, ViewRow
from services.ledger.handlers import LedgerHandler
from services.router.delivery.retry_schedule import after_attempt
from services.router.domain.brief import STAKEHOLDERS_MAX
from services.router.domain.delivery import (
    DeliveryAttempt,
    DeliveryRow,
    delivery_id,
    new_delivery,
    webhook_body,
)
from services.router.domain.state import (
    AccountContactRow,
    AccountLockRow,
    AssignmentRow,
    AwayRepRow,
    RepQueueRow,
    RoutedLeadRow,
)
from services.router.handlers import RouterHandler
from services.router.policy import routing_policy_of
from services.router.tables import assignments
from services.scorer.domain import state as scorer
from services.scorer.handlers import ScorerHandler
from services.scorer.policy import scoring_policy
from shared.lead.events.envelope import Event, decode
from shared.messaging.port import Outgoing, Record
from shared.policy.compiled import CompiledPolicy
from shared.storage.rows import Put
from shared.worker.handler import Handler
from shared.worker.rows import InputRow
from shared.worker.unit_of_work import Result, fold
from tests.bench.entities import InSession, entity_of
from tests.bench.messages import LeadEnriched, LeadMessage, LeadReceived, LeadScored

ROUTED: Final = "leads.routed.v1"
_RECORDED: Final = ("leads.received.v1", "leads.enriched.v1", "leads.scored.v1", ROUTED)


class UsualWay:
    """The subscribers of one process."""

    def __init__(
        self,
        kafka: str,
        prefix: str,
        sessions: async_sessionmaker[AsyncSession],
        http: httpx.AsyncClient,
        policy: CompiledPolicy,
        *,
        secret: str,
    ) -> None:
        self.handled = Counter[str]()
        self._prefix = prefix
        self._sessions = sessions
        self._http = http
        self._webhook = Webhook(secret)
        self._enricher = EnricherHandler(_NothingBought(policy))
        self._scorer = ScorerHandler(scoring_policy(policy))
        self._router = RouterHandler(routing_policy_of(policy))
        self._ledger = LedgerHandler()
        self._broker = KafkaBroker(kafka, acks="all", enable_idempotence=True, logger=None)
        self._subscribers = [
            self._subscriber("enricher", self._enrich, "leads.received.v1"),
            self._subscriber("scorer", self._score, "leads.enriched.v1"),
            self._subscriber("router", self._route, "leads.scored.v1"),
            self._subscriber("router-deliver", self._deliver, ROUTED),
            self._subscriber("ledger", self._record, *_RECORDED),
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Consume, once every subscriber has its partitions."""
        async with self._broker:
            await self._broker.start()
            async with asyncio.timeout(60):
                while not all(one.consumer and one.consumer.assignment() for one in self._subscribers):
                    await asyncio.sleep(0.05)
            yield

    async def worked(self, leads: int) -> None:
        """Return when so many leads have been delivered and recorded."""
        wanted = {"router-deliver": leads, "ledger": leads * len(_RECORDED)}
        async with asyncio.timeout(120):
            while any(self.handled[role] < number for role, number in wanted.items()):
                await asyncio.sleep(0.05)

    def _subscriber(self, role: str, handle: Callable[..., Any], *topics: str) -> Any:
        subscriber = self._broker.subscriber(
            *(f"{self._prefix}.{topic}" for topic in topics),
            group_id=f"{self._prefix}.{role}",
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,  # the offset of each message is committed after it
        )
        subscriber(handle)
        return subscriber

    async def _enrich(self, lead: LeadReceived, message: KafkaMessage) -> None:
        event = await self._enricher.prepare(self._event(message))
        async with self._sessions() as session:
            stored = InSession(session)
            await stored.get(InputRow, event.id, event.source, "enricher")
            await stored.get(AliasRow, event.subject)
            await stored.get(LeadRow, event.subject)
            await self._decide(self._enricher, event, stored)

    async def _score(self, lead: LeadEnriched, message: KafkaMessage) -> None:
        async with self._sessions() as session:
            stored = InSession(session)
            await stored.get(scorer.AccountRow, lead.account, lock=True)
            await stored.get(scorer.ScoreRow, lead.lead_id)
            await self._decide(self._scorer, self._event(message), stored)

    async def _route(self, lead: LeadScored, message: KafkaMessage) -> None:
        async with self._sessions() as session:
            stored = InSession(session)
            if await stored.get(AccountLockRow, lead.account, lock=True) is None:
                stored.rows.apply([Put(AccountLockRow(lead.account))])
            await stored.get(RoutedLeadRow, lead.lead_id)
            await self._look_who_owns(stored, lead)
            away = select(entity_of("rep_availability")).where(rep_availability.c.available.is_(False))
            await stored.find(AwayRepRow, away)
            await stored.find(RepQueueRow, select(entity_of("rep_queues")).with_for_update())
            await self._decide(self._router, self._event(message), stored)

    async def _look_who_owns(self, stored: InSession, lead: LeadScored) -> None:
        """Load who has the lead, who has its account and, if somebody does, whom they know there."""
        assignment = select(entity_of("assignments"))
        await stored.find(AssignmentRow, assignment.where(assignments.c.lead_id == lead.lead_id))
        owned = (assignments.c.account == lead.account, assignments.c.closed_at.is_(None))
        oldest = assignment.where(*owned).order_by(assignments.c.opened_at, assignments.c.id).limit(1)
        if await stored.find(AssignmentRow, oldest):
            known = select(entity_of("leads")).join(assignments, assignments.c.lead_id == leads.c.lead_id)
            first = known.where(*owned).order_by(assignments.c.opened_at).limit(STAKEHOLDERS_MAX)
            await stored.find(AccountContactRow, first)

    async def _deliver(self, told: LeadMessage, message: KafkaMessage) -> None:
        event = self._event(message)
        if event.type != "baton.lead.routed.v1":
            return
        async with self._sessions() as session:
            stored = InSession(session)
            active = select(entity_of("subscriptions")).where(subscriptions.c.state == "active")
            wanting: Sequence[Any] = (await session.scalars(active)).all()
            for subscription in wanting:
                id_ = delivery_id(event.id, subscription.id)
                if await stored.get(DeliveryRow, id_) is None:
                    await self._post(stored, id_, subscription, event)
                    self.handled["router-deliver"] += 1
            await stored.commit()

    async def _post(self, stored: InSession, id_: str, subscription: Any, event: Event[Any]) -> None:
        now = datetime.now(UTC)
        body = webhook_body("lead.routed", event.time, event.raw)
        headers = {
            "content-type": "application/json",
            "webhook-id": event.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(event.id, now, body.decode()),
        }
        answer = await self._http.post(subscription.url, content=body, headers=headers)
        row = new_delivery(
            id_,
            subscription.id,
            subscription.url,
            event_id=event.id,
            event_type=event.type,
            lead_id=event.subject,
            body=body,
            at=now,
        )
        stored.rows.apply([Put(after_attempt(row, DeliveryAttempt(answer.status_code), datetime.now(UTC)))])

    async def _record(self, told: LeadMessage, message: KafkaMessage) -> None:
        event = self._event(message)
        async with self._sessions() as session:
            stored = InSession(session)
            if await stored.get(EventRow, event.id, event.source) is None:
                if told.lead_id is not None:
                    await stored.get(ViewRow, told.lead_id)
                await self._decide(self._ledger, event, stored)

    async def _decide(self, handler: Handler, event: Event[Any], stored: InSession) -> None:
        """Decide, commit, publish."""
        result = Result()
        fold(handler, stored.rows, [event], datetime.now(UTC), result=result)
        for _event, error in result.rejected:
            raise error
        await stored.commit()
        for outgoing in result.outgoing:
            await self._publish(outgoing)
        self.handled[handler.role] += 1

    async def _publish(self, outgoing: Outgoing) -> None:
        headers = {name: value.decode() for name, value in outgoing.headers if value is not None}
        await self._broker.publish(
            outgoing.value, f"{self._prefix}.{outgoing.topic}", key=outgoing.key, headers=headers
        )

    def _event(self, message: KafkaMessage) -> Event[Any]:
        """Return the message as the decisions take it; they know the values of Baton's own events only."""
        record: Any = message.raw_message
        topic = record.topic.removeprefix(f"{self._prefix}.")
        place = (topic, record.partition, record.offset)
        return decode(Record(*place, record.key, record.value, record.headers, record.timestamp))


class _NothingBought:
    """The answer to every form: there is nothing that is worth its price, which no time is taken to find."""

    def __init__(self, policy: CompiledPolicy) -> None:
        self._gathered = LookupResult(fields=policy.policy.providers.fields, stop="settled")

    async def look_up(self, form: Form, sent_at: datetime) -> LookupResult:
        return self._gathered

    async def refresh(self, lead_id: str) -> LookupResult:
        return self._gathered
