"""What `baton listen` does: receive webhooks on this machine, verify them, print them, pass them on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
import msgspec
import typer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.web.server import HttpServer
from shared.web.signing import SecretInvalid, SignatureInvalid, Signer, verify
from shared.worker.process import run_until_signalled

_BODY_BYTES_MAX = 2 * 1024 * 1024
_FORWARD_TIMEOUT = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True)
class Received:
    """One delivery. `verified` is None when no secret was given to verify with."""

    headers: Mapping[str, str]
    body: bytes
    verified: bool | None
    reason: str = ""


Take = Callable[[Received], Awaitable[int]]
"""What is done with a delivery; returns the status to answer with."""


def listen(port: int, secret: str | None, forward: str | None, *, as_json: bool) -> None:
    """Receive until a signal. Raises `typer.BadParameter` for a secret that nothing can be signed with."""
    if secret is not None:
        try:
            Signer(secret)
        except SecretInvalid as error:
            raise typer.BadParameter(str(error), param_hint="--secret") from error

    async def main(stop: asyncio.Event) -> None:
        async with aiohttp.ClientSession(timeout=_FORWARD_TIMEOUT) as session:

            async def take(received: Received) -> int:
                typer.echo(_line(received, as_json=as_json))
                if received.verified is False:
                    return 401
                return await _forward(session, forward, received) if forward else 204

            server = HttpServer(
                receiver(take, lambda: secret), host="127.0.0.1", port=port, port_field="port"
            )
            await server.start()
            typer.echo(f"Listening on http://127.0.0.1:{server.port}/", err=as_json)
            try:
                await stop.wait()
            finally:
                await server.stop()

    run_until_signalled(main)


def receiver(take: Take, secret: Callable[[], str | None]) -> Starlette:
    """Return an app that hands every POST to `take`, verified if there is a secret by then."""

    async def receive(request: Request) -> Response:
        body = await request.body()
        if len(body) > _BODY_BYTES_MAX:
            return Response(status_code=413)
        headers = dict(request.headers)
        return Response(status_code=await take(_verified(headers, body, secret())))

    return Starlette(routes=[Route("/{path:path}", receive, methods=["POST"])])


def _verified(headers: Mapping[str, str], body: bytes, secret: str | None) -> Received:
    if secret is None:
        return Received(headers, body, None)
    try:
        verify(secret, headers, body, datetime.now(UTC))
    except SignatureInvalid as wrong:
        return Received(headers, body, verified=False, reason=str(wrong))
    return Received(headers, body, verified=True)


async def _forward(session: aiohttp.ClientSession, url: str, received: Received) -> int:
    kept = {
        name: value
        for name, value in received.headers.items()
        if name.startswith("webhook-") or name == "content-type"
    }
    try:
        async with session.post(url, data=received.body, headers=kept) as answer:
            return answer.status
    except (aiohttp.ClientError, TimeoutError) as error:
        typer.echo(f"could not pass it on to {url}: {error}", err=True)
        return 502


def _line(received: Received, *, as_json: bool) -> str:
    state = {True: "verified", False: f"NOT VERIFIED: {received.reason}", None: "not checked"}
    try:
        body = msgspec.json.decode(received.body)
    except msgspec.DecodeError:
        body = {"not JSON": received.body[:200].decode("utf-8", "replace")}
    webhook_id = received.headers.get("webhook-id", "-")
    if as_json:
        line = {"webhook_id": webhook_id, "verified": received.verified, "body": body}
        return msgspec.json.encode(line).decode()
    data = body.get("data", {}) if isinstance(body, dict) else {}
    decision = data.get("decision") or {}
    about = (
        ("queue", decision.get("queue")),
        ("owner", decision.get("owner")),
        ("rule", decision.get("rule")),
        ("lead", data.get("lead_id")),
    )
    said = "  ".join(f"{name}={value}" for name, value in about if value)
    kind = body.get("type", "?") if isinstance(body, dict) else "?"
    return f"{kind}  [{state[received.verified]}]  {said}  id={webhook_id}"
