"""The assets: styles, scripts, fonts and icons."""

from typing import Final

from fastapi import APIRouter, Request, Response

from services.gateway.console.route import PublicConsoleRoute
from services.gateway.console.static_files import static_files
from shared.errors import Reject

router = APIRouter(route_class=PublicConsoleRoute, include_in_schema=False)

_FOR_EVER: Final = "public, max-age=31536000, immutable"


@router.get("/assets/{version}/{name:path}")
async def get_asset(version: str, name: str, request: Request) -> Response:
    """Return an asset. While releases change, a page of the other release gets this one's, for once."""
    assets = static_files()
    file = assets.files.get(name)
    if file is None:
        raise Reject(404, "unknown-asset", "There is no such asset")
    headers = {
        "cache-control": _FOR_EVER if version == assets.version else "no-cache",
        "vary": "Accept-Encoding",
    }
    if file.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(
            file.gzipped, headers=headers | {"content-encoding": "gzip"}, media_type=file.media_type
        )
    return Response(file.body, headers=headers, media_type=file.media_type)
