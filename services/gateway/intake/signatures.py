"""Signature schemes of form vendors: HMAC-SHA256 with a shared secret, in a header format of their own."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from shared.policy.models import Signature
from shared.web.signing import TOLERANCE_S, SecretInvalid, SignatureInvalid, verify

Headers = Mapping[str, str]


def is_standard(secret: str, headers: Headers, body: bytes, now: datetime) -> bool:
    """Tell whether Standard Webhooks' headers prove the body. The secret is `whsec_…`."""
    try:
        verify(secret, headers, body, now)
    except (SignatureInvalid, SecretInvalid):
        return False
    return True


def is_typeform(secret: str, headers: Headers, body: bytes, _now: datetime) -> bool:
    """Tell whether `Typeform-Signature` proves the body."""
    return _same(headers.get("typeform-signature"), f"sha256={b64encode(_mac(secret, body)).decode()}")


def is_hub(secret: str, headers: Headers, body: bytes, _now: datetime) -> bool:
    """Tell whether `X-Hub-Signature-256` proves the body, as Meta and others send it."""
    return _same(headers.get("x-hub-signature-256"), f"sha256={_mac(secret, body).hex()}")


def is_webflow(secret: str, headers: Headers, body: bytes, now: datetime) -> bool:
    """Tell whether `X-Webflow-Signature` proves the body and its time, which is in milliseconds."""
    at = headers.get("x-webflow-timestamp", "")
    if not (at.isascii() and at.isdigit() and len(at) < 16):
        return False
    if abs(now.timestamp() - int(at) / 1000) > TOLERANCE_S:
        return False
    return _same(headers.get("x-webflow-signature"), _mac(secret, at.encode() + b":" + body).hex())


SCHEMES: Final[Mapping[Signature, Callable[[str, Headers, bytes, datetime], bool]]] = {
    "standard": is_standard,
    "typeform": is_typeform,
    "webflow": is_webflow,
    "hub": is_hub,
}


def _mac(secret: str, content: bytes) -> bytes:
    return hmac.digest(secret.encode(), content, "sha256")


def _same(given: str | None, expected: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode("latin-1", "replace"), expected.encode())
