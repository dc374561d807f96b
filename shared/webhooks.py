"""Webhooks, as the gateway and the router share them: subscriptions, failed attempts and delivery orders.

The gateway writes the tables `subscriptions` and `delivery_orders`, the router reads them. The rows are
here, because neither role may import the other's storage code.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from shared.storage.rows import Row

if TYPE_CHECKING:
    # Loading it takes 6 MiB (cryptography), and a role that reads the router's tables needs no vault.
    from shared.vault import Vault

TRIAL: Final = "baton.webhook.test.v1"
"""The type of the event that tests an endpoint; it is on no topic."""
EVERYTHING: Final = "*"
"""Subscribes to every type."""
SECRETS_MAX: Final = 5
"""At most this many secrets sign one delivery, so that the signature header stays small."""

ORDER_SOURCE: Final = "/baton/gateway/delivery-orders"
"""The CloudEvents source under which the router claims an order."""
ORDERS_KEPT: Final = timedelta(days=1)
"""How long an order is valid. Claims are kept longer, so that no order is ever carried out twice."""

SubscriptionState = Literal["active", "disabled"]


class SealedSecret(Struct, frozen=True, omit_defaults=True):
    """A signing secret, sealed by `shared.vault`; a replaced one signs until `until`."""

    sealed: str
    until: datetime | None = None


class FailedAttempt(Struct, frozen=True):
    """A failed delivery attempt; `status` is None when there was no response."""

    at: datetime
    status: int | None
    error: str


def sealed_for(subscription_id: str) -> str:
    """Return the purpose under which the secrets of a subscription are sealed in the vault."""
    return f"subscription:{subscription_id}"


class Subscription(Row, frozen=True):
    """A webhook subscription: a row of `subscriptions`.

    `events` are short types (`lead.routed`), a family (`lead.*`) or `*`. `filter` is a condition over
    the event's data, or its short form, which maps a dotted path to the accepted value or a list of them.
    `secrets` are sealed, the newest first; a replaced secret still signs until its `until`.
    """

    id: str
    url: str
    events: list[str]
    filter: dict[str, Any] | None
    state: SubscriptionState
    secrets: list[SealedSecret]
    created_at: datetime
    updated_at: datetime
    table: ClassVar[str] = "subscriptions"
    key_fields: ClassVar[tuple[str, ...]] = ("id",)

    def signing_at(self, at: datetime) -> Subscription:
        """Return the subscription with only those of its secrets that sign at `at`."""
        valid = [secret for secret in self.secrets if secret.until is None or at < secret.until]
        return replace(self, secrets=valid)

    def rotated(self, sealed: str, at: datetime, overlap: timedelta) -> Subscription:
        """Return the subscription with a new secret; the present ones also sign for `overlap`."""
        until = at + overlap
        previous = [
            replace(secret, until=min(secret.until or until, until)) for secret in self.signing_at(at).secrets
        ]
        kept = previous[: SECRETS_MAX - 1] if overlap else []
        return replace(self, secrets=[SealedSecret(sealed), *kept], updated_at=at)

    def opened_secrets(self, vault: Vault) -> list[str]:
        """Return the `whsec_…` secrets in clear text. Raises `VaultRefused`."""
        return [vault.open(secret.sealed, purpose=sealed_for(self.id)) for secret in self.secrets]


class TrialOrder(Struct, frozen=True, tag="trial"):
    """Send a test event, which has no business meaning, to a subscription."""

    subscription_id: str


class RetryOrder(Struct, frozen=True, tag="retry"):
    """Send one delivery now, whatever its state is."""

    delivery_id: str


class ReplayOrder(Struct, frozen=True, tag="replay"):
    """Send the deliveries again that were created from `since` on and before `until`: all, or the failed."""

    subscription_id: str
    since: datetime
    until: datetime
    failed_only: bool = False


class DeliveryFilter(Struct, frozen=True, omit_defaults=True):
    """Which deliveries are meant, all that match what is set: created from `since` on and before `until`.

    `endpoints` are ids of subscriptions and destinations, `events` full types, `states` those of deliveries.
    """

    endpoints: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    lead_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class RetryManyOrder(Struct, frozen=True, tag="retry_many"):
    """Send the deliveries again that match, the newest `RETRIED_MAX` at most."""

    which: DeliveryFilter


RETRIED_MAX: Final = 10_000
"""The most deliveries that one order sends again: they become due in one unit of work."""

DeliveryOrder = TrialOrder | RetryOrder | ReplayOrder | RetryManyOrder


class QueuedOrder(Struct, frozen=True):
    """A row of `delivery_orders`. The id of a trial order is also the id of the event that is sent."""

    id: str
    order: DeliveryOrder
    created_at: datetime
