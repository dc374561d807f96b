"""Fixtures of the gateway's integration tests; `gateway` itself is a fixture of all integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook endpoint on this machine that verifies signatures and remembers what it got."""
    made = Receiver()
    yield made
    made.close()
