"""The destinations of the active policy's queues, as webhook targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import structlog

from services.router.domain.delivery import WebhookTarget, destination_of
from shared.policy.compiled import CompiledPolicy
from shared.policy.per_version import PerVersion
from shared.web.signing import SecretInvalid, Signer

log = structlog.get_logger()


class QueueDestinations:
    """Returns the targets of the active policy; those of each version are made once.

    A destination whose secret is missing from the environment is still a target: its deliveries are stored,
    fail and are retried, so that those of the last days go out once the secret is there.
    """

    def __init__(self, policy: Callable[[], CompiledPolicy], environ: Mapping[str, str]) -> None:
        self._targets = PerVersion(policy, lambda compiled: tuple(destinations(compiled, environ)))

    def __call__(self) -> tuple[WebhookTarget, ...]:
        """Return a target per queue that has a destination."""
        return self._targets.current


def destinations(policy: CompiledPolicy, environ: Mapping[str, str]) -> Iterator[WebhookTarget]:
    """Yield the target of each queue with a destination; log those whose secret is missing or malformed."""
    for queue, settings in policy.policy.routing.queues.items():
        url, variable = settings.destination.url, settings.destination.secret_env
        if not url:
            continue
        secret = environ.get(variable)
        secrets = (secret,) if secret else ()
        try:
            Signer(*secrets)
        except SecretInvalid as error:
            log.warning(
                "no usable secret for a destination", queue=queue, variable=variable, reason=str(error)
            )
        yield destination_of(queue, url, secrets)
