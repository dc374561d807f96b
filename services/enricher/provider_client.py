"""Queries one provider over HTTP: within its limits, while it is available, in the time the lead has.

A provider's failure is an answer of its own (`failed`, `timeout`, `skipped`), never an exception: a look-up
goes on with the next provider, and the lead's record says what happened.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Final

import httpx2
from msgspec.structs import replace

from services.enricher.domain.provider_status import ProviderStatus
from services.enricher.domain.providers import LookupOutcome, ProviderAnswer, ProviderQuery
from services.enricher.providers.integration import HttpReply, HttpRequest, Integration, ParsedReply
from shared.clock import Clock
from shared.observability.metrics import Metrics
from shared.policy.models import Provider
from shared.resilience.availability import FAILURES_MAX, Access, Availability
from shared.resilience.priority_limiter import PriorityLimiter, Turn

RESPONSE_BYTES_MAX: Final = 256 * 1024
_LIMITED_FOR_S: Final = 10.0
"""How long a provider is shown as limited after it was last asked for more than it may get."""
_PENDING_RETRY_S: Final = 0.5
_DETAIL_LENGTH_MAX: Final = 200
_OUTCOMES: Final[dict[str, LookupOutcome]] = {"match": "match", "no_match": "no_match", "timeout": "timeout"}
_REFUSALS: Final = {
    "status 401": "its API key is refused",
    "status 403": "its API key is refused",
    "status 402": "its credits are spent",
    "status 429": "its credits are spent",
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

    `http` has the provider's base URL and belongs to this object. `monotonic_s` is the clock of deadlines:
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
        self._limiter = PriorityLimiter(
            terms.per_second, terms.in_flight, lanes=len(Lane), urgent=Lane.WORK, monotonic_s=monotonic_s
        )
        self._availability = Availability(clock, monotonic_s=monotonic_s)
        self._shortage_at_s, self._shortage_reason = float("-inf"), ""

    @property
    def access(self) -> Access:
        """Whether it may be called now; `trial`: once, to see whether it works again."""
        return self._availability.access

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
        be too short, or while the provider is not available.
        """
        request = self.integration.request(query, self._key)
        if request is None:
            return query.unanswered("skipped", self._clock.now(), "not enough is known to ask")
        access = self.access
        if access == "closed":
            return self._skipped(query, self._availability.reason)
        if access == "trial":
            self._availability.begin_trial()
        elif self._limiter.wait_s(turn.lane) > turn.patience_s:
            return self._no_turn(query)
        try:
            async with asyncio.timeout(within_s):
                reply = await self._run(query, request, turn, access)
        except TimeoutError:
            reply = ParsedReply("timeout", detail=f"no answer within {within_s:.1f} s")
        finally:
            if access == "trial":
                self._availability.end_trial()
        if reply is None:
            return self._no_turn(query) if self.access == "open" else self._skipped(query, self.status.reason)
        outcome = _OUTCOMES.get(reply.verdict, "failed")
        charged = outcome == "match" or (outcome == "no_match" and self.terms.charged == "call")
        cost = self.terms.price_cents if charged else 0
        self._metrics.provider_calls.labels(self.name, outcome).inc()
        self._metrics.provider_cents.labels(self.name).inc(cost)
        answer = query.unanswered(outcome, self._clock.now(), reply.detail)
        return replace(answer, facts=reply.facts, cost=cost)

    async def _run(
        self, query: ProviderQuery, request: HttpRequest, turn: Turn, access: Access
    ) -> ParsedReply | None:
        """Send until the reply is final: again while it is `pending`. Return None without a turn."""
        while await self._limiter.acquire(turn):
            try:
                reply = await self._attempt(query, request, access)
            finally:
                self._limiter.release()
            if reply.verdict != "pending":
                return reply
            await asyncio.sleep(_PENDING_RETRY_S)
            turn = Turn(Lane.STARTED, self.terms.timeout.seconds)
        return None

    async def _attempt(self, query: ProviderQuery, request: HttpRequest, access: Access) -> ParsedReply:
        started_s = self._monotonic_s()
        try:
            reply = self.integration.parse(query, await self._send(request))
        except TimeoutError:
            reply = ParsedReply("timeout", detail=f"no answer within {self.terms.timeout}")
        except (httpx2.HTTPError, OSError) as error:
            reply = ParsedReply("failed", detail=f"{type(error).__name__}: {error}"[:_DETAIL_LENGTH_MAX])
        self._metrics.provider_seconds.labels(self.name).observe(self._monotonic_s() - started_s)
        self._record(reply, access)
        return reply

    def _record(self, reply: ParsedReply, access: Access) -> None:
        """Take in what a reply says of the provider; those who wait for it are turned away if it pauses."""
        match reply.verdict:
            case "rate_limited":
                self._note_shortage(f"it turned calls away as too many ({reply.detail})")
                self._availability.record_limited(access, self._shortage_reason, reply.retry_after_s)
            case "refused":
                reason = _REFUSALS.get(reply.detail, "it refuses every call")
                self._availability.record_refused(access, f"{reason} ({reply.detail})")
            case "failed" | "malformed" | "timeout":
                reason = f"{FAILURES_MAX} calls failed in a row, the last with: {reply.detail}"
                self._availability.record_failure(access, reason)
            case _:
                self._availability.record_success(access)
        if self._availability.state != "active":
            self._limiter.turn_away()

    def _no_turn(self, query: ProviderQuery) -> ProviderAnswer:
        terms = self.terms
        limits = f"per_second: {terms.per_second}, in_flight: {terms.in_flight}"
        self._note_shortage(f"more calls are wanted than it may get ({limits})")
        return self._skipped(query, self._shortage_reason)

    def _note_shortage(self, reason: str) -> None:
        self._shortage_at_s, self._shortage_reason = self._monotonic_s(), reason

    def _skipped(self, query: ProviderQuery, reason: str) -> ProviderAnswer:
        self._metrics.provider_calls.labels(self.name, "skipped").inc()
        return query.unanswered("skipped", self._clock.now(), f"not asked: {reason}"[:_DETAIL_LENGTH_MAX])

    async def _send(self, request: HttpRequest) -> HttpReply:
        # One limit for the whole exchange; httpx2 has limits for its parts only.
        async with (
            asyncio.timeout(self.terms.timeout.seconds),
            self._http.stream(
                request.method, request.path, params=request.params, headers=request.headers
            ) as response,
        ):
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > RESPONSE_BYTES_MAX:
                    raise httpx2.DecodingError(f"an answer of more than {RESPONSE_BYTES_MAX} bytes")
            return HttpReply(response.status_code, bytes(body), dict(response.headers))

    async def close(self) -> None:
        """Close the connections; calls that are under way fail."""
        await self._http.aclose()
