"""Which hire the figures ask for, in a sentence; and that they ask for none where they cannot know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest

from services.gateway.domain.reports.staffing import QueueLoad, staffing, working_days
from shared.policy.models import Cap, Manager, Rep, Team


def team(managers: dict[str, str] | None = None, **heads: int) -> Team:
    """Return a team with so many reps in each queue; `managers` are those of queues."""
    reps = [
        Rep(
            id=f"{queue}-{n}",
            name="A Rep",
            queues=(queue.replace("_", "-"),),
            manager=(managers or {}).get(queue),
        )
        for queue, number in heads.items()
        for n in range(number)
    ]
    names = sorted(set((managers or {}).values()))
    return Team(reps=tuple(reps), managers=tuple(Manager(id=name, name=name) for name in names))


def load(of: Team, queue: str = "sdr", given: Mapping[str, int] = {}) -> QueueLoad:
    return QueueLoad.of(
        queue, of, **{"arrived": 0, "accepted": 0, "waiting": 0, "open_leads": 0, "days": 20, **given}
    )


@pytest.mark.parametrize(
    ("reps", "given", "said"),
    [
        (9, {"arrived": 820, "accepted": 660}, "Two more SDRs: 41 leads a day arrive, nine reps accept 33."),
        (1, {"arrived": 400, "accepted": 200}, "One more SDR: 20 leads a day arrive, one rep accepts 10."),
        (13, {"arrived": 60, "accepted": 30}, "13 more SDRs: 3 leads a day arrive, 13 reps accept 1.5."),
        (9, {"arrived": 700, "accepted": 660}, "The figures ask for no hire."),
        (9, {"arrived": 820, "accepted": 0}, "The figures ask for no hire."),
        (0, {"arrived": 820, "accepted": 10}, "The figures ask for no hire."),
    ],
)
def test_a_queue_that_grows_asks_for_reps(reps: int, given: dict[str, int], said: str):
    of = team(sdr=reps, partner=1)
    assert staffing(of, [load(of, given=given)]).in_words == said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "The figures ask for no hire; 0 leads arrived in 20 working days, which is too little to judge queues by."),
        (
            {"arrived": 19, "accepted": 1},
            "The figures ask for no hire; 19 leads arrived in 20 working days, which is too little to judge queues by.",
        ),
        (
            {"arrived": 100, "accepted": 10, "days": 1},
            "The figures ask for no hire; 100 leads arrived in 1 working day, which is too little to judge queues by.",
        ),
    ],
)  # fmt: skip
def test_too_little_asks_for_nobody_and_says_so(given: dict[str, int], said: str):
    of = team(sdr=4)
    assert staffing(of, [load(of, given=given)]).in_words == said


def test_queues_of_one_role_are_told_apart():
    of = team(inside_ae=2, field_ae=2, partner=1)
    loads = [
        load(of, queue, {"arrived": 200, "accepted": 100}) for queue in ("inside-ae", "field-ae", "partner")
    ]
    assert staffing(of, loads).hires == [
        "Two more AEs: 10 leads a day arrive in inside-ae, two reps accept 5.",
        "Two more AEs: 10 leads a day arrive in field-ae, two reps accept 5.",
        "One more rep: 10 leads a day arrive in partner, one rep accepts 5.",
    ]


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (team(sdr=2, ae=7), ["One more SDR: there are 2 SDRs for 7 AEs, one for 2 to 3 is usual."]),
        (team(sdr=2, ae=6), []),
        (team(sdr=4, ae=2), []),
        (team(ae=13, se=2), ["One more SE: there are 2 SEs for 13 AEs, one for 4 to 6 is usual."]),
        (team(enterprise_ae=8, se=2), ["One more SE: there are 2 SEs for 8 AEs, one for 2 to 3 is usual."]),
        (
            team({"ae": "mona"}, ae=10, sdr=4),
            ["One more manager of AEs: there is 1 manager for 10 AEs, one for 6 to 8 is usual."],
        ),
        (
            team({"sdr": "mona"}, sdr=30),
            ["Two more managers of SDRs: there is 1 manager for 30 SDRs, one for 8 to 12 is usual."],
        ),
    ],
)
def test_too_few_people_who_support_others_are_asked_for(of: Team, said: list[str]):
    assert list(staffing(of, []).hires) == said


def test_managers_are_counted_whomever_else_nobody_manages():
    some = team({"ae": "mona"}, ae=10)
    others = tuple(Rep(id=f"other-{n}", name="A Rep", queues=("ae",)) for n in range(10))
    of = Team(reps=(*some.reps, *others), managers=some.managers)
    assert list(staffing(of, []).hires) == [
        "Two more managers of AEs: there is 1 manager for 20 AEs, one for 6 to 8 is usual."
    ]


def test_a_ratio_says_what_it_needs():
    found = staffing(team(sdr=3), []).ratios
    assert found["aes_per_sdr"].needs == "reps in queues of SDRs and of AEs, such as sdr and senior-ae"
    assert found["sdrs_per_manager"].needs == "`manager` of SDRs in team.yaml"
    some = team({"ae": "mona"}, ae=6)
    part = Team(reps=(*some.reps, Rep(id="z", name="Z", queues=("ae",))), managers=some.managers)
    assert staffing(part, []).ratios["aes_per_manager"].note == "1 AE without a manager"


@pytest.mark.parametrize(
    ("since", "until", "number"),
    [
        (date(2026, 11, 23), date(2026, 11, 29), 5),
        (date(2026, 11, 28), date(2026, 11, 29), 0),
        (date(2026, 11, 27), date(2026, 11, 30), 2),
        (date(2026, 1, 1), date(2026, 12, 31), 261),
        (date(2026, 11, 28), date(2026, 11, 27), 0),
        (date(2026, 11, 28), date(2026, 1, 1), 0),
    ],
)
def test_working_days(since: date, until: date, number: int):
    assert working_days(since, until) == number


def test_limits_of_a_queue_need_every_rep_to_have_one():
    reps = (
        Rep(id="a", name="A", queues=("sdr",), max_open=5, caps=(Cap(count=3, per="day"),)),
        Rep(id="b", name="B", queues=("sdr", "bdr"), max_open=7),
    )
    of = Team(reps=reps)
    assert (load(of).max_open, load(of).cap_per_day) == (12, None)
    assert (load(of, "bdr").max_open, load(of, "bdr").cap_per_day) == (7, None)
    assert (load(of, "none").max_open, load(of, "none").cap_per_day) == (None, None)
