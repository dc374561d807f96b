"""Turns every failure of a request into a problem document (RFC 9457).

Reject                  its own status, 4xx
Retry, BackOff          503 with Retry-After: nothing was accepted
DataError               413 for a record that is too large for its topic, else 422
RequestValidationError  422 with all faults of the body, each with its JSON pointer
404, 405                no such path; another method, with `Allow`
anything else           500: a bug, logged with its traceback
"""

from math import ceil
from typing import Any, Final, cast

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import Route

from services.gateway.domain.arrival import invalid
from shared.errors import BackOff, DataError, Reject, Retry
from shared.web.problem import field_problems, from_reject

RETRY_AFTER_S: Final = 1.0

log = structlog.get_logger()


def problem_response(reject: Reject) -> Response:
    """Return a rejection as a response."""
    status, headers, body = from_reject(reject)
    return Response(body, status, dict(headers))


def as_reject(error: Retry | DataError) -> Reject:
    """Return the rejection that tells a client of one of our own errors."""
    if isinstance(error, DataError):
        if error.kind == "oversized":
            return Reject(413, "record-too-large", "The record is too large for its topic", str(error))
        return Reject(422, "unusable-value", "A value cannot be stored", str(error))
    log.warning("request answered 503", reason=str(error))
    wait_s = error.after_s if isinstance(error, BackOff) else RETRY_AFTER_S
    return Reject(
        503,
        "unavailable",
        "The service is temporarily unavailable",
        "Nothing was accepted; send the same request again later",
        headers=(("retry-after", str(ceil(wait_s))),),
    )


def rejection_of(error: Reject | Retry | DataError | RequestValidationError) -> Reject:
    """Return the rejection that tells a client of an error."""
    if isinstance(error, Reject):
        return error
    return validation_reject(error) if isinstance(error, RequestValidationError) else as_reject(error)


def internal_error(route: str, error: Exception) -> Reject:
    """Log a bug and return the rejection that answers its request.

    `route` is the template of the path: the path itself may end in a source's token.
    """
    log.error("a request failed", route=route, exc_info=error)
    return Reject(500, "internal-error", "Internal server error")


def validation_reject(error: RequestValidationError) -> Reject:
    """Return the rejection of a request whose body, query or path is not as declared.

    A fault of a parameter is named for it (`invalid-limit`); all faults of a body come together.
    """
    for fault in error.errors():
        place, name = fault["loc"][0], fault["loc"][-1]
        if place != "body":
            return Reject(422, f"invalid-{name}", f"The {name} is not valid", fault["msg"])
    return invalid(field_problems(error.errors(), error.body))


def http_reject(request: Request, error: HTTPException) -> Reject:
    """Return the rejection that says what Starlette or FastAPI means by one of its own errors."""
    if error.status_code == 404:
        return Reject(404, "unknown-route", "The path is unknown", "See /openapi.json")
    if error.status_code == 405:
        allow = ", ".join(_allowed_methods(request.app, request.url.path))
        headers = (("allow", allow),)
        return Reject(405, "method-not-allowed", "The method is not allowed", allow, headers=headers)
    return Reject(error.status_code, "bad-request", "The request is not valid", str(error.detail))


def _allowed_methods(app: FastAPI, path: str) -> list[str]:
    """Return the methods of all routes of a path: Starlette names those of the first route only."""
    allowed: dict[str, None] = {}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, Route) and route.path_regex.match(path):
            allowed |= dict.fromkeys(sorted(route.methods or ()))
    if "GET" in allowed:
        allowed["HEAD"] = None
    return list(allowed)


def add_error_handlers(app: FastAPI) -> None:
    """Register the handlers."""

    async def rejected(_request: Request, error: Exception) -> Response:
        return problem_response(cast("Reject", error))

    async def unavailable_or_unusable(_request: Request, error: Exception) -> Response:
        return problem_response(as_reject(cast("Retry | DataError", error)))

    async def not_valid(_request: Request, error: Exception) -> Response:
        return problem_response(validation_reject(cast("RequestValidationError", error)))

    async def http_error(request: Request, error: Exception) -> Response:
        return problem_response(http_reject(request, cast("HTTPException", error)))

    handlers: dict[Any, Any] = {
        Reject: rejected,
        Retry: unavailable_or_unusable,
        DataError: unavailable_or_unusable,
        RequestValidationError: not_valid,
        HTTPException: http_error,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
