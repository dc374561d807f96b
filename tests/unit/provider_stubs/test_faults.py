from __future__ import annotations

import pytest

from services.provider_stubs.faults import NO_FAULT, FaultRegistry, ProviderFault


@pytest.mark.parametrize(("rate", "hits"), [(0.0, 0), (0.3, 30), (0.5, 50), (1.0, 100)])
def test_a_rate_hits_its_share_of_the_calls_evenly(rate, hits):
    faults = FaultRegistry()
    faults.put("clearbit", ProviderFault(status=500, rate=rate))
    hit = [faults.next_call("clearbit") is not NO_FAULT for _ in range(100)]
    assert sum(hit) in (hits - 1, hits)
    assert abs(sum(hit[:50]) - hits / 2) <= 1


def test_a_fault_is_of_one_provider_until_it_is_cleared():
    faults = FaultRegistry()
    faults.put("clearbit", ProviderFault(hang=True))
    assert faults.next_call("hunter") is NO_FAULT
    assert faults.next_call("clearbit").hang
    faults.clear()
    assert faults.next_call("clearbit") is NO_FAULT


def test_calls_beyond_the_limit_of_a_second_are_too_fast():
    faults = FaultRegistry()
    faults.put("apollo", ProviderFault(per_second=2))
    assert [faults.exceeds_rate_limit("apollo", at) for at in (7.0, 7.3, 7.9, 8.0)] == [
        False,
        False,
        True,
        False,
    ]
    assert not any(faults.exceeds_rate_limit("hunter", 7.0) for _ in range(100))
