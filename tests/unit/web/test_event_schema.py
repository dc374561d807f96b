"""The bridge from msgspec types to pydantic: one definition validates, serialises and documents."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.lead.events.registry import EVENT_TYPES
from shared.web.event_schema import MsgspecType
from shared.web.problem import field_problems


class Wheel(msgspec.Struct):
    size: Annotated[int, msgspec.Meta(ge=1)]


class Cart(msgspec.Struct, omit_defaults=True):
    wheels: list[Wheel] = []
    colour: Literal["red", "blue"] = "red"


class Load(BaseModel):
    cart: Annotated[Cart, MsgspecType()]
    others: Annotated[list[Cart], MsgspecType()] = []


def test_a_struct_is_taken_as_it_is_and_written_as_msgspec_writes_it():
    load = Load(cart=Cart([Wheel(2)]))
    assert load.model_dump_json() == '{"cart":{"wheels":[{"size":2}]},"others":[]}'


def test_json_becomes_structs():
    load = Load.model_validate_json('{"cart": {"colour": "blue"}, "others": [{}]}')
    assert load == Load(cart=Cart(colour="blue"), others=[Cart()])


def test_a_fault_within_a_struct_has_its_pointer():
    body: dict[str, Any] = {"cart": {"wheels": [{"size": 1}, {"size": 0}]}}
    with pytest.raises(ValidationError) as raised:
        Load.model_validate(body)
    errors = [{**error, "loc": ("body", *error["loc"])} for error in raised.value.errors()]
    (problem,) = field_problems(errors, body)
    assert problem.pointer == "/cart/wheels/1/size"


def test_msgspecs_components_are_definitions_beside_pydantics():
    schema = Load.model_json_schema()
    assert schema["properties"]["cart"] == {"$ref": "#/$defs/Cart"}
    assert schema["$defs"]["Cart"]["properties"]["wheels"]["items"] == {"$ref": "#/$defs/Wheel"}
    assert schema["$defs"]["Wheel"]["properties"]["size"]["minimum"] == 1


@pytest.mark.parametrize("model", [event_type.model for event_type in EVENT_TYPES])
def test_every_event_can_be_documented(model):
    annotated: Any = Annotated[model, MsgspecType()]
    assert TypeAdapter(annotated).json_schema()["title"] == model.__name__
