"""Generated functions: what they compute, and that nothing but allowed code is compiled."""

from __future__ import annotations

import ast
from datetime import UTC, datetime

import pytest

from shared.rules.code import Code, check_generated
from shared.rules.coercion import Coercion

AT = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_function_returns_what_its_lines_compute() -> None:
    code = Code()
    fact = code.fact("company.employees", Coercion.PLAIN)
    code.add(f"return {fact} == {code.bind(5)}")
    decide = code.function()
    assert decide({"company.employees": 5}, AT) is True
    assert decide({"company.employees": 6}, AT) is False
    assert decide({}, AT) is False


def test_a_fact_has_one_variable_for_each_coercion() -> None:
    code = Code()
    folded = code.fact("company.industry", Coercion.FOLDED)
    assert code.fact("company.industry", Coercion.FOLDED) == folded
    raw = code.fact("company.industry", Coercion.PLAIN)
    assert raw != folded
    code.add(f"return {code.bind(lambda *values: values)}({folded}, {raw})")
    assert code.function()({"company.industry": "SaaS"}, AT) == ("saas", "SaaS")


def test_a_missing_fact_is_the_default_of_its_field() -> None:
    code = Code()
    code.add(f"return {code.fact('account.relation', Coercion.PLAIN)}")
    decide = code.function()
    assert decide({}, AT) == "none"
    assert decide({"account.relation": None}, AT) == "none"
    assert decide({"account.relation": "target"}, AT) == "target"


def test_a_coercion_with_a_function_is_called() -> None:
    code = Code()
    code.add(f"return {code.fact('answers.size', Coercion.OPEN_INTEGER)}")
    decide = code.function()
    assert decide({"answers.size": "50"}, AT) == 50
    assert decide({"answers.size": "many"}, AT) is None
    assert decide({}, AT) is None


def test_a_block_is_indented_by_a_space() -> None:
    code = Code()
    fact = code.fact("company.employees", Coercion.PLAIN)
    code.add(f"if {fact} is None:", " return True", "return False")
    assert code.function()({}, AT) is True
    assert code.function()({"company.employees": 1}, AT) is False


@pytest.mark.parametrize(
    "line",
    [
        "return 'text'",
        "return b'bytes'",
        "return 1",
        "return 1.5",
        "return ...",
        "return f'{at}'",
        "import os",
        "return open",
        "return __import__",
        "return at.__class__",
        "return facts.items()",
        "return [at for at in facts]",
        "return lambda: at",
        "return {at: at}",
        "return [at]",
        "return at if (v1 := at) else None",
        "del facts",
        "global v1",
        "raise at",
        "assert at",
        "while True: return at",
        "with at: return None",
        "yield at",
        "return (yield)",
        "c1: at = None",
    ],
)
def test_a_line_that_is_not_allowed_is_not_compiled(line: str) -> None:
    code = Code()
    code.add(line)
    with pytest.raises(AssertionError, match="a generated function holds"):
        code.function()


@pytest.mark.parametrize(
    "line",
    [
        "return None",
        "return True",
        "return 0",
        "left = c0 & v1 | c2",
        "left &= v3 if v4 is None else c5",
        "seen |= get(text, 0)",
        "if not (v1 is not None and v1 <= c2): return c3",
        "for text in v1: seen |= c2(text.casefold(), 0)",
        "return v1.startswith(c1) or v1.endswith(c2) or not c3.isdisjoint(v2)",
        "return c1[left]",
    ],
)
def test_the_lines_of_the_code_generators_are_allowed(line: str) -> None:
    check_generated(ast.parse(f"def decide(facts, at):\n {line}"))
