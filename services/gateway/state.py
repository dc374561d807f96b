"""What every endpoint of the gateway works with. `bootstrap` makes it and `create_app` keeps it.

Each part that does I/O of its own is a protocol here, so that the endpoints know no adapter.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.gateway.domain.access import ApiKey, Principal, Scope
from services.gateway.domain.captcha import CaptchaResult
from services.gateway.domain.idempotency import IdempotencyRecord
from services.gateway.domain.known_entities import Entities, EntityId
from services.gateway.domain.pending_fetches import PendingFetch
from services.gateway.domain.rejected import RejectedSubmission
from services.gateway.domain.sources import HookSource
from services.gateway.guesses import Guesses
from shared.clock import Clock
from shared.integrations.catalog import Integrations
from shared.messaging.port import Outgoing
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.policy.models import Captcha
from shared.policy.versions import PolicyWatch
from shared.resilience.sliding_window import SlidingWindowLimiter
from shared.storage.database import Database
from shared.vault import Vault
from shared.web.egress import EgressPolicy
from shared.web.ops import Health


class Publisher(Protocol):
    """Writes to the stream."""

    async def publish(self, out: Sequence[Outgoing]) -> None:
        """Return when the records are durable. Raises `Retry` within a bounded time, `DataError`."""
        ...


class KeyStore(Protocol):
    """The API keys."""

    async def find(self, key: str) -> Principal | None:
        """Return the principal of a key, None when the key is unknown or revoked. Raises `Retry`."""
        ...

    async def create(self, name: str, scopes: list[Scope], rep: str | None) -> tuple[ApiKey, str]:
        """Store a new key. Returns it and its text, which is not stored."""
        ...

    async def list_all(self) -> list[ApiKey]:
        """Return every key that is not revoked, the oldest first."""
        ...

    async def revoke(self, key_id: str) -> bool:
        """Revoke a key. Returns False when no live key has this id."""
        ...


class IdempotencyRecords(Protocol):
    """What callers with an API key called what they sent."""

    async def find_or_insert(
        self, records: Sequence[IdempotencyRecord], lasting: Collection[str]
    ) -> Mapping[str, IdempotencyRecord]:
        """Return the stored record of each name, by record id; a new name is stored. Raises `Retry`."""
        ...

    async def mark_published(self, ids: Sequence[str]) -> None:
        """Record that the events of these records are durably in the stream. Raises `Retry`."""
        ...


class SourceRegistry(Protocol):
    """The sources of forms and signals that the active policy names."""

    @property
    def current(self) -> Mapping[str, HookSource]:
        """The sources by name."""
        ...

    def problem(self, source: HookSource) -> str | None:
        """Return why a source cannot be used now (vendor unknown, secret missing or unusable), else None."""
        ...

    def require_usable(self, source: HookSource) -> None:
        """Raise `Retry` while the source cannot be used."""
        ...

    def secret(self, source: HookSource) -> str:
        """Return the secret of a source that is not public. Raises `Retry` when there is none."""
        ...


class CaptchaChecker(Protocol):
    """The providers of captchas."""

    async def verify(self, source: str, captcha: Captcha, token: str) -> CaptchaResult:
        """Return what the provider says of a token; `unavailable` when it gives no answer in time."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


class RejectedStore(Protocol):
    """The submissions of sources that could not be read."""

    async def keep(self, submission: RejectedSubmission) -> None:
        """Return once the submission is stored. Raises `Retry`."""
        ...


class EntityStore(Protocol):
    """Which person or account the ids of vendors mean."""

    async def find(self, vendor: str, ids: Collection[EntityId]) -> Entities:
        """Return those of the ids that an earlier record told. Raises `Retry`."""
        ...

    async def remember(self, vendor: str, told: Entities) -> None:
        """Store what a record told. Raises `Retry`."""
        ...


class FetchQueue(Protocol):
    """Leads that are still to be fetched."""

    async def put(self, fetches: Sequence[PendingFetch]) -> None:
        """Store fetches; one that is stored already stays as it is. Raises `Retry`, also for too many."""
        ...


@dataclass(frozen=True, slots=True)
class GatewayState:
    """The parts. `random(n)` returns n unguessable bytes, `keyed_hash` an HMAC with the secret key."""

    clock: Clock
    random: Callable[[int], bytes]
    publisher: Publisher
    keys: KeyStore
    database: Database
    health: Health
    metrics: Metrics
    tracing: Tracing
    vault: Vault
    egress: EgressPolicy
    sources: SourceRegistry
    idempotency: IdempotencyRecords
    rejected: RejectedStore
    entities: EntityStore
    fetches: FetchQueue
    post_limits: SlidingWindowLimiter
    guesses: Guesses
    captcha: CaptchaChecker
    policies: PolicyWatch
    integrations: Integrations
    keyed_hash: Callable[[str], str]

    @property
    def shared_hosts(self) -> frozenset[str]:
        """The hosts that the active policy adds to those that are nobody's company."""
        return self.policies.active().policy.accounts.shared
