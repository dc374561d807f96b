"""Who may speak for a source: anybody where it is public, else whoever knows its secret."""

from __future__ import annotations

import hmac

from services.gateway.domain.sources import Hook, HookSource
from services.gateway.handlers.exchange import Call
from services.gateway.handlers.signatures import SCHEMES
from shared.errors import Reject


def find_source(call: Call, hook: Hook) -> HookSource:
    """Return the source that the path names. Raises `Reject` (404)."""
    source = call.gateway.sources.current.get(call.param("source"))
    if source is None or source.hook != hook:
        raise Reject(404, "unknown-source", f"There is no such source of {hook}")
    return source


def admit(call: Call, source: HookSource, body: bytes) -> None:
    """Raise `Reject` (403) for who may not speak for the source, `Retry` while its secret is missing."""
    if source.public:
        return
    secret = call.gateway.sources.secret(source)
    if source.signature is not None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in call.headers.items()}
        if not SCHEMES[source.signature](secret, headers, body, call.gateway.clock.now()):
            raise Reject(403, "wrong-signature", "The signature of this source is missing or wrong")
    elif not hmac.compare_digest(_bytes(call.optional_param("token")), _bytes(secret)):
        raise Reject(403, "wrong-token", "The token of this source is missing or wrong")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
