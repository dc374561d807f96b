"""Lists of items that are accepted or rejected one by one, as `POST /v1/accounts` takes them."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from fastapi import Response
from msgspec import Struct

from services.gateway.responses import extended_problem_response, json_response
from shared.errors import Reject
from shared.web.problem import TYPE_PREFIX, document

Item = TypeVar("Item")
T = TypeVar("T")

NONE_ACCEPTED: Final = "No item of the list was accepted"


def validate_items(items: Sequence[Item], validate: Callable[[Item, int], T]) -> list[T | Reject]:
    """Return for each item, called with its index, what `validate` returns or the `Reject` that it raises."""
    results: list[T | Reject] = []
    for index, item in enumerate(items):
        try:
            results.append(validate(item, index))
        except Reject as reject:
            results.append(reject)
    return results


def batch_response(results: Sequence[T | Reject], accepted: Callable[[T], dict[str, Any]]) -> Response:
    """Return 202 with the result of every item, or the problem 422 when no item was accepted.

    A result is `{index, problem}`, or `{index, **accepted(...)}`.
    """
    documents: list[dict[str, Any] | Struct] = [
        {"index": index, "problem": document(result)}
        if isinstance(result, Reject)
        else {"index": index, **accepted(result)}
        for index, result in enumerate(results)
    ]
    if not all(isinstance(result, Reject) for result in results):
        return json_response({"results": documents}, 202)
    return extended_problem_response(
        {
            "type": TYPE_PREFIX + "none-accepted",
            "title": NONE_ACCEPTED,
            "status": 422,
            "detail": "Each of the results has a problem of its own",
            "results": documents,
        }
    )
