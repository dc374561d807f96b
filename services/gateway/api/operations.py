"""The page at `/`. The operator's endpoints beside it are those of every role: `shared.web.ops_router`."""

from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter(tags=["Operation"])

_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}

_INDEX: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Baton</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}</style>
<h1>Baton</h1>
<p>Baton takes an inbound lead from a form to the right seller, and explains every decision.</p>
<ul>
<li><a href="/docs">docs</a>: the HTTP API, to read and to try</li>
<li><a href="/openapi.json">openapi.json</a>: the HTTP API</li>
<li><a href="/asyncapi.json">asyncapi.json</a>: topics and events</li>
<li><a href="/readyz">readyz</a>: whether everything works</li>
<li><a href="/metrics">metrics</a>: for Prometheus</li>
</ul>
</html>
"""


@router.get("/", summary="Show the start page", response_class=HTMLResponse)
async def show_index() -> HTMLResponse:
    """Return an HTML page with links to the contracts and the operator's endpoints."""
    return HTMLResponse(_INDEX, headers=_HEADERS)
