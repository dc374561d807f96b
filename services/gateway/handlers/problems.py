"""Whatever goes wrong, as the problem document that the client gets."""

from __future__ import annotations

from math import ceil
from typing import Final

import structlog

from services.gateway.handlers.exchange import Answer
from shared.errors import BackOff, DataError, Reject, Retry
from shared.web.problem import from_reject

RETRY_AFTER_S: Final = 1.0

log = structlog.get_logger()


def rejected(reject: Reject) -> Answer:
    """Return the answer to a request that is the client's fault."""
    status, headers, body = from_reject(reject)
    return Answer(status, body, tuple((name.encode(), value.encode("latin-1")) for name, value in headers))


def unavailable(away: Retry) -> Answer:
    """Return the answer while something that is needed is away: nothing was accepted."""
    log.warning("cannot serve now", reason=str(away))
    wait_s = away.after_s if isinstance(away, BackOff) else RETRY_AFTER_S
    return rejected(
        Reject(
            503,
            "unavailable",
            "Something that is needed is away",
            "Nothing was accepted; send the same request again later",
            headers=(("retry-after", str(ceil(wait_s))),),
        )
    )


def unusable(error: DataError) -> Answer:
    """Return the answer to values that the stream or the database can never take."""
    if error.kind == "oversized":
        return rejected(Reject(413, "record-too-large", "This is too large to be sent on", str(error)))
    return rejected(Reject(422, "unusable-value", "A value cannot be stored"))


def broken(route: str, error: BaseException) -> Answer:
    """Return the answer to our own fault, which is in the log and nowhere else.

    `route` is the path as it is documented: the one that was called may end in a source's token.
    """
    log.error("a request failed", route=route, exc_info=error)
    return rejected(Reject(500, "internal-error", "This is a fault of Baton, not of the request"))


def not_here(allowed: tuple[str, ...]) -> Reject:
    """Return the rejection of a path that means nothing, or of a method that the path does not have."""
    if not allowed:
        return Reject(404, "unknown-route", "There is nothing at this path", "See /openapi.json")
    allow = ", ".join(allowed)
    return Reject(
        405, "method-not-allowed", "This path has other methods", allow, headers=(("allow", allow),)
    )


def no_key(detail: str) -> Reject:
    """Return the rejection of a request without a key that is known."""
    return Reject(
        401,
        "unauthorized",
        "An API key is needed",
        detail,
        headers=(("www-authenticate", 'Bearer realm="baton"'),),
    )
