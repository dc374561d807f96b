"""The commands' way to a running Baton: HTTP, with the administrator's key, and errors for people."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import msgspec

from services.cli.errors import Refused, Unreachable
from shared import secrets_file
from shared.settings import CliSettings, load

T = TypeVar("T")

_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)


class Client:
    """Calls the gateway. Every method returns the decoded JSON body."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
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
        """Raise `Unreachable` or `Refused`; return None where there is no body."""
        content = None if body is None else msgspec.json.encode(body)
        sent = {**(headers or {}), **({} if content is None else {"content-type": "application/json"})}
        try:
            async with self._session.request(
                method, self.url + path, data=content, params=query, headers=sent
            ) as answer:
                raw = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(f"Baton does not answer at {self.url} (BATON_URL): {error}") from error
        decoded = _decoded(raw)
        if answer.status >= 400:
            raise Refused(decoded if isinstance(decoded, dict) else {"status": answer.status})
        return decoded

    async def pages(self, path: str, query: Mapping[str, str] | None = None) -> AsyncIterator[Any]:
        """Give every item of a list, page by page."""
        wanted = dict(query or {})
        while True:
            page = await self.call("GET", path, query=wanted)
            for item in page["data"]:
                yield item
            if not page.get("next"):
                return
            wanted["cursor"] = page["next"]


@asynccontextmanager
async def connected(url: str, key: str | None) -> AsyncIterator[Client]:
    """Give a client for the Baton at `url`."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    async with aiohttp.ClientSession(headers=headers, timeout=_TIMEOUT) as session:
        yield Client(session, url.rstrip("/"))


def ask(question: Callable[[Client], Awaitable[T]]) -> T:
    """Have one conversation with the Baton at BATON_URL and return what came of it.

    The key is BATON_ADMIN_KEY, else the one in the data directory's secrets.env.
    """
    settings = load(CliSettings, os.environ)
    key = settings.admin_key.get_secret_value() if settings.admin_key else _stored_key(settings)

    async def conversation() -> T:
        async with connected(settings.url, key) as client:
            return await question(client)

    return asyncio.run(conversation())


def every(path: str) -> Callable[[Client], Awaitable[list[Any]]]:
    """Return the question for all items of a list, page after page."""

    async def collect(client: Client) -> list[Any]:
        return [item async for item in client.pages(path)]

    return collect


def _stored_key(settings: CliSettings) -> str | None:
    return secrets_file.read(settings.data_dir).get(secrets_file.ADMIN_KEY)


def _decoded(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw) if raw else None
    except msgspec.DecodeError:
        return None
