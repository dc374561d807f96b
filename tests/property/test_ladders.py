"""Any ladder: what it does, minute by minute, is what a simple count of two clocks says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.policy.models import LadderStep, Team
from shared.rules.times import Duration
from tests.support.routing_policies import queue, rep, routing_policy_with
from tests.support.scored_leads import AT
from tests.unit.router.conftest import SimulatedRouter

MINUTE = timedelta(minutes=1)
MINUTES = 70
NAMES = ("ana", "ben", "cy", "dee")

Steps = list[tuple[int, str]]
"""The minute of each step, and what it does."""

EFFECTS = st.sampled_from(["remind", "reassign", "escalate", "fallback"])
LADDERS = st.lists(
    st.tuples(st.integers(1, 30), EFFECTS), min_size=1, max_size=6, unique_by=lambda step: step[0]
)


def expected(steps: Steps, team: int) -> list[tuple[int, str]]:
    """Return the minute of every step that is taken. The owner of another queue has no ladder."""
    done: list[tuple[int, str]] = []
    owned_since, owners, of_owner, of_lead = 0, 1, set[int](), set[int]()
    for minute in range(1, MINUTES):
        falls_back = (minute, "fallback") in steps
        for number, (after, effect) in enumerate(steps):
            is_owners = effect in ("remind", "reassign")
            taken, since = (of_owner, owned_since) if is_owners else (of_lead, 0)
            if since + after != minute or number in taken or (falls_back and is_owners):
                continue  # what a fallback of the same minute makes pointless is left out
            taken.add(number)
            done.append((minute, effect))
            if effect == "fallback":
                return done
            if effect == "reassign" and owners < team:
                owners, owned_since, of_owner = owners + 1, minute, set()
    return done


def taken(steps: Steps, team: int) -> tuple[SimulatedRouter, list[tuple[int, str]]]:
    """Return the router after the time, and the minute of every step that it told."""
    ladder: Any = tuple(LadderStep(after=Duration(after * 60), do=effect, to=None) for after, effect in steps)  # type: ignore[arg-type]
    queues = {
        "sdr": queue("4h", ladder=ladder, fallback="bdr"),
        "bdr": queue("10d"),
        "senior-ae": queue("1h"),
    }
    reps = (*map(rep, NAMES[:team]), rep("bea", "bdr"))
    router = SimulatedRouter(routing_policy_with(team=Team(reps=reps), queues=queues))
    router.score()
    told: list[tuple[int, str]] = []
    for minute in range(1, MINUTES):
        router.emitted = []
        router.advance(MINUTE)
        told += [(minute, data["step"]) for type_, data in router.emitted if type_ == "lead.escalated"]
    return router, told


@settings(max_examples=40, deadline=None)
@given(LADDERS.map(sorted), st.integers(1, len(NAMES)))
def test_every_step_is_taken_at_its_minute_and_nobody_gets_the_lead_twice(steps: Steps, team: int):
    router, told = taken(steps, team)
    assert told == expected(steps, team)
    owners = [row.rep for row in router.assignments()]
    assert len({*owners}) == len(owners)
    fell_back = any(effect == "fallback" for _minute, effect in told)
    assert (router.owner() == "bea") is fell_back
    assert router.at == AT + (MINUTES - 1) * MINUTE
