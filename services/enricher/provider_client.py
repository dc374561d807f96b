"""Queries one provider over HTTP: within its rate limit, behind a circuit breaker, in the time the lead has.

A provider's failure is an answer of its own (`failed`, `timeout`), never an exception: a look-up goes on with
the next provider, and the lead's record says what happened.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx2
from msgspec.structs import replace

from services.enricher.domain.providers import LookupOutcome, ProviderAnswer, ProviderQuery
from services.enricher.providers.integration import HttpReply, HttpRequest, Integration, ParsedReply
from shared.clock import Clock
from shared.observability.metrics import Metrics
from shared.policy.models import Provider
from shared.resilience.circuit_breaker import CircuitBreaker
from shared.resilience.rate_limiter import TokenBucket

RESPONSE_BYTES_MAX: Final = 256 * 1024
STUBS_URL: Final = "http://127.0.0.1:8090"
"""Where the policy's files expect the provider stubs; `BATON_PROVIDERS_URL` says where they really are."""

_PENDING_RETRY_S: Final = 0.5
_DETAIL_LENGTH_MAX: Final = 200
_OUTCOMES: Final[dict[str, LookupOutcome]] = {"match": "match", "no_match": "no_match", "timeout": "timeout"}
_BREAKER_GAUGE: Final = {"closed": 0.0, "half_open": 0.5, "open": 1.0}


class ProviderClient:
    """One provider of the policy. It holds the rate limit and the breaker, so one process makes one of each.

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
        self._free_slots = asyncio.Semaphore(terms.in_flight)
        self._bucket = TokenBucket(terms.per_second, monotonic_s=monotonic_s)
        self._breaker = CircuitBreaker(monotonic_s=monotonic_s)

    async def query(self, query: ProviderQuery, *, within_s: float) -> ProviderAnswer:
        """Return the provider's answer, or why there is none within `within_s` seconds. Never raises."""
        request = self.integration.request(query, self._key)
        if request is None:
            return self._answer(query, "skipped", "not enough is known to ask")
        deadline_s = self._monotonic_s() + within_s
        if not self._breaker.allow_call():
            return self._answer(query, "failed", "not asked: it failed several times in a row")
        try:
            async with asyncio.timeout(within_s):
                reply = await self._run_with_retry(query, request, deadline_s)
        except TimeoutError:
            self._breaker.record_no_result()
            reply = ParsedReply("timeout", detail=f"no answer within {within_s:.1f} s")
        finally:
            self._metrics.provider_breaker.labels(self.name).set(_BREAKER_GAUGE[self._breaker.state])
        outcome = _OUTCOMES.get(reply.verdict, "failed")
        charged = outcome == "match" or (outcome == "no_match" and self.terms.charged == "call")
        cost = self.terms.price_cents if charged else 0
        self._metrics.provider_calls.labels(self.name, outcome).inc()
        self._metrics.provider_cents.labels(self.name).inc(cost)
        return replace(self._answer(query, outcome, reply.detail), facts=reply.facts, cost=cost)

    async def _run_with_retry(
        self, query: ProviderQuery, request: HttpRequest, deadline_s: float
    ) -> ParsedReply:
        """Send until the reply is final: again after `rate_limited` and `pending`, while there is time."""
        while True:
            if self._monotonic_s() + self._bucket.delay_s() >= deadline_s:
                self._breaker.record_no_result()
                return ParsedReply("rate_limited", detail="the rate limit leaves no time for this call")
            await asyncio.sleep(self._bucket.reserve())
            async with self._free_slots:
                reply = await self._attempt(query, request)
            if reply.verdict == "rate_limited":
                self._bucket.pause(reply.retry_after_s)
            elif reply.verdict == "pending":
                await asyncio.sleep(_PENDING_RETRY_S)
            else:
                return reply

    async def _attempt(self, query: ProviderQuery, request: HttpRequest) -> ParsedReply:
        started_s = self._monotonic_s()
        try:
            reply = self.integration.parse(query, await self._send(request))
        except TimeoutError:
            reply = ParsedReply("timeout", detail=f"no answer within {self.terms.timeout}")
        except (httpx2.HTTPError, OSError) as error:
            reply = ParsedReply("failed", detail=f"{type(error).__name__}: {error}"[:_DETAIL_LENGTH_MAX])
        self._metrics.provider_seconds.labels(self.name).observe(self._monotonic_s() - started_s)
        if reply.verdict in ("failed", "malformed", "timeout"):
            self._breaker.record_failure()
        else:
            self._breaker.record_success()
        return reply

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

    def _answer(self, query: ProviderQuery, outcome: LookupOutcome, detail: str) -> ProviderAnswer:
        return ProviderAnswer(
            provider=self.name,
            subject=query.subject,
            about=query.about,
            outcome=outcome,
            at=self._clock.now(),
            detail=detail,
            requested=query.fields,
        )


def resolve_base_url(base_url: str, stubs_url: str) -> str:
    """Return the base URL with the stubs' default address replaced by `stubs_url`; leave others."""
    parts, stubs = urlsplit(base_url), urlsplit(stubs_url)
    if f"{parts.scheme}://{parts.netloc}" != STUBS_URL:
        return base_url
    return urlunsplit((stubs.scheme, stubs.netloc, stubs.path.rstrip("/") + parts.path, "", ""))
