"""Sessions of the console: a signed cookie that names an API key, and what it proves on each request.

The cookie holds the id of the key, never the key. Each request looks the id up among the stored keys, so that
a session ends when its key is revoked or replaced: within seconds, in every process. The cookie of a person
who signed in by OpenID Connect says who it is; nobody asks the provider again until the session ends.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from typing import Final, TypeVar

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from services.gateway.domain.access import Scope

IDLE_MAX: Final = timedelta(hours=12)
AGE_MAX: Final = timedelta(days=7)
RENEW_AFTER: Final = timedelta(minutes=10)

_KEY_BYTES: Final = 32
_TEXT_LENGTH_MAX: Final = 2_000
NONCE_BYTES: Final = 16
KEY_HASH_LENGTH: Final = 16
"""How much of the hash of its key a session holds, in hexadecimal digits."""

S = TypeVar("S", bound=Struct)


class SignedInPerson(Struct, frozen=True):
    """Whom an OpenID Connect provider named, and what the person may do."""

    name: str
    scopes: list[Scope]
    rep: str | None


class Session(Struct, frozen=True, omit_defaults=True):
    """What the cookie says. `key_hash` is the start of the hash of the key, so that a replaced key ends it.

    `began_at` is when the person signed in, `seen_at` the last time that the cookie was renewed. Of a
    `person` who signed in without a key, `key_hash` is that of the settings by which they did.
    """

    key_id: str
    key_hash: str
    began_at: datetime
    seen_at: datetime
    nonce: str
    person: SignedInPerson | None = None

    def ended(self, now: datetime) -> bool:
        """Return whether the session is too old, or nobody used it for too long."""
        return now - self.began_at > AGE_MAX or now - self.seen_at > IDLE_MAX

    def to_renew(self, now: datetime) -> bool:
        """Return whether the cookie should say anew when it was used."""
        return now - self.seen_at > RENEW_AFTER


class SignedStructCodec:
    """Makes texts of values and values of texts, by a key derived from `BATON_SECRET_KEY` for one purpose."""

    def __init__(self, secret: bytes, purpose: bytes) -> None:
        self._key = HKDF(SHA256(), _KEY_BYTES, salt=None, info=purpose).derive(secret)

    def encode(self, value: Struct) -> str:
        """Return the value as text: the payload and its HMAC-SHA256."""
        payload = urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=")
        return f"{payload.decode()}.{self.sign(payload)}"

    def decode(self, text: str, kind: type[S]) -> S | None:
        """Return the value of a text, None for one that was not made here or was changed."""
        payload, _, signature = text[:_TEXT_LENGTH_MAX].partition(".")
        if not hmac.compare_digest(self.sign(payload.encode()).encode(), signature.encode()):
            return None
        try:
            raw = urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
            return msgspec.json.decode(raw, type=kind)
        except (ValueError, msgspec.MsgspecError):
            return None  # signed by an earlier release

    def sign(self, payload: bytes) -> str:
        """Return the HMAC-SHA256 of a payload in hexadecimal digits."""
        return hmac.digest(self._key, payload, "sha256").hex()


class SessionCodec:
    """Makes cookies of sessions and sessions of cookies.

    `cookie` is the name of the cookie. Where people reach the console by https (`secure`), it is one that a
    browser neither sends over plain http nor takes from another host of the domain. `attempts` signs what is
    known while a person is at an OpenID Connect provider.
    """

    def __init__(self, secret: bytes, *, secure: bool) -> None:
        self.secure = secure
        self.cookie = "__Host-baton" if secure else "baton"
        self.attempt_cookie = f"{self.cookie}-sign-in"
        self.attempts = SignedStructCodec(secret, b"console sign-in")
        self._sessions = SignedStructCodec(secret, b"console session")

    def encode(self, session: Session) -> str:
        """Return the value of the cookie."""
        return self._sessions.encode(session)

    def decode(self, cookie: str) -> Session | None:
        """Return the session of a cookie, None for one that was not made here or was changed."""
        return self._sessions.decode(cookie, Session)

    def csrf_token(self, session: Session) -> str:
        """Return the token that unsafe requests of a session carry: another site cannot read it."""
        return self._sessions.sign(b"csrf." + session.nonce.encode())
