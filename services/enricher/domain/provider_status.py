"""The state of a provider as operators see it. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

ProviderState = Literal["active", "limited", "paused", "failing", "no_key", "unusable"]
"""`limited`: more is asked of it than it takes. `paused`: it refuses the key, or its credits are spent.
`failing`: its calls fail. `no_key`: the variable with its key is not set. `unusable`: the policy names an
integration or an address that cannot be used.
"""


class ProviderStatus(Struct, frozen=True):
    """A state and, unless it is `active`, the reason for it in words."""

    state: ProviderState
    reason: str = ""
