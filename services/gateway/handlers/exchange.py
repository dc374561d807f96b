"""One request and its answer, as the handlers see them."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from services.gateway.domain.access import Principal
from services.gateway.handlers.gateway import Gateway
from services.gateway.request_body import read_body
from shared.web.problem import CONTENT_TYPE

_encode = msgspec.json.Encoder().encode


RawHeaders = tuple[tuple[bytes, bytes], ...]

JSON_TYPE: Final = "application/json"
JSON_HEADERS: Final[RawHeaders] = ((b"content-type", JSON_TYPE.encode()),)
PROBLEM_HEADERS: Final[RawHeaders] = ((b"content-type", CONTENT_TYPE.encode()),)


class Answer(Struct, frozen=True, gc=False):
    """Status, body and headers; the length of the body is added when it is sent."""

    status: int
    body: bytes = b""
    headers: RawHeaders = JSON_HEADERS


def json_answer(status: int, content: Any, headers: RawHeaders = JSON_HEADERS) -> Answer:
    """Return an answer with `content` as JSON."""
    return Answer(status, _encode(content), headers)


class Call:
    """One request in hand. `principal` is set when the endpoint needs a key."""

    __slots__ = ("_receive", "_scope", "gateway", "headers", "principal")

    def __init__(self, gateway: Gateway, scope: Scope, receive: Receive) -> None:
        self.gateway = gateway
        self.principal: Principal | None = None
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self._scope = scope
        self._receive = receive

    @property
    def query(self) -> QueryParams:
        """What follows the `?`."""
        return QueryParams(self._scope["query_string"])

    def param(self, name: str) -> str:
        """Return the part of the path that the route calls `name`."""
        value: str = self._scope["path_params"][name]
        return value

    def optional_param(self, name: str) -> str:
        """Return the part of the path that the route calls `name`, empty where it has none."""
        value: str = self._scope["path_params"].get(name, "")
        return value

    def header(self, name: bytes) -> str:
        """Return a header's value, empty when it is absent. `name` is in lower case."""
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def content_type(self) -> str:
        """The body's media type in lower case, without parameters; empty when the client says none."""
        given = self.header(b"content-type")
        if given == JSON_TYPE:
            return given  # nearly all requests
        return given.partition(";")[0].strip().lower()

    def with_body(self, body: bytes) -> Request:
        """Return Starlette's request, which reads `body`."""

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        return Request(self._scope, receive)

    async def body(self) -> bytes:
        """Return the whole body. Raises `Reject` (413, 415) and `ClientDisconnect`."""
        return await read_body(self.headers, self._receive)
