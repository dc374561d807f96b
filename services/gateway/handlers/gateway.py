"""What every handler works with: the parts of the gateway, handed in by `bootstrap`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.gateway.domain.access import ApiKey, Principal, Scope
from services.gateway.domain.sources import HookSource
from shared.clock import Clock
from shared.messaging.port import Outgoing
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.policy.versions import PolicyWatch
from shared.storage.database import Database
from shared.vault import Vault
from shared.web.egress import EgressPolicy
from shared.web.ops import Health


class Publisher(Protocol):
    """The way into the stream."""

    async def publish(self, out: Sequence[Outgoing]) -> None:
        """Return when the records are durable. Raises `Retry` within a bounded time, `DataError`."""
        ...


class Keys(Protocol):
    """The API keys."""

    async def find(self, key: str) -> Principal | None:
        """Return whom a key stands for, None when it is unknown or revoked. Raises `Retry`."""
        ...

    async def create(self, name: str, scopes: list[Scope], rep: str | None) -> tuple[ApiKey, str]:
        """Store a new key; return it and its text, which is known only now."""
        ...

    async def list_all(self) -> list[ApiKey]:
        """Return every key that is not revoked, the oldest first."""
        ...

    async def revoke(self, key_id: str) -> bool:
        """Let a key end at once; False when there is none of that id."""
        ...


class Sources(Protocol):
    """Where forms and signals come from."""

    @property
    def current(self) -> Mapping[str, HookSource]:
        """The sources, by name, as they are now."""
        ...

    def problem(self, source: HookSource) -> str | None:
        """Say why nobody can speak for a source at present, None when it can be used."""
        ...

    def secret(self, source: HookSource) -> str:
        """Return the secret of a source that is not public. Raises `Retry` when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts. `random` gives that many unguessable bytes, `keyed_hash` a hash that needs our secret."""

    clock: Clock
    random: Callable[[int], bytes]
    publisher: Publisher
    keys: Keys
    database: Database
    health: Health
    metrics: Metrics
    tracing: Tracing
    vault: Vault
    egress: EgressPolicy
    sources: Sources
    policies: PolicyWatch
    keyed_hash: Callable[[str], str]
