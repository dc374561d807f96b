"""A value per policy version: built once, and anew when another policy is active."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import Crash
from shared.policy.compiled import CompiledPolicy, compiled
from shared.policy.load import load
from shared.policy.per_version import PerVersion


def test_a_value_is_built_once_for_each_active_policy() -> None:
    policy = load(Path("config"))
    active, other = compiled(policy), compiled(policy)
    built: list[CompiledPolicy] = []

    def build(compiled_policy: CompiledPolicy) -> int:
        built.append(compiled_policy)
        return len(built)

    value = PerVersion(lambda: active, build)
    assert built == [], "nothing is built before it is read"
    assert (value.current, value.current) == (1, 1)
    active = other
    assert (value.current, value.current) == (2, 2), "by identity: the files may differ beside the version"
    assert built[1] is other


def test_without_an_active_policy_there_is_no_value() -> None:
    def none() -> CompiledPolicy:
        raise Crash("no policy was read yet")

    with pytest.raises(Crash):
        _ = PerVersion(none, lambda policy: policy.version).current
