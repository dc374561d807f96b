"""Asks one provider: at the pace that it allows, within the time that the lead has, and never raises.

Whatever goes wrong is an answer too. A provider that fails again and again is left alone for a while.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from services.enricher.domain.providers import Answer, Outcome, Question
from services.enricher.domain.rate_limits import CircuitBreaker, TokenBucket
from services.enricher.providers.integration import Integration, ParsedReply, Reply, Request
from shared.clock import Clock
from shared.observability.metrics import Metrics
from shared.policy.models import Provider

ANSWER_BYTES_MAX: Final = 256 * 1024
STUBS: Final = "http://127.0.0.1:8090"
"""Where the policy's files have the provider stubs; `BATON_PROVIDERS_URL` says where they really are."""

_PENDING_S: Final = 0.5
_DETAIL_LENGTH_MAX: Final = 200
_OUTCOMES: Final[dict[str, Outcome]] = {"match": "match", "no_match": "no_match", "timeout": "timeout"}
_STATES: Final = {"closed": 0.0, "half_open": 0.5, "open": 1.0}


class ProviderClient:
    """One provider of the policy. Make one per process: it keeps the pace and the breaker."""

    def __init__(
        self,
        name: str,
        terms: Provider,
        integration: Integration,
        *,
        key: str,
        base_url: str,
        session: aiohttp.ClientSession,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self.name = name
        self.terms = terms
        self.integration = integration
        self._key = key
        self._base_url = base_url.rstrip("/")
        self._session = session
        self._clock = clock
        self._metrics = metrics
        self._room = asyncio.Semaphore(terms.in_flight)
        self._bucket = TokenBucket(terms.per_second)
        self._breaker = CircuitBreaker()

    async def ask(self, question: Question, *, within_s: float) -> Answer:
        """Return the provider's answer, or why there is none within `within_s`."""
        request = self.integration.request(question, self._key)
        if request is None:
            return self._nothing(question, "skipped", "not enough is known to ask")
        end_s = time.monotonic() + within_s
        if not self._breaker.enter(time.monotonic()):
            return self._nothing(question, "failed", "left alone after failures")
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + within_s):
                heard = await self._insist(question, request, end_s)
        except TimeoutError:
            self._breaker.left()
            return self._told(self._nothing(question, "timeout", f"no answer within {within_s:.1f} s"))
        finally:
            state = self._breaker.state(time.monotonic())
            self._metrics.provider_breaker.labels(self.name).set(_STATES[state])
        return self._told(self._answer(question, heard))

    async def _insist(self, question: Question, request: Request, end_s: float) -> ParsedReply:
        """Ask again after "not yet" and "too many", as long as there is time."""
        while True:
            wait_s = self._bucket.wait_s(time.monotonic())
            if time.monotonic() + wait_s >= end_s:
                self._breaker.left()
                return ParsedReply("rate_limited", detail="the pace leaves no room in time")
            self._bucket.take(time.monotonic())
            await asyncio.sleep(wait_s)
            async with self._room:
                heard = await self._send(question, request)
            if heard.verdict == "rate_limited":
                self._bucket.hold(time.monotonic() + heard.retry_after_s)
            elif heard.verdict == "pending":
                await asyncio.sleep(_PENDING_S)
            else:
                return heard

    async def _send(self, question: Question, request: Request) -> ParsedReply:
        began = time.monotonic()
        try:
            heard = self.integration.parse(question, await self._reply(request))
        except TimeoutError:
            heard = ParsedReply("timeout", detail=f"no answer within {self.terms.timeout}")
        except (aiohttp.ClientError, OSError) as error:
            heard = ParsedReply("failed", detail=f"{type(error).__name__}: {error}"[:_DETAIL_LENGTH_MAX])
        self._metrics.provider_seconds.labels(self.name).observe(time.monotonic() - began)
        if heard.verdict in ("failed", "malformed", "timeout"):
            self._breaker.failed(time.monotonic())
        else:
            self._breaker.succeeded()
        return heard

    async def _reply(self, request: Request) -> Reply:
        asked = self._session.request(
            request.method,
            self._base_url + request.path,
            params=request.params,
            headers=request.headers,
            timeout=aiohttp.ClientTimeout(total=self.terms.timeout.seconds),
            allow_redirects=False,
        )
        async with asked as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    raise aiohttp.ClientPayloadError(f"an answer of more than {ANSWER_BYTES_MAX} bytes")
            headers = {name.lower(): text for name, text in response.headers.items()}
            return Reply(response.status, bytes(body), headers)

    def _answer(self, question: Question, heard: ParsedReply) -> Answer:
        outcome = _OUTCOMES.get(heard.verdict, "failed")
        charged = outcome == "match" or (outcome == "no_match" and self.terms.charged == "call")
        return Answer(
            provider=self.name,
            subject=question.subject,
            about=question.about,
            outcome=outcome,
            at=self._clock.now(),
            found=heard.found,
            cost=self.terms.price_cents if charged else 0,
            detail=heard.detail,
            asked=question.fields,
        )

    def _nothing(self, question: Question, outcome: Outcome, detail: str) -> Answer:
        return Answer(
            provider=self.name,
            subject=question.subject,
            about=question.about,
            outcome=outcome,
            at=self._clock.now(),
            detail=detail,
            asked=question.fields,
        )

    def _told(self, answer: Answer) -> Answer:
        self._metrics.provider_calls.labels(self.name, answer.outcome).inc()
        self._metrics.provider_cents.labels(self.name).inc(answer.cost)
        return answer


def address_of(base_url: str, stubs_url: str) -> str:
    """Return where a provider is reached: one at the stubs, wherever these are."""
    given, stubs = urlsplit(base_url), urlsplit(stubs_url)
    if f"{given.scheme}://{given.netloc}" != STUBS:
        return base_url
    return urlunsplit((stubs.scheme, stubs.netloc, stubs.path.rstrip("/") + given.path, "", ""))
