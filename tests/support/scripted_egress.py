"""An egress client whose responses are given by the test, for whatever sends webhooks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from shared.web.egress_client import EgressClient, EgressResponse


@dataclass(frozen=True)
class Post:
    """One request that was made."""

    url: str
    body: bytes
    headers: Mapping[str, str]


@dataclass
class ScriptedEgress(EgressClient):
    """Responds with what `respond` returns, by default 204, and raises what it raises."""

    respond: Callable[[Post], EgressResponse] = lambda _post: EgressResponse(204, b"", 0.1)
    before: Callable[[], Awaitable[object]] | None = None
    """Awaited before each response, so that a test can hold it back."""
    posts: list[Post] = field(default_factory=list)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> EgressResponse:
        post = Post(url, body, headers)
        self.posts.append(post)
        if self.before is not None:
            await self.before()
        return self.respond(post)
