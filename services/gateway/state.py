"""What every endpoint of the gateway works with. `bootstrap` makes it and `create_app` keeps it.

Each part that does I/O of its own is a protocol here, so that the endpoints know no adapter.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.gateway.audit import AuditTrail
from services.gateway.console.session import SessionCodec, SignedInPerson
from services.gateway.domain.access import ApiKey, KnownKey, Principal, Scope
from services.gateway.domain.captcha import CaptchaResult
from services.gateway.domain.idempotency import IdempotencyRecord
from services.gateway.domain.known_entities import Entities, EntityId
from services.gateway.domain.oidc import OidcPerson
from services.gateway.domain.pending_fetches import PendingFetch
from services.gateway.domain.rejected import RejectedSubmission
from services.gateway.domain.sources import HookSource
from services.gateway.event_stream.feed import EventFeed
from services.gateway.event_stream.recorded import RecordedEvents
from services.gateway.guesses import Guesses
from shared.clock import Clock
from shared.health import Health
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

    async def by_id(self, key_id: str) -> KnownKey | None:
        """Return the key with this id, None when it is unknown or revoked. Raises `Retry`.

        The administrator's key always has the id `admin`, so that only its hash tells that it was replaced.
        """
        ...

    async def create(
        self, name: str, scopes: list[Scope], rep: str | None, audit: AuditTrail
    ) -> tuple[ApiKey, str]:
        """Store a new key. Returns it and its text, which is not stored."""
        ...

    async def list_all(self) -> list[ApiKey]:
        """Return every key that is not revoked, the oldest first."""
        ...

    async def revoke(self, key_id: str, audit: AuditTrail) -> bool:
        """Revoke a key. Returns False when no live key has this id."""
        ...


class SignInProvider(Protocol):
    """An OpenID Connect provider by which people sign in to the console."""

    @property
    def label(self) -> str:
        """What its button says after "Sign in with"."""
        ...

    def known_person(self, key_id: str, person: SignedInPerson) -> KnownKey:
        """Return a person of a session as a key is compared."""
        ...

    async def authorization_url(self, *, state: str, nonce: str, verifier: str) -> str:
        """Return where a browser is sent to sign in. Raises `Reject` (503)."""
        ...

    async def redeem(self, code: str, *, nonce: str, verifier: str) -> OidcPerson:
        """Return who signed in. Raises `Reject` (401, 403, 503)."""
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
        """Return the entities of those ids that an earlier record named. Raises `Retry`."""
        ...

    async def remember(self, vendor: str, entities: Entities) -> None:
        """Store the entities of a record. Raises `Retry`."""
        ...


class FetchQueue(Protocol):
    """Leads that are still to be fetched."""

    async def put(self, fetches: Sequence[PendingFetch]) -> None:
        """Store fetches; one that is stored already stays as it is. Raises `Retry`, also for too many."""
        ...


class IgnoredCounter(Protocol):
    """How many items of vendors' posts were ignored."""

    def count(self, source: str) -> None:
        """Count one item."""
        ...

    async def flush(self) -> None:
        """Store what was counted. Raises `Retry`."""
        ...

    async def by_source(self) -> Mapping[str, int]:
        """Return the number of each source. Raises `Retry`."""
        ...


@dataclass(frozen=True, slots=True)
class GatewayState:
    """The parts. `random(n)` returns n unguessable bytes, `keyed_hash` an HMAC with the secret key."""

    clock: Clock
    random: Callable[[int], bytes]
    publisher: Publisher
    keys: KeyStore
    sessions: SessionCodec
    oidc: SignInProvider | None
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
    ignored: IgnoredCounter
    post_limits: SlidingWindowLimiter
    guesses: Guesses
    captcha: CaptchaChecker
    policies: PolicyWatch
    integrations: Integrations
    keyed_hash: Callable[[str], str]
    feed: EventFeed
    recorded: RecordedEvents

    @property
    def shared_hosts(self) -> frozenset[str]:
        """The hosts that the active policy adds to those that are nobody's company."""
        return self.policies.active().policy.accounts.shared
