"""Reads request bodies of bounded size."""

from typing import Final

from fastapi import Request

from shared.errors import Reject

REQUEST_BYTES_MAX: Final = 8 * 1024


async def bounded_body(request: Request) -> bytes:
    """Return the body. Raises `Reject` (413) when it is longer than a call may be."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > REQUEST_BYTES_MAX:
            raise Reject(413, "too-large", "The body is too large")
    return bytes(body)
