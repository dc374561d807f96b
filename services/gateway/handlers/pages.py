"""What needs no key besides the forms: contracts, the operator's pages, and the page at `/`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from services.gateway.handlers.exchange import Answer, Call
from services.gateway.handlers.routing import Endpoint
from shared.observability.metrics import CONTENT_TYPE

HTML: Final = "text/html; charset=utf-8"
_HTML_HEADERS = (
    (b"content-type", HTML.encode()),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)

_INDEX = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Baton</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}</style>
<h1>Baton</h1>
<p>Baton takes an inbound lead from a form to the right seller, and can always say why.</p>
<ul>
<li><a href="/openapi.json">openapi.json</a>: the HTTP API</li>
<li><a href="/asyncapi.json">asyncapi.json</a>: topics and events</li>
<li><a href="/readyz">readyz</a>: whether everything works</li>
<li><a href="/metrics">metrics</a>: for Prometheus</li>
</ul>
</html>
"""


async def livez(_call: Call) -> Answer:
    """Say that the process runs."""
    return Answer(200, b'{"live":true}')


async def readyz(call: Call) -> Answer:
    """Say whether everything that is needed is there."""
    readiness = call.gateway.health.readiness()
    return Answer(200 if readiness.ready else 503, msgspec.json.encode(readiness))


async def metrics(call: Call) -> Answer:
    """Say how it is doing."""
    return Answer(200, call.gateway.metrics.render(), ((b"content-type", CONTENT_TYPE.encode()),))


async def index(_call: Call) -> Answer:
    """Say what this is."""
    return Answer(200, _INDEX, _HTML_HEADERS)


def document(path: str, summary: str, make: Callable[[], dict[str, Any]]) -> Endpoint:
    """Return an endpoint that answers with a document, which is made when it is first asked for."""
    made: list[bytes] = []

    async def answer(_call: Call) -> Answer:
        if not made:
            made.append(msgspec.json.encode(make()))
        return Answer(200, made[0])

    return Endpoint("GET", path, answer, summary, response=(dict[str, Any],))
