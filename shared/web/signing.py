"""Webhook signatures in the Standard Webhooks format: HMAC-SHA256 over `id.timestamp.body`, prefixed `v1,`.

The tests compare this module with the `standardwebhooks` package in both directions. The package itself is
not used at runtime: it reads the wall clock instead of taking the time, signs naive datetimes wrongly,
accepts only text bodies, and raises a bare `ValueError` for a malformed signature.

Specification: https://github.com/standard-webhooks/standard-webhooks
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

# A sender rotating secrets uses two or three at once; the limit keeps a hostile header cheap.
_SIGNATURES_MAX = 16
_SECONDS = re.compile(r"[0-9]{1,12}")


class SignatureInvalid(BatonError):
    """The sender or the time of a message cannot be verified. The text is for logs, not for the sender."""


class SecretInvalid(BatonError):
    """A webhook secret is not base64, or is empty. The text never contains the secret."""


def new_secret(random_bytes: bytes) -> str:
    """Return 24 to 64 random bytes as a secret in text form: base64 with the prefix `whsec_`."""
    if not SECRET_BYTES_MIN <= len(random_bytes) <= SECRET_BYTES_MAX:
        raise ValueError(f"a secret takes {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} random bytes")
    return _PREFIX + b64encode(random_bytes).decode("ascii")


class Signer:
    """Signs with one secret, or with several during a rotation. The secrets are decoded once."""

    __slots__ = ("_keys",)

    def __init__(self, *secrets: str) -> None:
        if not secrets:
            raise SecretInvalid("there is no webhook secret to sign with")
        self._keys = tuple(map(_key, secrets))

    def headers(self, webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
        """Return the id, timestamp and signature headers; one signature per secret. `at` must be aware."""
        if at.tzinfo is None:
            raise ValueError("a signature needs an aware datetime")
        timestamp = str(math.floor(at.timestamp()))
        content = _content(webhook_id, timestamp, body)
        return {
            ID_HEADER: webhook_id,
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: b" ".join([_signature(key, content) for key in self._keys]).decode("ascii"),
        }


def sign(secrets: Sequence[str], webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers for one message. Use a `Signer` to sign many with the same secrets."""
    return Signer(*secrets).headers(webhook_id, at, body)


def verify(
    secret: str, headers: Mapping[str, str], body: bytes, now: datetime, tolerance_s: float = TOLERANCE_S
) -> None:
    """Check that `body` was signed with `secret`, at most `tolerance_s` seconds away from `now`.

    Header names are case-insensitive. Raises `SignatureInvalid` for any fault of the message.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    webhook_id, timestamp = lowered.get(ID_HEADER), lowered.get(TIMESTAMP_HEADER)
    signatures = lowered.get(SIGNATURE_HEADER)
    if not (webhook_id and timestamp and signatures):
        raise SignatureInvalid("a signature header is missing")
    if not _SECONDS.fullmatch(timestamp):
        raise SignatureInvalid("the timestamp is not in whole seconds")
    if abs(now.timestamp() - int(timestamp)) > tolerance_s:
        raise SignatureInvalid("the timestamp is too far from now")
    expected = _signature(_key(secret), _content(webhook_id, timestamp, body))
    offered = signatures.split(" ", _SIGNATURES_MAX)[:_SIGNATURES_MAX]
    # Encoded signatures are compared, so malformed base64 is just a signature that does not match.
    if not any(hmac.compare_digest(expected, _bytes(signature)) for signature in offered):
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
    # A header may contain lone surrogates; it then must not match, rather than raise.
    return text.encode("utf-8", "surrogatepass")
