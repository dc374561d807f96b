"""A receiver of signed webhooks as a FastAPI application; `baton listen` and the demo run it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx2
import msgspec
import typer
from fastapi import FastAPI, Request, Response

from services.cli.output import echo, json_text
from shared.printable import printable_line
from shared.web.server import HttpServer
from shared.web.signing import SecretInvalid, SignatureInvalid, Signer, verify
from shared.worker.process import run_until_signalled

_BODY_BYTES_MAX = 2 * 1024 * 1024
_FORWARD_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class ReceivedWebhook:
    """One delivery. `verified` is None without a secret to verify with; `reason` says why it failed."""

    headers: Mapping[str, str]
    body: bytes
    verified: bool | None
    reason: str = ""


OnWebhook = Callable[[ReceivedWebhook], Awaitable[int]]
"""Callback for a delivery; returns the HTTP status of the response."""


def create_app(on_webhook: OnWebhook, secret: Callable[[], str | None]) -> FastAPI:
    """Return an application that verifies every POST if there is a secret, and calls `on_webhook`."""
    app = FastAPI(openapi_url=None)

    @app.post("/{path:path}")
    async def receive(path: str, request: Request) -> Response:  # noqa: ARG001 - any path will do
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _BODY_BYTES_MAX:
                return Response(status_code=413)
        return Response(status_code=await on_webhook(verified_webhook(request.headers, body, secret())))

    return app


def receive_webhooks(port: int, secret: str | None, forward: str | None, *, as_json: bool) -> None:
    """Receive until a signal. Raises `typer.BadParameter` for a malformed secret."""
    if secret is not None:
        try:
            Signer(secret)
        except SecretInvalid as error:
            raise typer.BadParameter(str(error), param_hint="--secret") from error

    async def serve(stop: asyncio.Event) -> None:
        async with httpx2.AsyncClient(timeout=_FORWARD_TIMEOUT_S) as http:

            async def print_and_forward(webhook: ReceivedWebhook) -> int:
                echo(json_line(webhook) if as_json else text_line(webhook))
                if webhook.verified is False:
                    return 401
                return await forward_webhook(http, forward, webhook) if forward else 204

            app = create_app(print_and_forward, lambda: secret)
            server = HttpServer(app, host="127.0.0.1", port=port, port_field="port")
            await server.start()
            echo(f"Listening on http://127.0.0.1:{server.port}/", err=as_json)
            try:
                await stop.wait()
            finally:
                await server.stop()

    run_until_signalled(serve)


def verified_webhook(headers: Mapping[str, str], body: bytes, secret: str | None) -> ReceivedWebhook:
    """Return the delivery with the result of verifying its signature."""
    if secret is None:
        return ReceivedWebhook(headers, body, None)
    try:
        verify(secret, headers, body, datetime.now(UTC))
    except SignatureInvalid as error:
        return ReceivedWebhook(headers, body, verified=False, reason=str(error))
    return ReceivedWebhook(headers, body, verified=True)


async def forward_webhook(http: httpx2.AsyncClient, url: str, webhook: ReceivedWebhook) -> int:
    """Forward a delivery with its signed headers; return the response status, 502 without a response."""
    headers = {
        name: value
        for name, value in webhook.headers.items()
        if name.startswith("webhook-") or name == "content-type"
    }
    try:
        response = await http.post(url, content=webhook.body, headers=headers)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        echo(f"could not forward to {url}: {error or type(error).__name__}", err=True)
        return 502
    return response.status_code


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {"not JSON": body[:200].decode("utf-8", "replace")}


def json_line(webhook: ReceivedWebhook) -> str:
    """Return a delivery as one line of JSON."""
    line = {
        "webhook_id": webhook.headers.get("webhook-id", "-"),
        "verified": webhook.verified,
        "body": _decoded(webhook.body),
    }
    return json_text(line)


def text_line(webhook: ReceivedWebhook) -> str:
    """Return a delivery as a line for people."""
    states = {True: "verified", False: f"NOT VERIFIED: {webhook.reason}", None: "not checked"}
    decoded = _decoded(webhook.body)
    body = decoded if isinstance(decoded, dict) else {}
    data = body.get("data") or {}
    decision = data.get("decision") or {}
    fields = {name: data.get(name) for name in ("step", "to")}
    fields |= {name: decision.get(name) for name in ("queue", "owner", "rule")} | {
        "lead": data.get("lead_id")
    }
    shown = "  ".join(f"{name}={value}" for name, value in fields.items() if value)
    webhook_id = webhook.headers.get("webhook-id", "-")
    return printable_line(f"{body.get('type', '?')}  [{states[webhook.verified]}]  {shown}  id={webhook_id}")
