"""Lists: every item is accepted or rejected by itself, and the answer says which in the order of the list."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.batch import batch_response, validate_items
from shared.errors import FieldProblem, Reject

ODD = Reject(422, "odd", "The number is odd", errors=(FieldProblem("/number", "It is odd"),))


def halved(number: int, _index: int) -> int:
    """Return half of an even number. Raises `Reject`."""
    if number % 2:
        raise ODD
    return number // 2


NUMBERS = st.lists(st.integers(0, 100), min_size=1, max_size=20)


@given(NUMBERS)
def test_there_is_a_result_for_each_item_in_the_order_of_the_list(numbers: list[int]):
    response = batch_response(validate_items(numbers, halved), lambda half: {"half": half})
    results = json.loads(bytes(response.body))["results"]
    assert [result["index"] for result in results] == [*range(len(numbers))]
    for number, result in zip(numbers, results, strict=True):
        assert ("problem" in result) is bool(number % 2)
        assert result.get("half") == (None if number % 2 else number // 2)


@given(NUMBERS)
def test_it_is_a_problem_only_when_no_item_is_accepted(numbers: list[int]):
    response = batch_response(validate_items(numbers, halved), lambda half: {"half": half})
    none_accepted = all(number % 2 for number in numbers)
    assert response.status_code == (422 if none_accepted else 202)
    assert response.media_type == ("application/problem+json" if none_accepted else "application/json")


def test_the_answer_is_exactly_this():
    response = batch_response(validate_items([2, 3], halved), lambda half: {"half": half})
    assert json.loads(bytes(response.body)) == {
        "results": [
            {"index": 0, "half": 1},
            {
                "index": 1,
                "problem": {
                    "type": "urn:baton:problem:odd",
                    "title": "The number is odd",
                    "status": 422,
                    "detail": "/number: It is odd",
                    "errors": [{"pointer": "/number", "detail": "It is odd"}],
                },
            },
        ]
    }


def test_when_no_item_is_accepted_the_problem_has_the_results():
    response = batch_response(validate_items([1], halved), lambda half: {"half": half})
    document = json.loads(bytes(response.body))
    assert {name: document[name] for name in ("type", "title", "status")} == {
        "type": "urn:baton:problem:none-accepted",
        "title": "No item of the list was accepted",
        "status": 422,
    }
    assert document["results"][0]["problem"]["type"] == "urn:baton:problem:odd"


def test_a_bug_in_the_validation_is_not_taken_for_a_rejection():
    with pytest.raises(ZeroDivisionError):
        validate_items([0], lambda number, _index: 1 // number)
