"""HTTP client of the commands: the gateway API with the administrator's key, and readable errors."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from services.cli.errors import Refused, Unreachable

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

_TIMEOUT_S = 30
_CONNECT_TIMEOUT_S = 5


class BatonClient:
    """Calls the gateway. Every method returns the decoded JSON body."""

    def __init__(self, http: httpx2.AsyncClient, url: str) -> None:
        self._http = http
        self.url = url

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the decoded response, None if it has no body. Raises `Unreachable`, `Refused`."""
        import httpx2

        content = None if body is None else msgspec.json.encode(body)
        sent = {**(headers or {}), **({} if content is None else {"content-type": "application/json"})}
        try:
            response = await self._http.request(
                method, self.url + path, content=content, params=query, headers=sent
            )
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Unreachable(
                f"Baton does not answer at {self.url} (BATON_URL): {error or type(error).__name__}"
            ) from error
        try:
            decoded = msgspec.json.decode(response.content) if response.content else None
        except msgspec.DecodeError:
            decoded = None
        if response.status_code >= 400:
            raise Refused(decoded if isinstance(decoded, dict) else {"status": response.status_code})
        return decoded

    async def pages(self, path: str, query: Mapping[str, str] | None = None) -> AsyncIterator[Any]:
        """Yield every item of a list, page by page."""
        parameters = dict(query or {})
        while True:
            page = await self.call("GET", path, query=parameters)
            for item in page["data"]:
                yield item
            if not page.get("next"):
                return
            parameters["cursor"] = page["next"]


@asynccontextmanager
async def connect(url: str, key: str | None) -> AsyncIterator[BatonClient]:
    """Yield a client for the Baton at `url`."""
    import httpx2

    headers = {"authorization": f"Bearer {key}"} if key else {}
    timeout = httpx2.Timeout(_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S)
    async with httpx2.AsyncClient(headers=headers, timeout=timeout) as http:
        yield BatonClient(http, url.rstrip("/"))


def run_with_client(conversation: Callable[[BatonClient], Awaitable[T]]) -> T:
    """Run a coroutine function with a client for BATON_URL and return its result.

    The key is BATON_ADMIN_KEY, else the one in `secrets.env` of the data directory.
    """
    from shared import secrets_file
    from shared.settings import CliSettings, load

    settings = load(CliSettings, os.environ)
    stored = secrets_file.read(settings.data_dir)
    key = settings.admin_key.get_secret_value() if settings.admin_key else stored.get(secrets_file.ADMIN_KEY)

    async def converse() -> T:
        async with connect(settings.url, key) as client:
            return await conversation(client)

    return asyncio.run(converse())


def request(method: str, path: str, *, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
    """Send one request and return the decoded response. Raises `Unreachable`, `Refused`."""
    return run_with_client(lambda client: client.call(method, path, body=body, query=query))


def list_all(path: str) -> list[Any]:
    """Return all items of a list, page after page. Raises `Unreachable`, `Refused`."""

    async def collect(client: BatonClient) -> list[Any]:
        return [item async for item in client.pages(path)]

    return run_with_client(collect)
