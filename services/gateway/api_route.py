"""The route class and the base model of the API.

FastAPI parses the body of a request before it looks at any dependency. `ApiRoute` puts the checks in the
order that a client can rely on: first the key, then encoding, media type and size of the body, then JSON;
whatever is left (types, bounds, unknown fields) FastAPI reports, all of it at once.
"""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from services.gateway.dependencies import authenticate, caller
from services.gateway.error_handlers import internal_error, problem_response
from services.gateway.request_body import ApiRequest, require_json
from shared.errors import DataError, Reject, Retry
from shared.web.problem import CONTENT_TYPE

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def _refuse_number(value: object) -> object:
    """Raise `ValueError` for a number, also as text: Pydantic reads it as a count since 1970."""
    if isinstance(value, str | int | float) and _is_number(value):
        raise ValueError("a time is written like 2026-03-02T09:30:00Z")
    return value


def _is_number(value: str | float) -> bool:
    try:
        float(value)
    except (ValueError, OverflowError):
        return isinstance(value, int)
    return True


Time = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_refuse_number)]
"""A time with its zone, in JSON an RFC 3339 text."""


class ApiModel(BaseModel):
    """The base of response models, and of what they are made of. Strict: `"12"` is not the number 12."""

    model_config = ConfigDict(strict=True, frozen=True, from_attributes=True)


class RequestBody(ApiModel):
    """The base of request models: a field that is unknown, perhaps misspelt, is a fault."""

    model_config = ConfigDict(extra="forbid")


class ApiRoute(APIRoute):
    """A route of the API: see the module. It documents the errors that follow from its parameters."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.responses = {**problem_responses(*self._own_errors()), **self.responses}

    def _own_errors(self) -> Iterator[int]:
        if self.key_scopes is not None:
            yield from (401, 403)
        if self.body_field is not None:
            yield from (400, 413, 415)
        if self.body_field is not None or _has_parameters(self.dependant):
            yield 422
        yield from (500, 503)

    @property
    def key_scopes(self) -> list[str] | None:
        """The scopes that a key needs for this route, empty when any key will do; None: it needs no key."""
        found = list(_scopes_of(self.dependant))
        return [scope for scopes in found for scope in scopes] if found else None

    def get_route_handler(self) -> Handler:
        """Return the handler that checks a request, then has FastAPI call the endpoint."""
        handle = super().get_route_handler()
        scopes = self.key_scopes
        takes_body = self.body_field is not None

        async def checked(plain: Request) -> Response:
            request = plain if isinstance(plain, ApiRequest) else ApiRequest(plain.scope, plain.receive)
            if scopes is not None:
                await authenticate(request, scopes)
            if takes_body and await request.body():
                require_json(request.headers.get("content-type", ""))
                await request.json()
                _declare_json(request)
            return await handle(request)

        return answering_bugs(checked, self.path_format)


def answering_bugs(handle: Handler, route: str) -> Handler:
    """Return a handler that answers what nobody foresaw with the problem 500; it raises the other errors."""

    async def answered(request: Request) -> Response:
        try:
            return await handle(request)
        except (Reject, Retry, DataError, HTTPException, RequestValidationError, ClientDisconnect):
            raise
        except Exception as error:  # noqa: BLE001 - the last line: whatever it is, the client gets a problem
            return problem_response(internal_error(route, error))

    return answered


def _scopes_of(dependant: Dependant) -> Iterator[Sequence[str]]:
    for dependency in dependant.dependencies:
        if dependency.call is caller:
            yield dependency.own_oauth_scopes or ()
        yield from _scopes_of(dependency)


def _has_parameters(dependant: Dependant) -> bool:
    own = dependant.query_params or dependant.path_params or dependant.header_params
    return bool(own) or any(map(_has_parameters, dependant.dependencies))


def _declare_json(request: Request) -> None:
    """Tell FastAPI that the body is JSON: it takes one without Content-Type, or text/json, for bytes."""
    headers = [(name, value) for name, value in request.scope["headers"] if name != b"content-type"]
    request.scope["headers"] = [*headers, (b"content-type", b"application/json")]
    request.__dict__.pop("_headers", None)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of errors, for `responses=` of a router or of a route."""
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}
