"""The webhook sender: signs and sends one attempt and returns its result. A target's failure never raises."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from time import monotonic
from typing import Final

from msgspec.structs import replace

from services.router.domain.delivery import ANSWER_BYTES_KEPT, DeliveryAttempt, WebhookTarget
from shared.clock import Clock
from shared.errors import Retry
from shared.observability.metrics import Metrics
from shared.resilience.bulkhead import Bulkheads
from shared.resilience.lru import LruCache
from shared.web.egress import EgressRefused
from shared.web.egress_client import EgressClient, EgressLimits
from shared.web.signing import SecretInvalid, Signer

LIMITS: Final = EgressLimits(
    total_s=10.0,
    connect_s=5.0,
    response_bytes_max=4 * 1024,
    connections_max=1_024,
    connections_per_host_max=64,
)
IN_FLIGHT_MAX: Final = 64
"""Attempts to one target at a time."""
FIRST_ATTEMPTS_MAX: Final = 512
"""First attempts to all targets at a time: many events may be in flight, and each have many targets."""
_FIRST_ATTEMPT_WAIT_S: Final = 0.25
"""How long the first attempt waits for a slot; longer would hold up the events of all targets."""
_SIGNERS_MAX: Final = 1_000


class WebhookSender:
    """Sends webhooks; each target has its own bulkhead."""

    def __init__(self, client: EgressClient, bulkheads: Bulkheads, clock: Clock, metrics: Metrics) -> None:
        self._client = client
        self._bulkheads = bulkheads
        self._clock = clock
        self._metrics = metrics
        self._first_attempts = asyncio.Semaphore(FIRST_ATTEMPTS_MAX)
        self._signers = LruCache[tuple[str, ...], Signer](_SIGNERS_MAX)

    async def first_attempt(
        self, target: WebhookTarget, webhook_id: str, body: bytes, *, traceparent: str = ""
    ) -> DeliveryAttempt | None:
        """Attempt once. None if the target's bulkhead has no slot within 250 ms, or is paused."""
        async with self._first_attempts:
            return await self.attempt(
                target, webhook_id, body, wait_s=_FIRST_ATTEMPT_WAIT_S, traceparent=traceparent
            )

    async def attempt(
        self,
        target: WebhookTarget,
        webhook_id: str,
        body: bytes,
        *,
        wait_s: float = 0.0,
        traceparent: str = "",
    ) -> DeliveryAttempt | None:
        """Attempt once, waiting at most `wait_s` for a slot of the target's bulkhead. None without a slot.

        `traceparent` is sent as a header, so that the receiver's spans join the trace of the form.
        """
        bulkhead = self._bulkheads.get(target.id)
        if not await bulkhead.acquire(wait_s):
            self._metrics.deliveries.labels("deferred").inc()
            return None
        attempt = DeliveryAttempt(error="the attempt was cut short")  # stays when the task is cancelled
        try:
            attempt = await self._send(target, webhook_id, body, traceparent)
        finally:
            bulkhead.release(answered=attempt.status is not None)
        self._metrics.deliveries.labels("delivered" if attempt.delivered else "failed").inc()
        return attempt

    async def _send(
        self, target: WebhookTarget, webhook_id: str, body: bytes, traceparent: str
    ) -> DeliveryAttempt:
        headers, began = {"content-type": "application/json"}, monotonic()
        if traceparent:
            headers["traceparent"] = traceparent
        try:
            # Decoding the secrets costs more than signing.
            signer = self._signers.get_or_compute(target.secrets, lambda: Signer(*target.secrets))
            headers |= signer.headers(webhook_id, self._clock.now(), body)
            response = await self._client.post(target.url, body, headers)
        except (EgressRefused, SecretInvalid, Retry) as error:
            return DeliveryAttempt(error=str(error), ms=_ms(monotonic() - began))
        self._metrics.delivery_seconds.observe(response.elapsed_s)
        answered = DeliveryAttempt(
            status=response.status,
            ms=_ms(response.elapsed_s),
            answer=response.body_excerpt[:ANSWER_BYTES_KEPT],
        )
        if response.delivered:
            return answered
        wait_s = response.retry_after_s
        retry_after = None if wait_s is None else timedelta(seconds=wait_s)
        return replace(answered, error=f"answered {response.status}", retry_after=retry_after)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
