"""Whether the sender of a request may post to its source."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from msgspec import structs

from services.gateway.domain.arrival import Arrival
from services.gateway.domain.sources import HookSource
from services.gateway.intake.post_limits import count_verified_post
from services.gateway.intake.preset_bodies import secret_in_body
from services.gateway.intake.signatures import SignedRequest, proves, request_id, sent_secrets
from services.gateway.state import GatewayState
from shared.errors import Reject
from shared.web.client_address import client_address


async def verify_source(
    gateway: GatewayState, source: HookSource, request: Request, arrival: Arrival
) -> Arrival:
    """Check the signature or the token of a request to a source that is not public, and count the request.

    Returns the arrival with the sender's name for the request. Raises `Reject`: 403 for a signature or token
    that is missing or wrong, 429 beyond the limit of the source; `Retry` while its secret is not set.
    """
    if not source.public:  # a fault of the body's size or encoding is reported before one of its sender
        check_sender(gateway, source, request, await request.body())
        count_verified_post(request, source)
    return structs.replace(arrival, idempotency_key=client_name(source, request.headers))


def client_name(source: HookSource, headers: Mapping[str, str]) -> str:
    """Return the name by which a sender knows its post, by which a repeated post is the same event.

    Standard Webhooks signs an id that stays when a delivery is tried again, or replayed by somebody who has
    recorded it. Other senders may set an `Idempotency-Key`.
    """
    named = request_id(source.scheme, headers)
    return headers.get("idempotency-key", "") if named is None else ":".join(named)


def check_sender(gateway: GatewayState, source: HookSource, request: Request, body: bytes) -> None:
    """Do what `verify_source` does, for a body that was read. Raises `Reject` (403) and `Retry`."""
    gateway.sources.require_usable(source)
    if source.public:
        return
    secret = gateway.sources.secret(source)
    scheme = source.scheme
    if scheme is None:
        check_token(gateway, source, request, secret)
        return
    signed = signed_request(request, body)
    if proves(scheme, secret, signed, gateway.clock.now()):
        return
    is_sent = scheme.scheme in ("basic", "shared_secret")
    if source.signature is not None and not is_sent:
        raise Reject(403, "wrong-signature", "The signature of this source is missing or wrong")

    def in_body() -> Any:
        return None if source.preset is None else secret_in_body(source.preset, signed, gateway.clock.now())

    offered = sent_secrets(scheme, signed, in_body)
    if offered or source.signature is not None or request.path_params.get("token"):
        check_token(gateway, source, request, secret, *offered)
    else:
        detail = "Sign with the secret of the source, or give it as the last part of the URL"
        raise Reject(403, "wrong-signature", "The signature of this source is missing or wrong", detail)


def signed_request(request: Request, body: bytes) -> SignedRequest:
    """Return a request as its signature sees it. Header names are in lower case."""
    return SignedRequest(
        method=request.method,
        url=str(request.url),
        path=request.url.path,
        headers={name.lower(): value for name, value in request.headers.items()},
        query=dict(request.query_params),
        body=body,
    )


def check_token(
    gateway: GatewayState, source: HookSource, request: Request, secret: str, *others: str
) -> None:
    """Check that the token in the path of a request, or one of `others`, is the secret of its source.

    Raises `Reject`: 403, or 429 for an address that guesses.
    """
    address = client_address(request.scope)
    offered = [token for token in (request.path_params.get("token", ""), *others) if token]
    for token in offered:
        gateway.guesses.refuse_if_slowed(source.name, address, token)
        if is_same_secret(token, secret):
            gateway.guesses.count_right(source.name, address, token)
            return
    for token in offered:
        gateway.guesses.count_wrong(source.name, address, token)
    detail = "It is the last part of the URL: /hooks/forms/SOURCE/TOKEN"
    raise Reject(403, "wrong-token", "The token of this source is missing or wrong", detail)


def is_same_secret(given: str, secret: str) -> bool:
    """Compare in constant time what a client gave with a secret."""
    return hmac.compare_digest(given.encode("utf-8", "backslashreplace"), secret.encode())
