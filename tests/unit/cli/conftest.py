"""Fixtures: a gateway that answers from a table, and the commands run against it in this process."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import httpx2
import msgspec
import pytest

from services.cli.client import BatonClient
from services.cli.main import main


class FakeGateway:
    """Answers `METHOD /path` from a table, and keeps the requests. A callable makes an answer of a request.

    An answer is a value for status 200, or a pair of a status and a value.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.requests: list[httpx2.Request] = []

    def respond(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.get(f"{request.method} {request.url.path}")
        if answer is None:
            return httpx2.Response(404, json={"title": "Nothing is there", "status": 404})
        if callable(answer):
            answer = answer(request)
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        return httpx2.Response(status, content=b"" if body is None else msgspec.json.encode(body))

    @property
    def bodies(self) -> list[Any]:
        return [msgspec.json.decode(request.content) for request in self.requests if request.content]

    @property
    def paths(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.requests]

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[BatonClient]:
        """Yield a client of this gateway."""
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(self.respond)) as http:
            yield BatonClient(http, "http://baton")


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


Baton = Callable[..., tuple[int, str, str]]


@pytest.fixture
def baton(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> Baton:
    """Run a command against the gateway; return its exit code and what it printed."""
    transport = httpx2.MockTransport(gateway.respond)
    monkeypatch.setattr(httpx2, "AsyncClient", partial(httpx2.AsyncClient, transport=transport))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("BATON_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("BATON_ADMIN_KEY", "the-admin-key-of-the-tests-0123456789")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = 0
        with _arguments(arguments):
            try:
                main()
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 0
        out, err = capsys.readouterr()
        return code, out, err

    return run


@contextmanager
def _arguments(arguments: tuple[str, ...]) -> Iterator[None]:
    before = sys.argv
    sys.argv = ["baton", *arguments]
    try:
        yield
    finally:
        sys.argv = before
