"""The whole generated month: 20,000 leads, 40 reps, two changes of the policy on the way."""

from __future__ import annotations

import pytest

from tests.support.brute_force import judge
from tests.support.generated_month import generated_month, month_policy
from tests.support.lived_history import backtest, final_places, paths
from tests.unit.ledger.test_backtest_replay import accounts_of, assert_moves_follow_from_facts

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3600)]


def test_the_month_is_reproduced_and_a_changed_rule_moves_whom_the_facts_say():
    month = generated_month(20_000)
    same = backtest(month.events, month.policies, None)
    assert same.notes.otherwise == 0
    lived = final_places(month.events)
    for before, after in same.pairs():
        assert before == after
        assert (before.last.queue, before.last.owner, before.last.rule) == lived[before.lead_id]
    changed = month_policy(employees=500, weight=300, countries="JP")
    found = paths(backtest(month.events, month.policies, changed, with_scores=False))
    assert_moves_follow_from_facts(found, judge(month.events, changed), accounts_of(month))
