"""Access tokens for SASL OAUTHBEARER, by OAuth 2.0's client credentials grant (RFC 6749, 4.4)."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Annotated, Final

import httpx2
import msgspec
from aiokafka.abc import AbstractTokenProvider
from msgspec import Meta, Struct

_TIMEOUT_S: Final = 10.0
_LIFETIME_DEFAULT_S: Final = 300.0
_RENEWED_BEFORE: Final = 0.8
"""The share of its lifetime after which a token is replaced, so that none expires on its way."""


class TokenResponse(Struct):
    """What a token endpoint answers. `expires_in` in seconds."""

    access_token: Annotated[str, Meta(min_length=1)]
    expires_in: float = _LIFETIME_DEFAULT_S


class TokenUnavailable(OSError):
    """The token endpoint gave no token. An `OSError`, as aiokafka treats it as a connection that failed."""


class ClientCredentials(AbstractTokenProvider):
    """Fetches a token when a connection is made and keeps it for most of its lifetime."""

    def __init__(self, url: str, client_id: str, client_secret: str, scope: str | None) -> None:
        self._url = url
        self._client = (client_id, client_secret)
        self._form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
        self._token = ""
        self._renew_at = 0.0
        self._renewing = asyncio.Lock()

    async def token(self) -> str:
        """Return a token that is valid for a while. Raises `TokenUnavailable`."""
        async with self._renewing:
            if monotonic() >= self._renew_at:
                response = await self._fetch()
                self._token = response.access_token
                self._renew_at = monotonic() + response.expires_in * _RENEWED_BEFORE
        return self._token

    async def _fetch(self) -> TokenResponse:
        try:
            async with httpx2.AsyncClient(timeout=_TIMEOUT_S, auth=self._client) as client:
                answer = await client.post(self._url, data=self._form)
                answer.raise_for_status()
                return msgspec.json.decode(answer.content, type=TokenResponse)
        except (httpx2.HTTPError, msgspec.MsgspecError) as error:
            raise TokenUnavailable(f"{self._url} gave no access token: {error}") from error
