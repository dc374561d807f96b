"""Problem documents: their shape, and msgspec's messages as JSON pointers."""

from __future__ import annotations

from dataclasses import astuple
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from shared.errors import FieldProblem, Reject
from shared.web.problem import CONTENT_TYPE, document, field_problems, from_msgspec, from_reject


class Company(msgspec.Struct, forbid_unknown_fields=True):
    employees: int
    name: Annotated[str, msgspec.Meta(min_length=2)] = "Kestrel"
    offices: list[list[int]] = []
    answers: dict[str, dict[str, list[int]]] = {}
    years: dict[int, str] = {}
    others: dict[str, Company] = {}


class Lead(msgspec.Struct, forbid_unknown_fields=True):
    company: Company
    siblings: list[Company] = []


class Slashed(msgspec.Struct, rename={"odd": "a/b~c"}):
    odd: int


def problem_of(body: str, shape: Any = Lead) -> FieldProblem:
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.json.decode(body, type=shape)
    (problem,) = from_msgspec(raised.value)
    return problem


@pytest.mark.parametrize(
    ("company", "pointer", "detail"),
    [
        ('{"employees":"9"}', "/company/employees", "Expected `int`, got `str`"),
        ('{"employees":1,"name":"K"}', "/company/name", "Expected `str` of length >= 2"),
        ('{"employees":1,"offices":[[1],[2,"x"]]}', "/company/offices/1/1", "Expected `int`, got `str`"),
        ("{}", "/company/employees", "This field is required"),
        ('{"employees":1,"zip":2}', "/company/zip", "This field is unknown"),
        ('{"employees":1,"a/~":2}', "/company/a~1~0", "This field is unknown"),
        (
            '{"employees":1,"answers":{"q":{"r":[1,"x"]}}}',
            "/company/answers",
            "Expected `int`, got `str`, at [...][...][1]",
        ),
        (
            '{"employees":1,"years":{"soon":"x"}}',
            "/company/years",
            "Expected `int`, got `str`, at (a key)",
        ),
        (
            '{"employees":1,"others":{"q":{}}}',
            "/company/others",
            "This field is required, at [...].employees",
        ),
        ("[]", "/company", "Expected `object`, got `array`"),
    ],
)
def test_a_message_of_msgspec_becomes_a_pointer(company: str, pointer: str, detail: str) -> None:
    assert problem_of(f'{{"company":{company}}}') == FieldProblem(pointer, detail)


@pytest.mark.parametrize(
    ("body", "shape", "expected"),
    [
        ("[]", Lead, FieldProblem("", "Expected `object`, got `array`")),
        ("{}", Lead, FieldProblem("/company", "This field is required")),
        (
            '{"company":{"employees":1},"siblings":[{"employees":1},{}]}',
            Lead,
            FieldProblem("/siblings/1/employees", "This field is required"),
        ),
        ('[1,"x"]', list[int], FieldProblem("/1", "Expected `int`, got `str`")),
        ('{"soon":1}', dict[int, int], FieldProblem("", "Expected `int`, got `str`, at (a key)")),
        ('{"a/b~c":"x"}', Slashed, FieldProblem("/a~1b~0c", "Expected `int`, got `str`")),
    ],
)
def test_every_depth_has_a_pointer(body: str, shape: Any, expected: FieldProblem) -> None:
    assert problem_of(body, shape) == expected


@given(name=st.text(min_size=1).filter(lambda name: name not in Company.__struct_fields__))
def test_any_unknown_name_is_reported_at_a_bounded_length(name: str) -> None:
    body = msgspec.json.encode({"company": {"employees": 1, name: 2}}).decode()
    problem = problem_of(body)
    assert problem.pointer.startswith("/")
    assert len(problem.pointer) + len(problem.detail) < 1000


def test_a_very_long_unknown_name_is_cut() -> None:
    problem = problem_of(msgspec.json.encode({"x" * 100_000: 1}).decode())
    assert problem == FieldProblem("/" + "x" * 100, "This field is unknown")


@pytest.mark.parametrize(
    ("errors", "detail"),
    [
        ((), "No such lead"),
        ((FieldProblem("/id", "It is empty"), FieldProblem("/at", "It is late")), "/id: It is empty"),
        ((FieldProblem("", "It is empty"),), "It is empty"),
    ],
)
def test_there_is_always_a_detail(errors: tuple[FieldProblem, ...], detail: str) -> None:
    problem = document(Reject(404, "not-found", "No such lead", errors=errors))
    assert (problem.type, problem.status, problem.detail) == ("urn:baton:problem:not-found", 404, detail)


def test_a_reject_is_answered_with_its_status_headers_and_every_member() -> None:
    reject = Reject(
        422,
        "invalid-body",
        "The body is not a lead",
        "One field is wrong.",
        errors=(FieldProblem("/company/employees", "Expected `int`, got `str`"),),
        headers=(("retry-after", "1"),),
    )
    status, headers, body = from_reject(reject, instance="urn:uuid:0197")
    assert status == 422
    assert headers == (("content-type", CONTENT_TYPE), ("retry-after", "1"))
    assert msgspec.json.decode(body) == {
        "type": "urn:baton:problem:invalid-body",
        "title": "The body is not a lead",
        "status": 422,
        "detail": "One field is wrong.",
        "instance": "urn:uuid:0197",
        "errors": [{"pointer": "/company/employees", "detail": "Expected `int`, got `str`"}],
    }


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: dict[str, int] = {}


class Home(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]]
    guest: int | list[int] = 0

    @field_validator("guest")
    @classmethod
    def refuse_thirteen(cls, guest: Any) -> Any:
        if guest == 13:
            raise ValueError("There is no such guest")
        return guest


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({"pets": [{"kind": "cat"}]}, {("/pets/0/lives", "This field is required")}),
        ({"pets": [], "a/b": 1}, {("/a~1b", "This field is unknown")}),
        ({"pets": [], "guest": 13}, {("/guest", "There is no such guest")}),
        ({}, {("/pets", "This field is required")}),
    ],
)
def test_pydantics_errors_become_pointers_without_members_of_unions(body, problems):
    assert set(map(astuple, problems_of(body))) == problems


def test_every_fault_of_a_body_is_told():
    body = {"pets": [{"kind": "dog", "tricks": {"sit": "x"}}, {"kind": "cow"}], "guest": [1, "x"]}
    pointers = {problem.pointer for problem in problems_of(body)}
    assert pointers == {"/pets/0/tricks/sit", "/pets/1", "/guest", "/guest/1"}


def test_a_body_with_very_many_faults_gets_the_first_hundred():
    assert len(problems_of({"pets": [], **{f"field {number}": 1 for number in range(500)}})) == 100


def problems_of(body: dict[str, Any]) -> tuple[FieldProblem, ...]:
    with pytest.raises(ValidationError) as raised:
        Home.model_validate(body)
    errors = [{**error, "loc": ("body", *error["loc"])} for error in raised.value.errors()]
    return field_problems(errors, body)
