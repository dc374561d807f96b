"""Verifies ID tokens (OpenID Connect Core 3.1.3.7)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.errors import Reject

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Signatures by a public key only: with HMAC, or none, whoever knows the public key could make a token."""
SKEW_S: Final = 60
TOKEN_LENGTH_MAX: Final = 32 * 1024


class UnknownSigner(Exception):
    """None of the keys signed the token: the provider may have a new one."""


def verify_id_token(
    token: str, keys: KeySet, *, issuer: str, client_id: str, nonce: str, now: datetime
) -> Mapping[str, Any]:
    """Return the claims of an ID token.

    Raises `UnknownSigner`, and `Reject` (401) for a token that is not for this client, of this issuer, of
    this attempt and of now; clocks may differ by `SKEW_S`.
    """
    if len(token) > TOKEN_LENGTH_MAX:
        raise refused("its ID token is too long")
    try:
        claims = jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims
    except (JoseError, ValueError) as error:
        raise UnknownSigner(str(error)) from error
    required = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=SKEW_S,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True},
    )
    try:
        required.validate(claims)
    except JoseError as error:
        raise refused(f"its ID token is not valid: {error}") from error
    if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
        raise refused("its ID token is of another attempt")
    audience = claims["aud"]
    is_shared = isinstance(audience, list) and len(audience) > 1
    if claims.get("azp", client_id if not is_shared else None) != client_id:
        raise refused("its ID token was made for another client")
    return claims


def refused(why: str) -> Reject:
    """Return the refusal of what the provider said."""
    detail = f"What the sign-in provider said cannot be believed: {why}. Sign in again."
    return Reject(401, "sign-in-refused", "Signing in failed", detail)
