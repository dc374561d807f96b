"""One attempt to deliver: sign, send, and say what came of it. It never raises for what an endpoint does."""

from __future__ import annotations

from datetime import timedelta

from services.router.delivery.bulkhead import Bulkheads
from services.router.domain.delivery import Attempt, Target
from shared.clock import Clock
from shared.errors import Retry
from shared.observability.metrics import Metrics
from shared.web.egress import EgressRefused
from shared.web.egress_client import EgressClient, EgressLimits
from shared.web.signing import SecretInvalid, Signer

LIMITS = EgressLimits(
    total_s=10.0,
    connect_s=5.0,
    response_bytes_max=4 * 1024,
    connections_max=512,
    connections_per_host_max=64,
)
_WAIT_S = 0.25
_JSON = {"content-type": "application/json"}


class Poster:
    """Sends webhooks, each endpoint by its own lane."""

    def __init__(self, client: EgressClient, lanes: Bulkheads, clock: Clock, metrics: Metrics) -> None:
        self._client = client
        self._lanes = lanes
        self._clock = clock
        self._metrics = metrics
        self._signers: dict[tuple[str, ...], Signer] = {}

    async def first(
        self, target: Target, webhook_id: str, body: bytes, *, traceparent: str = ""
    ) -> Attempt | None:
        """Try once; None when the endpoint has too much in flight, or does not answer."""
        return await self.attempt(target, webhook_id, body, wait_s=_WAIT_S, traceparent=traceparent)

    async def attempt(
        self, target: Target, webhook_id: str, body: bytes, *, wait_s: float = 0.0, traceparent: str = ""
    ) -> Attempt | None:
        """Try once, waiting at most that long for a place in the endpoint's lane; None without one.

        `traceparent` goes along, so that the receiver's trace joins the one that began at the form.
        """
        lane = self._lanes.of(target.id)
        if not await lane.enter(wait_s):
            self._metrics.deliveries.labels("deferred").inc()
            return None
        attempt = Attempt(error="the attempt was cut short")
        try:
            attempt = await self._send(target, webhook_id, body, traceparent)
        finally:
            lane.leave(answered=attempt.status is not None)
        self._metrics.deliveries.labels("delivered" if attempt.delivered else "failed").inc()
        return attempt

    async def _send(self, target: Target, webhook_id: str, body: bytes, traceparent: str) -> Attempt:
        traced = {"traceparent": traceparent} if traceparent else {}
        try:
            signed = self._signer(target.secrets).headers(webhook_id, self._clock.now(), body)
            answer = await self._client.post(target.url, body, {**_JSON, **traced, **signed})
        except (EgressRefused, SecretInvalid, Retry) as error:
            return Attempt(error=str(error))
        self._metrics.delivery_seconds.observe(answer.elapsed_s)
        if answer.delivered:
            return Attempt(status=answer.status)
        wait_s = answer.retry_after_s
        return Attempt(
            status=answer.status,
            error=f"answered {answer.status}",
            retry_after=None if wait_s is None else timedelta(seconds=wait_s),
        )

    def _signer(self, secrets: tuple[str, ...]) -> Signer:
        signer = self._signers.get(secrets)
        if signer is None:
            if len(self._signers) > 1_000:  # rotated secrets are not kept for ever
                self._signers.clear()
            signer = self._signers[secrets] = Signer(*secrets)
        return signer
