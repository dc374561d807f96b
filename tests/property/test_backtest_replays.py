"""Whatever was lived: replayed with the versions that decided it, every recorded decision is made again."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.generated_month import generated_month, month_policy
from tests.support.lived_history import backtest, final_places, paths

CANDIDATES = st.sampled_from([None, (), (500, 300), (200, 100, "JP, FR")])


# Without shrinking: a seed says nothing, however small it is.
@settings(
    suppress_health_check=[HealthCheck.too_slow],
    deadline=None,
    max_examples=8,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(st.integers(0, 10**6), st.integers(1, 30), st.booleans(), CANDIDATES, st.integers(1, 60))
def test_every_recorded_decision_is_made_again(seed, leads, with_scores, given_candidate, chunk):
    month = generated_month(leads, seed)
    candidate = None if given_candidate is None else month_policy(*given_candidate)
    run = backtest(month.events, month.policies, candidate, with_scores=with_scores, chunk=chunk)
    assert run.notes.otherwise == 0
    found = paths(run)
    lived = {
        one: (before.last.queue, before.last.owner, before.last.rule) for one, (before, _) in found.items()
    }
    assert lived == final_places(month.events)
    if candidate is None:
        assert all(before == after for before, after in found.values())
