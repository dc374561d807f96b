"""The OpenAPI document, made from the table of endpoints and the types that they read and answer with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec

from services.gateway.domain.access import SCOPES
from services.gateway.handlers.routing import Endpoint
from shared.web.problem import CONTENT_TYPE, Problem

Schemas = dict[Any, dict[str, Any]]

_REFERENCE = "#/components/schemas/{name}"
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key gives the same event, however often it is sent",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}


def openapi_document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the document (OpenAPI 3.1)."""
    types = {Problem, *(kind for each in endpoints for kind in _types(each))}
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    schema_of = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        operation = _operation(endpoint, schema_of)
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Baton", "version": version("baton"), "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": f"An API key with the scope named there: {', '.join(SCOPES)}",
                }
            },
        },
    }


def _operation(endpoint: Endpoint, schema_of: Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(endpoint),
        "summary": endpoint.summary,
        "responses": {
            str(endpoint.status): _answer(endpoint, schema_of),
            **{str(status): _other(status, schema_of[kind]) for status, kind in endpoint.others},
            "default": {
                "description": "A problem document (RFC 9457)",
                "content": {CONTENT_TYPE: {"schema": schema_of[Problem]}},
            },
        },
    }
    if endpoint.detail:
        operation["description"] = endpoint.detail
    if parameters := _parameters(endpoint):
        operation["parameters"] = parameters
    if endpoint.request is not None:
        content = {"schema": _listable(endpoint, schema_of[endpoint.request])}
        operation["requestBody"] = {
            "required": endpoint.body_needed,
            "content": dict.fromkeys(endpoint.content_types, content),
        }
    if endpoint.scope is not None:
        operation["security"] = [{"key": [endpoint.scope]}]
    return operation


def _types(endpoint: Endpoint) -> Iterator[Any]:
    yield from endpoint.response
    yield from (kind for _status, kind in endpoint.others)
    if endpoint.request is not None:
        yield endpoint.request


def _operation_id(endpoint: Endpoint) -> str:
    words = endpoint.path.translate(str.maketrans("/.-", "___", "{}")).strip("_")
    return f"{endpoint.method.lower()}_{words or 'index'}"


def _answer(endpoint: Endpoint, schema_of: Schemas) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": endpoint.summary}
    found = [schema_of[kind] for kind in endpoint.response]
    if found:
        answer["content"] = {endpoint.answers: {"schema": found[0] if len(found) == 1 else {"anyOf": found}}}
    return answer


def _other(status: int, schema: dict[str, Any]) -> dict[str, Any]:
    kind = CONTENT_TYPE if status >= 400 else "application/json"
    return {"description": HTTPStatus(status).phrase, "content": {kind: {"schema": schema}}}


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    in_path = [part[1:-1] for part in endpoint.path.split("/") if part.startswith("{")]
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in in_path
    ]
    parameters += [
        {
            "name": parameter.name,
            "in": "query",
            "description": parameter.meaning,
            "required": parameter.required,
            "schema": {"type": parameter.type},
        }
        for parameter in endpoint.query
    ]
    return [*parameters, _IDEMPOTENCY_KEY] if endpoint.idempotent_by_key else parameters


def _listable(endpoint: Endpoint, schema: dict[str, Any]) -> dict[str, Any]:
    if not endpoint.items_max:
        return schema
    items = {"type": "array", "items": schema, "minItems": 1, "maxItems": endpoint.items_max}
    return {"oneOf": [schema, items]}
