"""Asks the provider of a captcha whether a person filled in a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import structlog

from services.gateway.domain.captcha import (
    TOKEN_FIELDS,
    VERIFY_URLS,
    CaptchaResult,
    result_of,
    token_of,
    without_tokens,
)
from services.gateway.domain.leads import ReceivedLead, with_lead
from services.gateway.state import GatewayState
from shared.clock import Clock
from shared.errors import Reject, Retry
from shared.observability.metrics import Metrics
from shared.policy.models import Captcha
from shared.web.egress import EgressPolicy, EgressRefused
from shared.web.egress_client import EgressClient, EgressLimits
from shared.web.pooled_egress import PooledEgressClient

LIMITS: Final = EgressLimits(total_s=5.0, connect_s=3.0, response_bytes_max=16 * 1024)

log = structlog.get_logger()


class CaptchaVerifier:
    """Verifies tokens. The secrets are in the environment.

    The client is made for the first token: most gateways have no captcha.
    """

    def __init__(
        self, policy: EgressPolicy, clock: Clock, environ: Mapping[str, str], metrics: Metrics
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._environ = environ
        self._metrics = metrics
        self._made: PooledEgressClient | None = None

    async def close(self) -> None:
        """Close the client."""
        if self._made is not None:
            await self._made.close()

    @property
    def _client(self) -> EgressClient:
        if self._made is None:
            self._made = PooledEgressClient(self._policy, self._clock, limits=LIMITS)
        return self._made

    async def verify(self, source: str, captcha: Captcha, token: str) -> CaptchaResult:
        """Return what the provider says of a token; `unavailable` when it gives no answer in time."""
        result = await self._ask(source, captcha, token)
        self._metrics.captcha_checks.labels(source, result).inc()
        return result

    async def _ask(self, source: str, captcha: Captcha, token: str) -> CaptchaResult:
        secret = self._environ.get(captcha.secret_env)
        if not secret:
            log.warning("captcha not verified", source=source, reason=f"{captcha.secret_env} is not set")
            return "unavailable"
        url = captcha.url or VERIFY_URLS[captcha.provider]
        body = urlencode({"secret": secret, "response": token}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        try:
            answer = await self._client.post(url, body, headers)
        except (Retry, EgressRefused) as error:
            log.warning("captcha not verified", source=source, reason=str(error))
            return "unavailable"
        return result_of(answer.status, answer.body_excerpt, captcha)


async def verify_captcha(
    gateway: GatewayState, source: str, captcha: Captcha, received: ReceivedLead
) -> ReceivedLead:
    """Return a lead whose form's captcha was verified, without the token. Raises `Reject` (422).

    A provider that is away costs no lead: it is taken in, with an answer that says so.
    """
    lead = received.event.data
    token = token_of(lead, captcha)
    if token is None:
        field = TOKEN_FIELDS[captcha.provider]
        raise Reject(422, "captcha-failed", "The captcha was not solved", f"The form has no {field}")
    result = await gateway.captcha.verify(source, captcha, token)
    if result == "failed":
        raise Reject(422, "captcha-failed", "The captcha was not solved", "Solve it again, and send the form")
    return with_lead(received, without_tokens(lead, verified=result == "passed"))
