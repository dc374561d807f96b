"""What each distribution promises, whoever is away, and however leads come, end, and go out of turn."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.domain.fairness import LEAD, bound_of, exceeds, is_within
from services.router.domain.placement import choose_again
from services.router.domain.rotation import charge, refund, release, rep_queue_of, select_from_queue
from services.router.domain.state import AwayRepRow, QueueRow, RepQueueRow
from services.router.domain.turns import Selection
from services.router.policy import NO_LIMIT, RoutingPolicy
from shared.lead.events.routing import Decision, Distribution
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap
from tests.support.routing_policies import queue, rep, routing_policy_with
from tests.support.scored_leads import AT

NAMES = ("eve", "ana", "dan", "bob", "cyd", "fay", "gus", "hal")
"""In the order of the team."""
LIMITS: Mapping[str, int | None] = {
    "eve": 3, "ana": 9, "dan": 9, "bob": 20, "cyd": None, "fay": 5, "gus": 5, "hal": 2,
}  # fmt: skip
OTHERS: tuple[Distribution, ...] = ("in_order", "least_open", "most_capacity")
EVERY: tuple[Distribution, ...] = ("weighted", *OTHERS)

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("lead"), st.sets(st.sampled_from(NAMES), max_size=2)),
        st.tuples(st.just("lead"), st.just(frozenset())),
        st.tuples(st.just("end"), st.sampled_from(NAMES)),
        st.tuples(st.just("away"), st.sampled_from(NAMES)),
        st.tuples(st.just("name"), st.sampled_from(NAMES)),
        st.tuples(st.just("prefer"), st.sampled_from(NAMES)),
        st.tuples(st.just("refund"), st.sampled_from(NAMES)),
    ),
    max_size=60,
)


@cache
def team(distribute: Distribution, *, limited: bool = True) -> RoutingPolicy:
    weights = {"ana": 300, "bob": 30}
    reps = [
        rep(name, weight=weights.get(name, 100), max_open=LIMITS[name] if limited else 100_000)
        for name in NAMES
    ]
    queues = {"sdr": queue("4h").model_copy(update={"distribute": distribute})}
    return routing_policy_with(tuple(reps), queues)


class World:
    """A queue whose distribution may be changed, and what became of its leads."""

    def __init__(self, distribute: Distribution, *, limited: bool = True) -> None:
        self.policy = team(distribute, limited=limited)
        self.changes = ChangeSet(IdentityMap(RepQueueRow("sdr", name) for name in NAMES))
        self.given: list[str] = []

    def select(self, excluded: frozenset[str] = frozenset(), preferred: tuple[str, ...] = ()) -> Selection:
        return select_from_queue(self.changes, self.policy, "sdr", AT, excluded, preferred=preferred)

    def give(self, rep: str, selection: Selection | None = None) -> None:
        self.given.append(rep)
        charge(self.changes, self.policy, "sdr", self.policy.reps[rep], AT, selection=selection)

    def other(self, what: str, name: str) -> None:
        """Let something else happen than a lead in turn."""
        row = rep_queue_of(self.changes, "sdr", name)
        if what == "end" and row.open_leads:
            release(self.changes, "sdr", name)
        elif what == "away" and self.changes.get(AwayRepRow, name):
            self.changes.remove(AwayRepRow, name)
        elif what == "away":
            self.changes.put(AwayRepRow(name))
        elif what == "name":
            self.give(name)
        elif what == "prefer" and (selection := self.select(preferred=(name,))).rep is not None:
            self.give(selection.rep, selection)
        elif what == "refund" and row.credits:
            refund(self.changes, self.policy, "sdr", name, AT)

    def open_leads(self, name: str) -> int:
        return rep_queue_of(self.changes, "sdr", name).open_leads

    def balances(self) -> list[int]:
        return [row.balance for row in self.changes.find(RepQueueRow, "queue", "sdr")]

    def check_bound(self) -> None:
        balances, state = self.balances(), self.changes.get(QueueRow, "sdr") or QueueRow("sdr")
        assert sum(balances) == 0
        assert is_within(balances, state.added)
        assert is_within([-balance for balance in balances], state.added)
        assert not any(exceeds(balance, bound_of(state, len(NAMES))) for balance in balances)


def measured(world: World, distribute: Distribution, name: str) -> int:
    """Return what decides before the turns do, computed in another way; the least comes first."""
    limit, held = LIMITS[name], world.open_leads(name)
    if distribute == "most_capacity":
        return NO_LIMIT if limit is None else held - limit
    return {"weighted": 0, "in_order": NAMES.index(name), "least_open": held}[distribute]


def check_choice(world: World, selection: Selection, distribute: Distribution) -> None:
    """Whoever is chosen comes first by the measure, but for reps who got two of the latest leads."""
    may = [one.rep for one in selection.eligible]
    assert selection.rep in may
    paced: set[str] = set()
    if distribute in ("least_open", "most_capacity"):
        latest = world.given[-(len(may) // 3) :] if len(may) >= 3 else []
        paced = {name for name in may if latest.count(name) >= 2}
    assert selection.rep not in paced
    least = min(measured(world, distribute, name) for name in may if name not in paced)
    assert measured(world, distribute, str(selection.rep)) == least


def check_record(selection: Selection, distribute: Distribution) -> None:
    """The choice follows again from what is recorded of it."""
    considered, turn = selection.recorded
    assert turn is not None
    assert turn.distribute == distribute
    decision = Decision("assigned", "sdr", "work", selection.rep, "rule", [], [*considered], turn=turn)
    again = choose_again(decision, turn)
    assert again.rep == selection.rep
    assert {one.rep for one in again.sharing} == {one.rep for one in selection.sharing}


@pytest.mark.parametrize("distribute", EVERY)
@given(STEPS)
def test_the_chosen_rep_comes_first_and_balances_stay_within_the_bound(distribute, steps):
    world = World(distribute)
    for what, about in steps:
        if what != "lead":
            world.other(what, about)
        elif (selection := world.select(frozenset(about))).rep is not None:
            check_choice(world, selection, distribute)
            check_record(selection, distribute)
            world.give(selection.rep, selection)
        world.check_bound()


@pytest.mark.parametrize("distribute", ["least_open", "most_capacity"])
@given(st.integers(0, 40), st.integers(1, 40))
def test_a_rep_who_is_back_is_not_flooded(distribute, before, after):
    """The one who was away has no open leads while the others have many."""
    world = World(distribute, limited=False)
    world.other("away", "dan")
    for _ in range(before):
        world.give(str((selection := world.select()).rep), selection)
    world.other("away", "dan")
    for _ in range(after):
        world.give(str((selection := world.select()).rep), selection)
        window = world.given[-(len(NAMES) // 3) - 1 :]
        assert max(window.count(name) for name in NAMES) <= 2


@pytest.mark.parametrize("distribute", ["least_open", "most_capacity"])
def test_in_a_small_team_nobody_waits(distribute):
    world = World(distribute, limited=False)
    for name in NAMES[3:]:
        world.other("away", name)
    for name in ("eve", "ana"):
        for _ in range(9):
            world.other("name", name)
    assert [str(world.select().rep) for _ in range(3)] == ["dan"] * 3
    for _ in range(8):
        world.give("dan", world.select())
    assert world.select().rep == "dan"


@given(st.lists(st.sampled_from(EVERY), min_size=1, max_size=40))
def test_a_queue_that_changes_its_distribution_pays_nothing_back(distributions):
    world = World("weighted")
    for distribute in distributions:
        world.policy = team(distribute, limited=False)
        for _ in range(5):
            world.give(str((selection := world.select()).rep), selection)
            world.check_bound()
    # Whatever was before, the weighted turns go on within the bound for changing reps.
    assert all(abs(balance) <= 1.5 * (len(NAMES) - 1) * LEAD + LEAD // 1_000 for balance in world.balances())


@given(st.integers(1, 60))
def test_leads_that_stay_open_are_spread_evenly(leads):
    world = World("least_open", limited=False)
    for _ in range(leads):
        world.give(str((selection := world.select()).rep), selection)
        held = [world.open_leads(name) for name in NAMES]
        assert max(held) - min(held) <= 1
