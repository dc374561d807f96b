"""Fixtures: the world that the stub vendors know."""

from __future__ import annotations

import pytest

from services.provider_stubs import golden
from services.provider_stubs.world import SEED, World, generate


@pytest.fixture(scope="session")
def world() -> World:
    """The world of the default seed."""
    return generate(SEED, golden.COMPANIES)
