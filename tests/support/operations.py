"""Every operation of the gateway's API, from its routers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from services.gateway.api_route import ApiRoute
from services.gateway.app import ROUTERS

ENDLESS = frozenset({"/v1/events/stream"})
"""The paths whose answers have no end."""


@dataclass(frozen=True)
class Operation:
    """One method of one path. `queries` are the names of its query parameters.

    `scopes` are those that its key needs, empty when any key will do; None: it needs no key.
    """

    method: str
    path: str
    scopes: frozenset[str] | None
    takes_body: bool
    body_is_optional: bool
    queries: frozenset[str]

    @property
    def needs_key(self) -> bool:
        return self.scopes is not None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def operations() -> list[Operation]:
    """Return all operations in the order of their routes."""
    return [*_operations()]


def _operations() -> Iterator[Operation]:
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            extra = route.openapi_extra or {}
            yield Operation(
                method=min(route.methods or ()),
                path=route.path_format,
                scopes=_scopes(route),
                takes_body=route.body_field is not None or "requestBody" in extra,
                body_is_optional=route.body_field is not None
                and not route.body_field.field_info.is_required(),
                queries=frozenset(_queries(route.dependant)),
            )


def _scopes(route: APIRoute) -> frozenset[str] | None:
    scopes = route.key_scopes if isinstance(route, ApiRoute) else None
    return None if scopes is None else frozenset(scopes)


def _queries(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for dependency in dependant.dependencies:
        yield from _queries(dependency)
