"""Asks an OpenID Connect provider: discovery, keys, and the exchange of a code for an ID token.

Every request is bounded in time and size and goes only where the egress policy lets it. What the provider
says of itself is kept for an hour; its keys are read anew when a token has an unknown signer, at most every
few seconds, so that a provider may change its keys at any time.
"""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import quote_plus, urlencode

import httpx2
import msgspec
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from msgspec import Struct

from services.gateway.console.session import SignedInPerson
from services.gateway.domain.access import KnownKey
from services.gateway.domain.oidc import OidcPerson, OidcSettings, person_of
from services.gateway.oidc.id_token import UnknownSigner, refused, verify_id_token
from shared.clock import Clock
from shared.errors import Reject
from shared.web.egress import EgressPolicy, EgressRefused
from shared.web.httpx_egress import egress_client

REQUEST_S_MAX: Final = 8.0
ANSWER_BYTES_MAX: Final = 256 * 1024
METADATA_KEPT: Final = timedelta(hours=1)
KEYS_AGE_MIN: Final = timedelta(seconds=5)
_DISCOVERY: Final = "/.well-known/openid-configuration"

log = structlog.get_logger()

_A = TypeVar("_A")


class ProviderMetadata(Struct, frozen=True):
    """What a provider says of itself (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _TokenAnswer(Struct):
    id_token: str = ""
    error: str = ""


class OidcProvider:
    """The provider of the settings; `client_secret` is None for a public client."""

    def __init__(
        self, settings: OidcSettings, client_secret: str | None, egress: EgressPolicy, clock: Clock
    ) -> None:
        self._settings = settings
        self._secret = client_secret
        self._egress = egress
        self._clock = clock
        self._metadata: tuple[datetime, ProviderMetadata] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    @property
    def label(self) -> str:
        """What the button says after "Sign in with"."""
        return self._settings.label

    def known_person(self, key_id: str, person: SignedInPerson) -> KnownKey:
        """Return a person of a session as a key is compared: by the settings that are in force now."""
        return OidcPerson(key_id, person.name, person.scopes, person.rep).known_by(self._settings)

    async def authorization_url(self, *, state: str, nonce: str, verifier: str) -> str:
        """Return where a browser is sent to sign in. Raises `Reject` (503)."""
        metadata = await self._describe()
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._settings.redirect_uri,
            "scope": self._settings.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        separator = "&" if "?" in metadata.authorization_endpoint else "?"
        return f"{metadata.authorization_endpoint}{separator}{urlencode(asked)}"

    async def redeem(self, code: str, *, nonce: str, verifier: str) -> OidcPerson:
        """Return who signed in.

        Raises `Reject`: 401 for what cannot be believed, 403 for a person without a group, 503 when the
        provider does not answer.
        """
        metadata = await self._describe()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._settings.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded"}
        client_id, secret = self._settings.client_id, self._secret
        if secret is not None and "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            pair = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
            headers["authorization"] = f"Basic {b64encode(pair).decode()}"
        else:
            form |= {"client_id": client_id, **({"client_secret": secret} if secret else {})}
        answer = await self._ask("POST", metadata.token_endpoint, _TokenAnswer, urlencode(form), headers)
        if not answer.id_token:
            raise refused(f"it did not take the code ({answer.error[:80] or 'no ID token'})")
        return person_of(await self._verified(metadata, answer.id_token, nonce), self._settings)

    async def _verified(self, metadata: ProviderMetadata, token: str, nonce: str) -> Mapping[str, Any]:
        for _attempt in range(2):
            keys = await self._key_set(metadata)
            try:
                return verify_id_token(
                    token,
                    keys,
                    issuer=metadata.issuer,
                    client_id=self._settings.client_id,
                    nonce=nonce,
                    now=self._clock.now(),
                )
            except UnknownSigner as error:
                log.info("ID token not verified", reason=str(error))
                if self._keys is not None and self._clock.now() - self._keys[0] >= KEYS_AGE_MIN:
                    self._keys = None
        raise refused("its ID token has no valid signature")

    async def _describe(self) -> ProviderMetadata:
        now = self._clock.now()
        if self._metadata is None or now - self._metadata[0] > METADATA_KEPT:
            url = self._settings.issuer.rstrip("/") + _DISCOVERY
            found = await self._ask("GET", url, ProviderMetadata)
            if found.issuer != self._settings.issuer:
                raise _unavailable(f"it calls itself {found.issuer[:200]}, not {self._settings.issuer}")
            self._metadata = now, found
        return self._metadata[1]

    async def _key_set(self, metadata: ProviderMetadata) -> KeySet:
        now = self._clock.now()
        if self._keys is None or now - self._keys[0] > METADATA_KEPT:
            found = await self._ask("GET", metadata.jwks_uri, dict[str, Any])
            try:
                self._keys = now, KeySet.import_key_set(found)  # type: ignore[arg-type]
            except (JoseError, ValueError, KeyError, TypeError) as error:
                raise _unavailable(f"its keys cannot be read: {error}") from error
        return self._keys[1]

    async def _ask(
        self,
        method: str,
        url: str,
        kind: type[_A],
        content: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> _A:
        """Return the JSON answer of the provider. Raises `Reject` (503)."""
        body = bytearray()
        try:
            async with asyncio.timeout(REQUEST_S_MAX):
                client = egress_client(self._egress, url, connections_max=0)
                async with (
                    client,
                    client.stream(method, url, content=content, headers=dict(headers or {})) as response,
                ):
                    async for chunk in response.aiter_raw():
                        body += chunk
                        if len(body) > ANSWER_BYTES_MAX:
                            raise _unavailable("its answer is too long")
            if response.status_code not in (200, 400, 401) or (
                method == "GET" and response.status_code != 200
            ):
                raise _unavailable(f"it answered {response.status_code}")
            return msgspec.json.decode(body, type=kind)
        except TimeoutError as error:
            raise _unavailable(f"it did not answer within {REQUEST_S_MAX:g} s") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, EgressRefused, OSError) as error:
            raise _unavailable(f"it cannot be reached: {error}") from error
        except msgspec.MsgspecError as error:
            raise _unavailable("its answer cannot be read") from error


def _unavailable(why: str) -> Reject:
    log.warning("sign-in provider unavailable", reason=why)
    detail = "Try again in a moment, or sign in with an API key"
    return Reject(503, "sign-in-unavailable", "The sign-in provider cannot be used now", detail)
