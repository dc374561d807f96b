"""Queries one provider over HTTP: within its limits, while it is available, in the time the lead has.

A provider's failure is an answer of its own (`failed`, `timeout`, `skipped`), never an exception: a look-up
goes on with the next provider, and the lead's record says what happened.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Final

import httpx2
from msgspec.structs import replace

from services.enricher.call_quota import CallQuota
from services.enricher.domain.provider_status import ProviderStatus
from services.enricher.domain.providers import LookupOutcome, ProviderAnswer, ProviderQuery, Subject
from services.enricher.domain.vendor_jobs import VendorJobRow, job_row
from services.enricher.providers.integration import Integration, ParsedReply
from services.enricher.providers.prices import reply_cost
from services.enricher.query_batcher import QueryBatcher
from services.enricher.vendor_jobs import CallbackAddresses, JobStore
from shared.clock import Clock
from shared.integrations.vendor_replies import ANSWERED, RETRY_AFTER_DEFAULT_S, HttpReply
from shared.integrations.vendor_requests import HttpRequest
from shared.lead.ids import derive_id
from shared.observability.metrics import Metrics
from shared.policy.models import Provider
from shared.resilience.availability import FAILURES_MAX, Access, Availability
from shared.resilience.priority_limiter import PriorityLimiter, Turn
from shared.resilience.single_flight import SingleFlight

RESPONSE_BYTES_MAX: Final = 256 * 1024
_BATCH_FACTOR: Final = 16
_POLL_SHARED_S: Final = 1.0
_POLLS_KEPT_MAX: Final = 1_000
_STILL_LOOKS: Final = "the vendor still looks"
_LIMITED_FOR_S: Final = 10.0
"""How long a provider is shown as limited after it was last asked for more than it may get."""
_PENDING_RETRY_S: Final = 0.5
_IN_FLIGHT_DEFAULT: Final = 5
_DETAIL_LENGTH_MAX: Final = 200
_OUTCOMES: Final[Mapping[str, LookupOutcome]] = {
    **dict.fromkeys(ANSWERED, "no_match"),
    "match": "match",
    "partial": "match",
    "timeout": "timeout",
    "pending": "timeout",
}


class Lane(IntEnum):
    """Who is served first when a provider takes fewer calls than are wanted.

    `STARTED`: the next request of a call that has begun. `FRESH`: a lead that waits to be decided on. `WORK`
    and `NURTURE`: leads that went on before, by what became of them.
    """

    STARTED = 0
    FRESH = 1
    WORK = 2
    NURTURE = 3


class ProviderClient:
    """One provider of the policy. It holds its limits and its availability, so one process makes one of each.

    `http` has the provider's base URL and belongs to this object. `jobs` keeps what vendors answer later;
    `callbacks` makes the addresses to which they may post it. `monotonic_s` is the clock of deadlines:
    seconds that never go backwards.
    """

    def __init__(
        self,
        name: str,
        terms: Provider,
        integration: Integration,
        *,
        key: str,
        http: httpx2.AsyncClient,
        clock: Clock,
        metrics: Metrics,
        jobs: JobStore | None = None,
        callbacks: CallbackAddresses | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.terms = terms
        self.integration = integration
        self._key = key
        self._http = http
        self._clock = clock
        self._metrics = metrics
        self._monotonic_s = monotonic_s
        self._per_second, self._in_flight = call_limits(terms, integration)
        self._limiter = PriorityLimiter(
            self._per_second, self._in_flight, lanes=len(Lane), urgent=Lane.WORK, monotonic_s=monotonic_s
        )
        self._availability = Availability(clock, monotonic_s=monotonic_s)
        self._shortage_at_s, self._shortage_reason = float("-inf"), ""
        # A pace that the policy sets is that of the plan that was bought.
        limits = integration.preset.limits
        self._quota = (
            CallQuota(limits.per_minute, limits.per_day) if terms.per_second is None else CallQuota()
        )
        self._jobs = jobs
        self._callbacks = callbacks
        self._batchers = {
            subject: QueryBatcher(self._exchange, batch.max, batch.wait_ms / 1000)
            for subject in integration.gives
            if (batch := integration.ask(subject).batch) is not None
        }
        # A job of a batch is polled for all its questions at once.
        self._polls: SingleFlight[str, HttpReply | ParsedReply | None] = SingleFlight(
            keep_s=_POLL_SHARED_S,
            kept_max=_POLLS_KEPT_MAX,
            is_worth_keeping=lambda answer: isinstance(answer, HttpReply),
            is_current=lambda _answer: True,
        )
        poll = integration.preset.poll
        self._poll_every_s = float(poll.every.seconds) if poll is not None else 0.0

    @property
    def access(self) -> Access:
        """Whether it may be called now; `trial`: once, to see whether it works again."""
        return self._availability.access

    @property
    def is_on_trial(self) -> bool:
        """Whether a trial call is under way, whose result other calls may wait for."""
        return self._availability.is_on_trial

    @property
    def status(self) -> ProviderStatus:
        """What an operator should know: the state and its reason.

        A provider is `limited` until nobody was turned away for a while, so that the state does not flicker.
        """
        state, reason = self._availability.state, self._availability.reason
        if state == "active" and self._monotonic_s() - self._shortage_at_s < _LIMITED_FOR_S:
            return ProviderStatus("limited", self._shortage_reason)
        return ProviderStatus(state, reason)

    async def query(self, query: ProviderQuery, *, within_s: float, turn: Turn) -> ProviderAnswer:
        """Return the provider's answer, or why there is none within `within_s` seconds. Never raises.

        The call waits for its `turn` no longer than that is patient, and not at all when that is certain to
        be too short, or while the provider is not available. A lead that waits to be decided on is not kept
        waiting by a trial call. Others wait for its result, as long again at most: to skip them would put
        their question off for as long as a failure does, though the provider works again.
        """
        if not self.integration.can_ask(query):
            return query.unanswered("skipped", self._clock.now(), "not enough is known to ask")
        if turn.lane != Lane.FRESH:
            await self._availability.wait_for_trial(within_s)
        access = self.access
        if access == "closed":
            return self._skipped(query, self._availability.reason)
        if access == "trial":
            self._availability.begin_trial()
        elif self._limiter.wait_s(turn.lane) > turn.patience_s:
            return self._no_turn(query)
        try:
            async with asyncio.timeout(within_s):
                reply = await self._run(query, turn, access, self._monotonic_s() + within_s)
        except TimeoutError:
            reply = ParsedReply("timeout", detail=f"no answer within {within_s:.1f} s")
        finally:
            if access == "trial":
                self._availability.end_trial()
        if reply is None:
            return self._no_turn(query) if self.access == "open" else self._skipped(query, self.status.reason)
        outcome = _OUTCOMES.get(reply.verdict, "failed")
        if reply.verdict == "invalid_email" and reply.facts.confidence:
            outcome = "match"
        cost = reply_cost(self.integration.price(query.subject), reply, self.terms)
        self._metrics.provider_calls.labels(self.name, outcome).inc()
        self._metrics.provider_cents.labels(self.name).inc(cost)
        answer = query.unanswered(outcome, self._clock.now(), reply.detail)
        return replace(answer, facts=reply.facts, contacts=reply.contacts, cost=cost)

    async def _run(
        self, query: ProviderQuery, turn: Turn, access: Access, ends_s: float
    ) -> ParsedReply | None:
        """Ask until the reply is final: again while it is `pending`. Return None without a turn.

        A vendor that wants to be asked again only when the time is over has not answered in time. What was
        asked before and is answered under a job is not asked again.
        """
        jobs = self._jobs if self.integration.is_polled(query.subject) else None
        job = await jobs.find(query) if jobs is not None else None
        if job is not None:
            if not turn.granted.done():
                turn.granted.set_result(True)
            return await self._poll(query, job, access, ends_s)
        batcher = self._batchers.get(query.subject)
        while True:
            if batcher is not None:
                reply = await batcher.ask(query, turn, access)
            else:
                reply = (await self._exchange([query], turn, access))[0]
            if reply is None or reply.verdict != "pending":
                return reply
            if jobs is not None:
                job = await jobs.find(query) if reply.job is not None else None
                if job is None:
                    return reply
                return await self._poll(query, job, access, ends_s, first_after_s=self._poll_every_s)
            wait_s = _PENDING_RETRY_S if reply.again_after_s is None else reply.again_after_s
            if self._monotonic_s() + wait_s > ends_s:
                return replace(reply, detail=_STILL_LOOKS)
            await asyncio.sleep(wait_s)
            turn = Turn(Lane.STARTED, self.terms.timeout.seconds)

    async def _exchange(
        self, queries: Sequence[ProviderQuery], turn: Turn, access: Access
    ) -> list[ParsedReply | None]:
        """Send one request for all queries; return what its reply means for each, None without a turn.

        A job is stored before anybody learns of it: then a crash does not make its question be asked again.
        """
        began_at = self._clock.now().isoformat()
        submission = derive_id("provider-submission", queries[0].reference, began_at, len(queries))
        address = self._callbacks.address(self.name, submission) if self._callbacks is not None else None
        integration, key = self.integration, self._key
        if len(queries) == 1:
            request = integration.request(queries[0], key, callback_url=address)
        else:
            request = integration.batch_request(queries, key, callback_url=address)
        if request is None or not await self._limiter.acquire(turn):
            return [None] * len(queries)
        try:
            reply = await self._attempt(request, queries[0].subject)
            parsed = [self._parse(query, reply) for query in queries]
            self._record(parsed[0], access)
        finally:
            self._limiter.release()
        now, polled_for = self._clock.now(), integration.polled_for
        rows = [
            job_row(query, one.job, submission, now, polled_for)
            for query, one in zip(queries, parsed, strict=True)
            if one.job is not None
        ]
        if rows and self._jobs is not None:
            await self._jobs.keep(rows)
        return list(parsed)

    async def _poll(
        self,
        query: ProviderQuery,
        job: VendorJobRow,
        access: Access,
        ends_s: float,
        *,
        first_after_s: float = 0.0,
    ) -> ParsedReply | None:
        """Return the answer of a job: what the vendor posted, else what it says when it is asked.

        A job that has no answer when it was polled long enough has failed, and its question stays asked.
        """
        jobs, wait_s, polls = self._jobs, first_after_s, 0
        if jobs is None:
            return None
        while True:
            if self._monotonic_s() + wait_s > ends_s:
                return ParsedReply("pending", detail=_STILL_LOOKS, polls=polls)
            await asyncio.sleep(wait_s)
            posted = await jobs.posted(job)
            if posted is not None:
                reply = self.integration.parse_job(query, HttpReply(200, posted), self._clock.now())
                if reply.verdict != "pending":
                    return replace(reply, polls=polls)
            if self._clock.now() > job.polled_until:
                return ParsedReply("failed", detail="its job gave no answer in time", polls=polls)
            call = self._polls.find(job.job)
            if call is None:
                call, polls = self._polls.start(job.job, self._poll_once(query, job, access)), polls + 1
            answer = await asyncio.shield(call)
            if answer is None:
                return None
            reply = self._parse(query, answer, of_job=True)
            if reply.verdict in ("job_lost", "quota_exhausted"):
                await jobs.drop(job)
            if reply.verdict != "pending":
                return replace(reply, polls=polls)
            wait_s = max(self._poll_every_s, reply.again_after_s or 0.0)

    async def _poll_once(
        self, query: ProviderQuery, job: VendorJobRow, access: Access
    ) -> HttpReply | ParsedReply | None:
        """Ask for the answers of a job, for all whose questions it has. Return None without a turn."""
        request = self.integration.poll_request(query, job.job, self._key)
        turn = Turn(Lane.STARTED, self.terms.timeout.seconds)
        if request is None or not await self._limiter.acquire(turn):
            return None
        try:
            answer = await self._attempt(request, query.subject)
            self._record(self._parse(query, answer, of_job=True), access)
            return answer
        finally:
            self._limiter.release()

    async def _attempt(self, request: HttpRequest, subject: Subject) -> HttpReply | ParsedReply:
        """Return the vendor's reply, or why there is none."""
        started_s = self._monotonic_s()
        try:
            return await self._send(request, bytes_max=self._bytes_max(subject))
        except TimeoutError:
            return ParsedReply("timeout", detail=f"no answer within {self.terms.timeout}")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            return ParsedReply("failed", detail=f"{type(error).__name__}: {error}"[:_DETAIL_LENGTH_MAX])
        finally:
            self._metrics.provider_seconds.labels(self.name).observe(self._monotonic_s() - started_s)

    def _parse(
        self, query: ProviderQuery, reply: HttpReply | ParsedReply, *, of_job: bool = False
    ) -> ParsedReply:
        if isinstance(reply, ParsedReply):
            return reply
        parse = self.integration.parse_job if of_job else self.integration.parse
        return parse(query, reply, self._clock.now())

    def _record(self, reply: ParsedReply, access: Access) -> None:
        """Take in what a reply says of the provider; those who wait for it are turned away if it pauses."""
        availability, detail = self._availability, reply.detail
        match reply.verdict:
            case "retry_later" if reply.status < 400:  # it cannot tell this one thing now
                availability.record_success(access)
            case "retry_later" if reply.status < 500 or reply.again_after_s is not None:
                self._note_shortage(f"it turned calls away as too many ({detail})")
                wait_s = RETRY_AFTER_DEFAULT_S if reply.again_after_s is None else reply.again_after_s
                availability.record_limited(access, self._shortage_reason, wait_s)
            case "bad_credentials":
                availability.record_refused(access, f"its API key is refused ({detail})")
            case "quota_exhausted":
                availability.record_refused(access, f"its credits are spent ({detail})")
            case "retry_later" | "bad_request" | "failed" | "malformed" | "timeout":
                reason = f"{FAILURES_MAX} calls failed in a row, the last with: {detail}"
                availability.record_failure(access, reason)
            case _:
                availability.record_success(access)
        if reply.window_ends_in_s is not None and availability.state == "active":
            self._note_shortage("it says that no call is left in its present window")
            availability.record_limited("open", self._shortage_reason, reply.window_ends_in_s)
        quota = self._quota.count(self._clock.now(), self._monotonic_s())
        if quota is not None and availability.state == "active":
            self._note_shortage(quota.reason)
            availability.record_limited("open", self._shortage_reason, quota.ends_in_s)
        if self._availability.state != "active":
            self._limiter.turn_away()

    def _no_turn(self, query: ProviderQuery) -> ProviderAnswer:
        limits = f"per_second: {self._per_second}, in_flight: {self._in_flight}"
        self._note_shortage(f"more calls are wanted than it may get ({limits})")
        return self._skipped(query, self._shortage_reason)

    def _note_shortage(self, reason: str) -> None:
        self._shortage_at_s, self._shortage_reason = self._monotonic_s(), reason

    def _skipped(self, query: ProviderQuery, reason: str) -> ProviderAnswer:
        self._metrics.provider_calls.labels(self.name, "skipped").inc()
        return query.unanswered("skipped", self._clock.now(), f"not asked: {reason}"[:_DETAIL_LENGTH_MAX])

    def _bytes_max(self, subject: Subject) -> int:
        """Return the size of an answer that is read; that of a batch has several times the size."""
        return RESPONSE_BYTES_MAX * (_BATCH_FACTOR if subject in self._batchers else 1)

    async def _send(self, request: HttpRequest, *, bytes_max: int) -> HttpReply:
        # One limit for the whole exchange; httpx2 has limits for its parts only.
        async with (
            asyncio.timeout(self.terms.timeout.seconds),
            self._http.stream(
                request.method,
                request.path,
                params=request.params,
                headers=request.headers,
                content=request.content,
            ) as response,
        ):
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > bytes_max:
                    raise httpx2.DecodingError(f"an answer of more than {bytes_max} bytes")
            return HttpReply(response.status_code, bytes(body), dict(response.headers))

    async def close(self) -> None:
        """Close the connections; calls that are under way fail."""
        await self._polls.close()
        await self._http.aclose()


def call_limits(terms: Provider, integration: Integration) -> tuple[int, int]:
    """Return how many calls may start in a second and how many may run: by the policy, else by the vendor."""
    limits = integration.preset.limits
    per_second = terms.per_second or limits.per_second or max((limits.per_minute or 300) // 60, 1)
    return per_second, terms.in_flight or limits.in_flight or _IN_FLIGHT_DEFAULT
