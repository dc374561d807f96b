"""The machine-readable contracts, and the pages that show the HTTP API to a person.

The pages load their scripts from this server: an installation may have no way to a CDN.
"""

from functools import cache
from importlib.resources import files
from typing import Any, Final

import fastapi_offline
from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from services.gateway.asyncapi import asyncapi_document

router = APIRouter(tags=["Contracts"])

ASSETS: Final = "/docs-assets"

_STATIC = files(fastapi_offline) / "static"
_REDOC_LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"


def documentation_assets() -> StaticFiles:
    """Return the application that serves the scripts and styles of Swagger UI and ReDoc."""
    return StaticFiles(directory=str(_STATIC))


@router.get("/openapi.json", summary="Return the contract of the HTTP API (OpenAPI 3.1)")
async def openapi(request: Request) -> dict[str, Any]:
    """Return the document."""
    document: dict[str, Any] = request.app.openapi()
    return document


@router.get("/asyncapi.json", summary="Return the contract of the topics and their events (AsyncAPI 3.0)")
async def asyncapi() -> dict[str, Any]:
    """Return the document."""
    return _asyncapi()


_asyncapi = cache(asyncapi_document)


@router.get("/docs", include_in_schema=False)
async def swagger_ui() -> HTMLResponse:
    """Return the page to read and try the API."""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Baton",
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon.png",
    )


@router.get("/redoc", include_in_schema=False)
async def redoc() -> HTMLResponse:
    """Return the page to read the API."""
    return get_redoc_html(
        openapi_url="/openapi.json",
        title="Baton",
        redoc_js_url="/redoc.js",
        redoc_favicon_url=f"{ASSETS}/favicon.png",
        with_google_fonts=False,
    )


@router.get("/redoc.js", include_in_schema=False)
async def redoc_script() -> Response:
    """Return ReDoc's script, with the logo of this server in place of one that it would load from a CDN."""
    return Response(_redoc_script(), media_type="text/javascript")


@cache
def _redoc_script() -> str:
    script = (_STATIC / "redoc.standalone.js").read_text(encoding="utf-8")
    return script.replace(_REDOC_LOGO, f"{ASSETS}/favicon.png")
