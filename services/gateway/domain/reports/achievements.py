"""What each role and each rep achieved in a period, from the counters. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from services.gateway.domain.reports.figures import Figure, counted
from services.gateway.domain.reports.role_figures import Basis, figures_of
from services.gateway.domain.reports.team_roles import Role, reps_by_role, role_of_queue, role_of_rep
from services.ledger.domain.counters import Counts, add_counts

if TYPE_CHECKING:
    from shared.policy.models import Rep, Team

SHOWN: Final = (
    "assigned",
    "accepted",
    "late",
    "rejected",
    "replied",
    "meetings",
    "meetings_held",
    "opportunities",
    "won",
    "lost",
    "won_usd",
    "pilots_won",
    "pilots_lost",
)
"""The counters that a report shows beside the figures."""

CountsByNames = Mapping[tuple[Any, ...], Counts]


class RepAchievements(Struct, frozen=True):
    """What a rep achieved; `name` is None for one who has left the team."""

    rep: str
    name: str | None
    counts: Mapping[str, int]
    figures: Mapping[str, Figure]


class RoleAchievements(Struct, frozen=True):
    """What a role achieved; `needs` says what there must be for it to have figures, None where it has."""

    role: Role
    queues: Sequence[str]
    heads: int
    needs: str | None
    counts: Mapping[str, int]
    figures: Mapping[str, Figure]
    reps: Sequence[RepAchievements]


class TeamAchievements:
    """Tells roles and reps apart in the counters of a period.

    `sums` are those of reps by queue and rep in the period, `ever` those until its end, `qualified` the times
    from first contact to qualified by queue and bucket. `days` are those of the period, `counted_days` those
    of them that were counted.
    """

    def __init__(
        self,
        team: Team,
        sums: CountsByNames,
        ever: CountsByNames,
        qualified: CountsByNames,
        *,
        days: int,
        counted_days: int,
    ) -> None:
        self._team = {rep.id: rep for rep in team.reps}
        self._members = reps_by_role(team.reps)
        self._sums = sums
        self._ever = ever
        self._qualified = qualified
        self._days = days
        self._counted_days = counted_days
        self._recorded: Collection[str] = {
            name for counts in sums.values() for name, number in counts.items() if number
        }

    def of_role(self, role: Role, queues: Sequence[str]) -> RoleAchievements:
        """Return what a role achieved, with its reps: those of the team, then those who have left it.

        `queues` are those of the policy.
        """
        members = {rep.id: rep for rep in self._members[role]}
        by_rep, ever = self._by_rep(role, self._sums), self._by_rep(role, self._ever)
        open_usd = {rep: counted(counts, "open_usd") for rep, counts in ever.items()}
        left = sorted(rep for rep in by_rep if rep and rep not in members and any(by_rep[rep].values()))
        whole: Counts = {}
        for counts in by_rep.values():
            add_counts(whole, counts)
        buckets: dict[int, int] = {}
        for (queue, bucket), counts in self._qualified.items():
            if role_of_queue(queue) == role:
                buckets[bucket] = buckets.get(bucket, 0) + counted(counts, "measured")
        word = role.lower()
        needs = f"reps in a queue whose name ends in {word}, such as {word} or inside-{word}"
        basis = self._basis(whole, sum(open_usd.values()), [*members.values()], buckets)
        rows: list[RepAchievements] = []
        for rep in [*members, *left]:
            own, team = by_rep.get(rep, {}), [members[rep]] if rep in members else []
            figures = figures_of(role, self._basis(own, open_usd.get(rep, 0), team))
            rows.append(RepAchievements(rep, team[0].name if team else None, _shown(own), figures))
        return RoleAchievements(
            role,
            [queue for queue in queues if role_of_queue(queue) == role],
            len(members),
            None if rows else needs,
            _shown(whole),
            figures_of(role, basis) if rows else {},
            rows,
        )

    def _by_rep(self, role: Role, sums: CountsByNames) -> dict[str, Counts]:
        """Return the counts by rep in a role.

        That is the role of the queue. What reps are reported to have done in a queue that is not theirs, such
        as a renewal of a customer whose lead they never owned, counts in their own role.
        """
        found: dict[str, Counts] = {}
        for (queue, rep), counts in sums.items():
            member = self._team.get(rep)
            own = role_of_rep(member) if member is not None and queue not in member.queues else None
            if (own or role_of_queue(queue)) == role:
                add_counts(found.setdefault(rep, {}), counts)
        return found

    def _basis(
        self,
        counts: Mapping[str, int],
        open_usd: int,
        reps: Sequence[Rep],
        buckets: Mapping[int, int] | None = None,
    ) -> Basis:
        return Basis(counts, open_usd, reps, self._days, self._counted_days, self._recorded, buckets)


def _shown(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: counted(counts, name) for name in SHOWN}
