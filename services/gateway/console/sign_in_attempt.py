"""What a browser keeps, signed, while its person is at the OpenID Connect provider."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

ATTEMPT_MAX: Final = timedelta(minutes=10)


class SignInAttempt(Struct, frozen=True):
    """The secrets of an attempt: `state` comes back with the code, `nonce` in the ID token.

    `verifier` proves to the provider that the code is redeemed by whom it was made for (PKCE), `next` is the
    page that was wanted.
    """

    state: str
    nonce: str
    verifier: str
    next: str
    began_at: datetime

    def is_answered_by(self, state: str, now: datetime) -> bool:
        """Return whether a request with this state continues the attempt, in time."""
        same = hmac.compare_digest(self.state.encode(), state.encode())
        return same and now - self.began_at <= ATTEMPT_MAX
