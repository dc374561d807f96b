"""Responses that are not a pydantic model: recorded JSON as it is, and problems with members of their own."""

from typing import Any

import msgspec
from fastapi import Response

from shared.web.problem import CONTENT_TYPE


def json_response(content: Any, status: int = 200) -> Response:
    """Return `content` as JSON.

    For what was recorded as JSON: FastAPI would validate and copy it, and drop what a newer version wrote.
    """
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def extended_problem_response(problem: dict[str, Any]) -> Response:
    """Return a problem document that has members beyond those of RFC 9457."""
    return Response(msgspec.json.encode(problem), problem["status"], media_type=CONTENT_TYPE)


def extended_problem_doc(
    description: str, *, always: bool = True, **members: dict[str, Any]
) -> dict[str, Any]:
    """Return the documentation of a problem that has further members, each with its JSON schema.

    `always` tells whether every problem of that status has them.
    """
    extension: dict[str, Any] = {"type": "object", "properties": members}
    if always:
        extension["required"] = [*members]
    schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}, extension]}
    return {"description": description, "content": {CONTENT_TYPE: {"schema": schema}}}
