"""Polls with any vendor: nothing fires twice or from before the baseline, no budget is exceeded, time goes on."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.scorer.domain.polls import PollAnswer, PollVerdict
from tests.support.poll_world import DAILY, START, PollWorld, funding

VERDICTS: list[PollVerdict] = ["match", "no_match", "limited", "refused", "failed", "skipped"]


@settings(max_examples=150)
@given(data=st.data())
def test_any_vendor(data: st.DataObject) -> None:
    accounts = [f"a{number:02}.example" for number in range(data.draw(st.integers(1, 45)))]
    terms = replace(
        DAILY,
        limit=data.draw(st.integers(1, 60)),
        price_cents=data.draw(st.sampled_from([0, 3])),
        budget_cents=data.draw(st.integers(0, 100)),
        bills_calls=data.draw(st.booleans()),
    )
    world = PollWorld(accounts, terms)
    first_answer: dict[str, datetime] = {}
    ages = st.integers(-400, 400)

    def vendor(account: str) -> PollAnswer:
        verdict = data.draw(st.sampled_from(VERDICTS))
        if verdict != "match":
            if verdict == "no_match":
                first_answer.setdefault(account, world.at)
            return PollAnswer(account, verdict, retry_after_s=data.draw(st.sampled_from([0.0, 90.0])))
        first_answer.setdefault(account, world.at)
        found = data.draw(st.lists(ages, max_size=3))
        return PollAnswer(
            account,
            "match",
            [funding(account, f"r{days}", START + timedelta(days=days)) for days in found],
        )

    for _ in range(data.draw(st.integers(1, 40))):
        due_at = world.due_at
        world.step(vendor)
        assert world.due_at > due_at
        assert world.due_at >= world.at
        assert world.row.walked <= terms.limit
        if terms.price_cents:
            assert world.row.spent_cents <= terms.budget_cents
    fired = [emit.cause for emit in world.emitted]
    assert len(fired) == len(set(fired))
    for emit in world.emitted:
        baseline = datetime.combine(first_answer[emit.subject].date(), time(), UTC)
        assert emit.data.occurred_at >= baseline  # type: ignore[attr-defined]
