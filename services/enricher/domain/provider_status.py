"""The state of a provider as operators see it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal, get_args

from msgspec import Struct

from shared.storage.rows import Row

ProviderState = Literal["active", "limited", "paused", "failing", "no_key", "unusable"]
"""`limited`: more is asked of it than it takes. `paused`: it refuses the key, or its credits are spent.
`failing`: its calls fail. `no_key`: the variable with its key is not set. `unusable`: the policy names an
integration or an address that cannot be used.
"""
PROVIDER_STATES: tuple[ProviderState, ...] = get_args(ProviderState)


class ProviderStatus(Struct, frozen=True):
    """A state and, unless it is `active`, the reason for it in words."""

    state: ProviderState
    reason: str = ""


class ProviderStateRow(Row, frozen=True):
    """The state that an enricher reported last of a provider, and since when it has it."""

    provider: str
    state: ProviderState
    reason: str
    since: datetime
    table: ClassVar[str] = "provider_states"
    key_fields: ClassVar[tuple[str, ...]] = ("provider",)
    upsert: ClassVar[bool] = True
