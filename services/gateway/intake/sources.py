"""The sources of the active policy, and their secrets, which are in the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from services.gateway.domain.sources import HookSource, source_of
from shared.errors import Retry
from shared.policy.compiled import CompiledPolicy
from shared.policy.per_version import PerVersion
from shared.web.signing import SecretInvalid, Signer

log = structlog.get_logger()


class PolicySources(PerVersion[Mapping[str, HookSource]]):
    """The sources of the active policy by name: `current`, which is built once for each version."""

    def __init__(self, policy: Callable[[], CompiledPolicy], environ: Mapping[str, str]) -> None:
        super().__init__(policy, self._read_sources)
        self._environ = environ

    def problem(self, source: HookSource) -> str | None:
        """Return why a source cannot be used now (its secret is missing or unusable), else None."""
        if source.public:
            return None
        secret = self._environ.get(source.secret_env)
        if not secret:
            return f"the environment variable {source.secret_env} is not set"
        if source.signature == "standard":
            try:
                Signer(secret)
            except SecretInvalid as error:
                return str(error)  # it does not show the secret
        return None

    def secret(self, source: HookSource) -> str:
        """Return the secret of a source that is not public. Raises `Retry` when there is none."""
        problem = self.problem(source)
        if problem is not None:
            raise Retry(f"source {source.name}: {problem}")
        return self._environ[source.secret_env]

    def _read_sources(self, policy: CompiledPolicy) -> Mapping[str, HookSource]:
        sources = {name: source_of(name, source) for name, source in policy.policy.sources.sources.items()}
        for source in sources.values():
            problem = self.problem(source)
            if problem is not None:
                log.warning("source cannot be used", source=source.name, reason=problem)
        return sources
