"""The template language of `stub.yaml`."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.provider_stubs.rendering import Renderer
from shared.integrations.expressions import compile_expression
from shared.integrations.stub_preset import Bracket, StubPreset, compile_tree

TODAY = date(2026, 3, 1)
CONTEXT = {
    "company": {"name": "Brightloom", "employees": 350, "parent": None, "technologies": ["sap", "jira"]}
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


def rendered(tree: Any, **preset: Any) -> Any:
    return Renderer(StubPreset(vendor="any", **preset), CONTEXT, TODAY).render(compile_tree(tree))


@pytest.mark.parametrize(
    ("tree", "json"),
    [
        ("{company.employees}", 350),
        ("{company.technologies}", ["sap", "jira"]),
        ("{company.technologies[*].{name: @}}", [{"name": "sap"}, {"name": "jira"}]),
        ("http://{lower(company.name)}.example", "http://brightloom.example"),
        ("{company.parent}", None),
        ("https://{company.parent}", None),
        ({"if": "company.parent", "then": 1, "else": ["{company.name}"]}, ["Brightloom"]),
        ({"if": "company.parent", "then": 1}, None),
        ({"if": "yes", "other": 1}, {"if": "yes", "other": 1}),
        ([1, True, None, "text"], [1, True, None, "text"]),
    ],
)
def test_places_are_filled(tree, json):
    assert rendered(tree) == json


@pytest.mark.parametrize(
    ("amount", "name"), [(0, "few"), (10, "few"), (10.5, "some"), (100, "some"), (101, "many"), (None, None)]
)
def test_a_bracket_includes_its_upper_bound(amount, name):
    brackets = {"size": Bracket(of=compile_expression("n"), up_to=((10, "few"), (100, "some")), above="many")}
    renderer = Renderer(StubPreset(vendor="any", brackets=brackets), {"n": amount}, TODAY)
    assert renderer.render(compile_tree("{bracket.size}")) == name


@pytest.mark.parametrize(
    "tree", ["{", "{company.name", "{company..name}", "{nothing(1)}", "x" * 5_000, [[]] * 2_000]
)
def test_what_cannot_be_compiled_says_so(tree):
    with pytest.raises(ValueError, match=r"{|JMESPath|function|characters|values"):
        compile_tree(tree)


@given(JSON)
def test_a_tree_is_rendered_or_refused_and_never_raises_otherwise(tree):
    try:
        compiled = compile_tree(tree)
    except ValueError:
        return
    renderer = Renderer(StubPreset(vendor="any"), CONTEXT, TODAY)
    assert renderer.render(compiled) == renderer.render(compiled)
