"""Whether the team fits the leads that come: ratios of roles, arrivals and acceptances, and who to hire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from math import ceil
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from services.gateway.domain.reports.figures import Figure, figure
from services.gateway.domain.reports.team_roles import (
    Role,
    reps_by_role,
    role_of_queue,
    sells_to_enterprises,
)

if TYPE_CHECKING:
    from shared.policy.models import Rep, Team

ARRIVALS_ENOUGH: Final = 20
WORKING_DAYS_ENOUGH: Final = 5
_GROWTH: Final = 1.1
"""How many times as many leads must arrive as are accepted before a queue counts as growing."""
_NUMBERS: Final = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


class QueueLoad(Struct, frozen=True):
    """What comes to a queue, and what its reps take on.

    `arrived` and `accepted` are leads of the period, which had `working_days`. `waiting` have no owner now.
    `open_leads` are owned now, of the `max_open` that its reps may have together; None without that limit.
    `cap_per_day` is what all of them may get on a day; None where a rep has no such cap.
    """

    queue: str
    role: Role | None
    reps: int
    arrived: int
    accepted: int
    waiting: int
    open_leads: int
    max_open: int | None
    cap_per_day: int | None
    working_days: int

    @classmethod
    def of(
        cls, name: str, team: Team, *, arrived: int, accepted: int, waiting: int, open_leads: int, days: int
    ) -> QueueLoad:
        """Return the load of a queue in a period of so many working days."""
        own = [rep for rep in team.reps if name in rep.queues]
        opens = [rep.max_open for rep in own]
        caps = [next((cap.count for cap in rep.caps if cap.per == "day"), None) for rep in own]
        return cls(
            name,
            role_of_queue(name),
            len(own),
            arrived,
            accepted,
            waiting,
            open_leads,
            sum(limit for limit in opens if limit is not None) if own and None not in opens else None,
            sum(cap for cap in caps if cap is not None) if own and None not in caps else None,
            days,
        )

    @property
    def arrived_per_day(self) -> float:
        return self.arrived / self.working_days if self.working_days else 0.0

    @property
    def accepted_per_day(self) -> float:
        return self.accepted / self.working_days if self.working_days else 0.0

    @property
    def is_judged(self) -> bool:
        """Whether enough was counted to ask for a hire."""
        return self.arrived >= ARRIVALS_ENOUGH and self.working_days >= WORKING_DAYS_ENOUGH

    @property
    def missing_reps(self) -> int:
        """How many more reps would accept what arrives, at the pace of those who are there."""
        if not self.is_judged or not self.accepted or not self.reps:
            return 0
        if self.arrived <= _GROWTH * self.accepted:
            return 0
        return max(1, round((self.arrived - self.accepted) * self.reps / self.accepted))


class Staffing(Struct, frozen=True):
    """The heads of each role, the ratios between them, the load of each queue, and the hires asked for."""

    heads: Mapping[Role, int]
    managers: int
    ratios: Mapping[str, Figure]
    queues: Sequence[QueueLoad]
    hires: Sequence[str]
    in_words: str


def working_days(since: date, until: date) -> int:
    """Return the number of days from Monday to Friday, both ends included."""
    days = max(0, (until - since).days + 1)
    return sum((since + timedelta(days=n)).weekday() < 5 for n in range(days % 7)) + days // 7 * 5


def staffing(team: Team, loads: Sequence[QueueLoad]) -> Staffing:
    """Return how the team fits its leads."""
    by_role = reps_by_role(team.reps)
    heads = {role: len(reps) for role, reps in by_role.items()}
    ratios = ratios_of(by_role)
    hires = [*hires_by_load(loads), *hires_by_ratio(ratios, by_role)]
    if hires:
        in_words = " ".join(hires)
    elif any(load.is_judged for load in loads):
        in_words = "The figures ask for no hire."
    else:
        arrived, days = (
            sum(load.arrived for load in loads),
            max((load.working_days for load in loads), default=0),
        )
        counted = f"{_count(arrived, 'lead')} arrived in {_count(days, 'working day')}"
        in_words = f"The figures ask for no hire; {counted}, which is too little to judge queues by."
    return Staffing(heads, len(team.managers), ratios, loads, hires, in_words)


def ratios_of(by_role: Mapping[Role, Sequence[Rep]]) -> dict[str, Figure]:
    """Return how many reps there are for each rep who supports them, and for each manager."""
    aes, sdrs, ses = by_role["AE"], by_role["SDR"], by_role["SE"]
    for_enterprises = sum(map(sells_to_enterprises, aes)) * 2 > len(aes)
    return {
        "aes_per_sdr": figure(
            len(aes) / len(sdrs) if aes and sdrs else None,
            "number",
            needs="reps in queues of SDRs and of AEs, such as sdr and senior-ae",
            healthy="aes_per_sdr",
        ),
        "aes_per_se": figure(
            len(aes) / len(ses) if aes and ses else None,
            "number",
            needs="reps in queues of SEs and of AEs, such as se and senior-ae",
            healthy="aes_per_se_enterprise" if for_enterprises else "aes_per_se",
        ),
        "aes_per_manager": _per_manager(aes, "AE", "aes_per_manager"),
        "sdrs_per_manager": _per_manager(sdrs, "SDR", "sdrs_per_manager"),
    }


def hires_by_load(loads: Iterable[QueueLoad]) -> list[str]:
    """Return a sentence for each queue whose reps accept fewer leads than arrive."""
    growing = [load for load in loads if load.missing_reps]
    roles = [load.role for load in growing]
    sentences: list[str] = []
    for load in growing:
        who = "rep" if load.role is None else load.role
        where = "" if load.role is not None and roles.count(load.role) == 1 else f" in {load.queue}"
        accepting = "one rep accepts" if load.reps == 1 else f"{_word(load.reps)} reps accept"
        sentences.append(
            f"{_more(load.missing_reps, who)}: {_rate(load.arrived_per_day)} leads a day arrive{where}, "
            f"{accepting} {_rate(load.accepted_per_day)}."
        )
    return sentences


def hires_by_ratio(ratios: Mapping[str, Figure], by_role: Mapping[Role, Sequence[Rep]]) -> list[str]:
    """Return a sentence for each kind of people of whom there are too few for those whom they support."""
    managers_of = {role: len({rep.manager for rep in by_role[role]} - {None}) for role in by_role}
    supported: tuple[tuple[str, str, int, Role, str], ...] = (
        ("aes_per_sdr", "SDR", len(by_role["SDR"]), "AE", "SDR"),
        ("aes_per_se", "SE", len(by_role["SE"]), "AE", "SE"),
        ("aes_per_manager", "manager", managers_of["AE"], "AE", "manager of AEs"),
        ("sdrs_per_manager", "manager", managers_of["SDR"], "SDR", "manager of SDRs"),
    )
    sentences: list[str] = []
    for name, supporter, supporters, role, who in supported:
        ratio = ratios[name]
        if ratio.verdict != "above" or ratio.healthy is None or ratio.healthy.highest is None:
            continue
        heads = len(by_role[role])
        missing = max(1, ceil(heads / ratio.healthy.highest) - supporters)
        usual = f"{ratio.healthy.lowest:g} to {ratio.healthy.highest:g}"
        are = "is" if supporters == 1 else "are"
        sentences.append(
            f"{_more(missing, who)}: there {are} {_count(supporters, supporter)} "
            f"for {_count(heads, role)}, one for {usual} is usual."
        )
    return sentences


def _per_manager(reps: Sequence[Rep], role: Role, healthy: str) -> Figure:
    managed = [rep.manager for rep in reps if rep.manager is not None]
    unmanaged = len(reps) - len(managed)
    return figure(
        len(managed) / len(set(managed)) if managed else None,
        "number",
        needs=f"`manager` of {role}s in team.yaml",
        healthy=healthy,
        note=f"{_count(unmanaged, role)} without a manager" if managed and unmanaged else None,
    )


def _word(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _more(number: int, who: str) -> str:
    """Return e.g. `Two more SDRs`, `One more manager of AEs`."""
    first, *rest = who.split(" ", 1)
    plural = " ".join([first if number == 1 else f"{first}s", *rest])
    return f"{_word(number).capitalize()} more {plural}"


def _rate(per_day: float) -> str:
    return f"{per_day:.0f}" if per_day >= 10 else f"{per_day:.1f}".removesuffix(".0")
