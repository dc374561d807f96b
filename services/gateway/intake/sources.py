"""The sources of the active policy, and their secrets, which are in the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from services.gateway.domain.sources import HookSource, source_of
from services.gateway.intake.signatures import PLAIN_SCHEMES, secret_problem
from shared.errors import Retry
from shared.integrations.catalog import Integrations
from shared.policy.compiled import CompiledPolicy
from shared.policy.per_version import PerVersion

log = structlog.get_logger()


class PolicySources(PerVersion[Mapping[str, HookSource]]):
    """The sources of the active policy by name: `current`, which is built once for each version."""

    def __init__(
        self, policy: Callable[[], CompiledPolicy], integrations: Integrations, environ: Mapping[str, str]
    ) -> None:
        super().__init__(policy, self._read_sources)
        self._environ = environ
        folders = {**integrations.signals, **integrations.forms}
        self._presets = {name: folder.preset for name, folder in folders.items()}
        self._schemes = {
            **{name: preset.signature for name, preset in self._presets.items() if preset.signature},
            **PLAIN_SCHEMES,
        }

    def problem(self, source: HookSource) -> str | None:
        """Return why a source cannot be used now (vendor unknown, secret missing or unusable), else None."""
        if source.unknown is not None:
            return f"there is no integration {source.unknown}"
        if source.public:
            return None
        if not source.secret_env:
            return "it takes no posts: it has no secret_env"
        secret = self._environ.get(source.secret_env)
        if not secret:
            return f"the environment variable {source.secret_env} is not set"
        if source.signature is None or source.scheme is None:
            return None  # the secret may be a token
        return secret_problem(source.scheme, secret)

    def require_usable(self, source: HookSource) -> None:
        """Raise `Retry` while the source cannot be used."""
        problem = self.problem(source)
        if problem is not None:
            raise Retry(f"source {source.name}: {problem}")

    def secret(self, source: HookSource) -> str:
        """Return the secret of a source that is not public. Raises `Retry` when there is none."""
        self.require_usable(source)
        return self._environ[source.secret_env]

    def _read_sources(self, policy: CompiledPolicy) -> Mapping[str, HookSource]:
        sources = {
            name: source_of(name, source, self._presets, self._schemes)
            for name, source in policy.policy.sources.sources.items()
        }
        for source in sources.values():
            problem = self.problem(source)
            if problem is not None:
                log.warning("source cannot be used", source=source.name, reason=problem)
        return sources
