"""The destinations of the active policy's queues, as endpoints to deliver to."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from services.router.domain.delivery import Target, destination_of
from shared.policy.compiled import CompiledPolicy
from shared.web.signing import SecretInvalid, Signer

log = structlog.get_logger()


class Destinations:
    """Follows the policy; the endpoints of each version are made once.

    One whose secret is missing from the environment stays an endpoint: its deliveries are stored, fail and
    are tried again, so that those of the last days go out once the secret is there.
    """

    def __init__(self, policy: Callable[[], CompiledPolicy], environ: Mapping[str, str]) -> None:
        self._policy = policy
        self._environ = environ
        self._made: tuple[CompiledPolicy, tuple[Target, ...]] | None = None

    def __call__(self) -> tuple[Target, ...]:
        """Return the endpoints as they are now."""
        policy = self._policy()
        if self._made is None or self._made[0] is not policy:
            self._made = policy, tuple(self._read(policy))
        return self._made[1]

    def _read(self, policy: CompiledPolicy) -> list[Target]:
        made = []
        for queue, terms in policy.policy.routing.queues.items():
            to = terms.destination
            if to.url:
                made.append(destination_of(queue, to.url, self._secrets(queue, to.secret_env)))
        return made

    def _secrets(self, queue: str, variable: str) -> tuple[str, ...]:
        secret = self._environ.get(variable)
        secrets = (secret,) if secret else ()
        try:
            Signer(*secrets)
        except SecretInvalid as error:
            log.warning("destination cannot be signed for", queue=queue, variable=variable, reason=str(error))
        return secrets
