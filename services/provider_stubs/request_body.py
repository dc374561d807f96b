"""Reads request bodies of bounded size."""

from typing import Final

from fastapi import Request

from shared.errors import Reject

REQUEST_BYTES_MAX: Final = 8 * 1024


async def bounded_body(request: Request, length_max: int = REQUEST_BYTES_MAX) -> bytes:
    """Return the body. Raises `Reject` (413) when it is longer than `length_max` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > length_max:
            raise Reject(413, "too-large", "The body is too large")
    return bytes(body)
