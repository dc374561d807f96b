"""An OpenID Connect provider on this machine: discovery, authorization with PKCE, tokens signed by keys that rotate.

It speaks the protocol as a real one does and lets a test choose who is signed in, and what is wrong with the
token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from shared.clock import Clock

CLIENT_ID, CLIENT_SECRET = "baton", "the client's secret: %+/"


@dataclass
class OidcProviderSimulator:
    """`claims` are those of whoever signs in next; `forge` changes a token's claims, `sign` how it is signed."""

    clock: Clock
    claims: dict[str, Any] = field(default_factory=dict)
    forged: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    issuer: str = ""
    discovery: dict[str, Any] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}, auto_kid=False)
        self._codes: dict[str, dict[str, str]] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        app = web.Application(middlewares=[self._remember])
        app.router.add_get("/.well-known/openid-configuration", self._describe)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        app.router.add_get("/keys", self._keys)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.issuer = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def reset(self) -> None:
        """Sign in nobody in particular, by a token with nothing wrong."""
        self.claims, self.forged, self.discovery, self.algorithm = {}, {}, {}, "RS256"

    def rotate(self, kid: str) -> None:
        """Sign by a new key from now on; the old one is published no more."""
        self._key = RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}, auto_kid=False)

    @web.middleware
    async def _remember(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(request.path)
        response: web.StreamResponse = await handler(request)
        return response

    async def _describe(self, _request: web.Request) -> web.Response:
        described = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }
        return web.json_response(described | self.discovery)

    async def _keys(self, _request: web.Request) -> web.Response:
        return web.json_response(KeySet([self._key]).as_dict(private=False))

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe()
        self._codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"]})
        return web.Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{back}"})

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self._codes.pop(str(form.get("code")), None)  # a code works once
        verifier = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        challenge = _base64(verifier).decode()
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form.get("redirect_uri")
            or not _is_client(request)
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "1",
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.claims,
            **self.forged,
        }
        answer = {"access_token": "a", "token_type": "Bearer", "id_token": self._signed(claims)}
        return web.json_response(answer)

    def _signed(self, claims: dict[str, Any]) -> str:
        header = {"alg": self.algorithm, "kid": str(self._key.kid)}
        if self.algorithm == "RS256":
            return jwt.encode(header, claims, self._key)
        signed = b".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
        # HMAC with the public key as the secret: whoever reads that could have made it.
        mac = hmac.digest(self._key.as_pem(private=False), signed, "sha256")
        return b".".join((signed, _base64(mac) if self.algorithm == "HS256" else b"")).decode()


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _is_client(request: web.Request) -> bool:
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    wanted = base64.b64encode(f"{quote_plus(CLIENT_ID)}:{quote_plus(CLIENT_SECRET)}".encode()).decode()
    return kind == "Basic" and given == wanted
