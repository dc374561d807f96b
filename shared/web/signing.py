"""Webhook signatures after Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, with a `v1,` in front.

The `standardwebhooks` package is what the tests compare with, both ways, and not what runs here: it reads
the wall clock by itself where Baton's time is injected, signs naive datetimes wrongly, takes text only,
and lets a malformed signature escape as `ValueError`.
"""

from __future__ import annotations

import hmac
import math
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.errors import BatonError

_PREFIX = "whsec_"
SECRET_BYTES_MIN = 24
SECRET_BYTES_MAX = 64
TOLERANCE_S = 300.0

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

# More secrets than this are never valid at once; the bound keeps a hostile header cheap.
_SIGNATURES_MAX = 16
_SECONDS = re.compile(r"[0-9]{1,12}")


class SignatureInvalid(BatonError):
    """A message whose sender or time cannot be proven. The text is for logs, not for whoever sent it."""


class SecretInvalid(BatonError):
    """A webhook secret that is not base64 or holds nothing. The text never shows it."""


def new_secret(random_bytes: bytes) -> str:
    """Return `random_bytes` (24 to 64 of them) as a secret that its owner can copy."""
    if not SECRET_BYTES_MIN <= len(random_bytes) <= SECRET_BYTES_MAX:
        raise ValueError(f"a secret takes {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} random bytes")
    return _PREFIX + b64encode(random_bytes).decode("ascii")


class Signer:
    """Signs with one secret, or with several while one is being replaced; keys are decoded once."""

    __slots__ = ("_keys",)

    def __init__(self, *secrets: str) -> None:
        if not secrets:
            raise SecretInvalid("there is no webhook secret to sign with")
        self._keys = tuple(map(_key, secrets))

    def headers(self, webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
        """Return the three headers for `body`, sent at the aware instant `at`: one signature per secret."""
        if at.tzinfo is None:
            raise ValueError("a signature needs an aware instant")
        timestamp = str(math.floor(at.timestamp()))
        content = _content(webhook_id, timestamp, body)
        return {
            ID_HEADER: webhook_id,
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: b" ".join([_signature(key, content) for key in self._keys]).decode("ascii"),
        }


def sign(secrets: Sequence[str], webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers that sign one message; who signs many keeps a `Signer`."""
    return Signer(*secrets).headers(webhook_id, at, body)


def verify(
    secret: str, headers: Mapping[str, str], body: bytes, now: datetime, tolerance_s: float = TOLERANCE_S
) -> None:
    """Prove that `body` was signed with `secret` within `tolerance_s` seconds of `now`.

    Header names match in any case. Raises `SignatureInvalid`, whatever is wrong with the message.
    """
    found = {name.lower(): value for name, value in headers.items()}
    webhook_id, timestamp = found.get(ID_HEADER), found.get(TIMESTAMP_HEADER)
    signatures = found.get(SIGNATURE_HEADER)
    if not (webhook_id and timestamp and signatures):
        raise SignatureInvalid("a signature header is missing")
    if not _SECONDS.fullmatch(timestamp):
        raise SignatureInvalid("the timestamp is not in whole seconds")
    if abs(now.timestamp() - int(timestamp)) > tolerance_s:
        raise SignatureInvalid("the timestamp is too far from now")
    expected = _signature(_key(secret), _content(webhook_id, timestamp, body))
    offered = signatures.split(" ", _SIGNATURES_MAX)[:_SIGNATURES_MAX]
    # The encoded forms are compared, so a malformed one merely differs.
    if not any(hmac.compare_digest(expected, _bytes(each)) for each in offered):
        raise SignatureInvalid("no signature matches")


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(_PREFIX).rstrip("=")
    try:
        key = b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (Base64Error, ValueError):
        raise SecretInvalid("a webhook secret is base64, with or without whsec_ in front") from None
    if not key:
        raise SecretInvalid("a webhook secret may not be empty")
    return key


def _content(webhook_id: str, timestamp: str, body: bytes) -> bytes:
    return b"%b.%b.%b" % (_bytes(webhook_id), timestamp.encode("ascii"), body)


def _signature(key: bytes, content: bytes) -> bytes:
    return b"v1," + b64encode(hmac.digest(key, content, "sha256"))


def _bytes(text: str) -> bytes:
    # A header may hold what no proper text does; it must differ, not raise.
    return text.encode("utf-8", "surrogatepass")
