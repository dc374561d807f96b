"""The destinations that the active policy names, of queues, reps and managers, as webhook targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import structlog

from services.router.domain.delivery import WebhookTarget, destination_target, destinations_of
from shared.policy.compiled import CompiledPolicy
from shared.policy.per_version import PerVersion
from shared.web.signing import SecretInvalid, Signer

log = structlog.get_logger()


class PolicyDestinations:
    """Returns the targets of the active policy; those of each version are made once.

    A destination whose secret is missing from the environment is still a target: its deliveries are stored,
    fail and are retried, so that those of the last days go out once the secret is there.
    """

    def __init__(self, policy: Callable[[], CompiledPolicy], environ: Mapping[str, str]) -> None:
        self._targets = PerVersion(policy, lambda compiled: tuple(destination_targets(compiled, environ)))

    def __call__(self) -> tuple[WebhookTarget, ...]:
        """Return a target per queue, rep and manager with a destination."""
        return self._targets.current


def destination_targets(policy: CompiledPolicy, environ: Mapping[str, str]) -> Iterator[WebhookTarget]:
    """Yield the target of each destination; log those whose secret is missing or malformed."""
    for id_, destination in destinations_of(policy.policy).items():
        secret = environ.get(destination.secret_env)
        secrets = (secret,) if secret else ()
        try:
            Signer(*secrets)
        except SecretInvalid as error:
            log.warning(
                "no usable secret for a destination",
                destination=id_,
                variable=destination.secret_env,
                reason=str(error),
            )
        yield destination_target(id_, destination.url, secrets)
