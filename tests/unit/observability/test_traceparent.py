"""The traceparent: made, sent on, and judged when it comes from outside."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.observability.traceparent import (
    child,
    is_sampled,
    is_traceparent,
    new_traceparent,
    span_id,
    trace_id,
)

GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@given(
    st.binary(min_size=32, max_size=32).filter(lambda ids: any(ids[:16]) and any(ids[16:24])), st.booleans()
)
def test_a_child_stays_in_the_trace(ids: bytes, sampled: bool):
    parent = new_traceparent(lambda size: ids[:size], sampled=sampled)
    step = child(parent, lambda size: ids[-size:])
    assert is_traceparent(parent)
    assert trace_id(step) == trace_id(parent) == ids[:16].hex()
    assert span_id(step) == ids[-8:].hex()
    assert is_sampled(step) == is_sampled(parent) == sampled


def test_new_traces_differ():
    assert len({new_traceparent(os.urandom, sampled=True) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "value",
    [
        "",
        GIVEN.upper(),
        GIVEN + "-x",
        GIVEN[:-1],
        GIVEN + "\n",
        "ff" + GIVEN[2:],
        "00-" + "0" * 32 + GIVEN[35:],
        GIVEN[:36] + "0" * 16 + GIVEN[52:],
    ],
)
def test_a_malformed_traceparent_is_invalid_and_not_sampled(value: str):
    assert is_traceparent(GIVEN)
    assert not is_traceparent(value)
    assert not is_sampled(value)
