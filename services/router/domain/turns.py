"""Whose turn it is among the reps of a queue, for each way to distribute, with a proven bound on unfairness.

With weights that add up to W, each lead is worth w/W of a turn to a rep of weight w. The rep's n-th turn
becomes eligible when that share has passed n - 1, and its deadline is when the share reaches n. Among the
eligible turns, the one with the earliest deadline gets the lead (earliest deadline first with eligibility
times, on one resource). This keeps every rep's count within one lead of the exact share for as long as the
set of candidates does not change (Baruah, Cohen, Plaxton, Varvel: "Proportionate progress", 1996).

When the set changes from lead to lead, no rule that does not know the future keeps everybody that close: what
can be held grows with the number of reps (the carpool problem; Ajtai and others: "Fairness in scheduling",
1998). So a rep who is owed a whole lead, which cannot happen while the set is the same, comes before all
deadlines, and if no turn is eligible, the rep who is owed most is next. Then nobody of n reps is ever more
than 1.5 (n - 1) leads from the share of the leads that the rep could have had; `fairness` has the proof.

The state per rep and queue is one integer, the `balance`: what is owed minus what was given, of which `LEAD`
are one lead.

The other distributions choose who shares a lead, and the same rotation decides among these: whoever has the
least `measure`, which is the place in the team, the number of open leads, or the room under the limits,
times -1. So nobody is owed anything for leads that went to somebody with a lesser measure, and a queue may
change its distribution at any time. So that a rep who is new or back, with few open leads, is not flooded
with the leads of all, `least_open` and `most_capacity` have a rep wait who got two of the last n // 3 leads
of the queue, where n reps may have the next one. These are at most n / 6 reps, so somebody else is always
there; among five reps or fewer nobody waits.

What a choice rests on is recorded with the decision (`Selection.recorded`), so that it can be repeated from
there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from heapq import nsmallest
from operator import attrgetter
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.eligibility import Candidate
from services.router.domain.fairness import LEAD
from shared.lead.events.routing import Considered, Distribution, RepShare, RotationTurn, Skipped

SHARES_MAX: Final = 50
"""The reps whose shares are recorded with a decision, at most."""


class Worth(NamedTuple):
    """What a lead is worth to those who share it.

    `weight` is the sum of their weights. The rep who gets the lead is charged `lead` units of balance, and
    everybody gets `part(weight)`. Releases before 0.9 counted in units of weight: then `is_scaled` is False.
    """

    weight: int
    lead: int
    is_scaled: bool = True

    def part(self, weight: int) -> int:
        return weight * LEAD // (self.weight or 1) if self.is_scaled else weight


class Selection(Struct, frozen=True):
    """The id of the rep who gets the lead, if anybody does, and for every other rep why not.

    `candidates` were compared without those `excluded`; those passed over `earlier`, in another queue, are
    named before them, and `others` after them. `eligible` are the candidates who may have the lead, and
    `sharing` those of them whose turns were compared, none where no rotation chose. Where the choice is not
    `explained`, only shares are recorded of who is passed over.
    """

    rep: str | None
    others: tuple[Considered, ...] = ()
    sharing: Sequence[Candidate] = ()
    preferred: str | None = None
    eligible: Sequence[Candidate] = ()
    distribute: Distribution = "weighted"
    candidates: Sequence[Candidate] = ()
    excluded: Collection[str] = ()
    earlier: tuple[Considered, ...] = ()
    is_explained: bool = True

    @property
    def considered(self) -> tuple[Considered, ...]:
        """The reps who are passed over, the candidates in the order of their ids."""
        return (*self.earlier, *self._passed_over({}), *self.others)

    @property
    def recorded(self) -> tuple[tuple[Considered, ...], RotationTurn | None]:
        """What a decision records: the reps who are passed over, and the turn of the one who is not.

        Reps with a lower share are recorded with it, in a large queue the `SHARES_MAX` who are next.
        """
        sharing, chosen = self.sharing, self.rep
        if chosen is None or not sharing:
            return self.considered, None
        worth, measured = worth_of(sharing), self.distribute != "weighted"
        nearest = self._nearest(worth)
        own = next(one for one in nearest if one.rep == chosen)
        turn = RotationTurn(
            reps=len(sharing),
            weight=worth.weight,
            credits=sum([candidate.credits for candidate in sharing]),
            share=_share_of(own, is_measured=measured),
            preferred=self.preferred,
            lead=worth.lead,
            distribute=self.distribute,
        )
        if not self.is_explained:
            return tuple([_weighing(one.rep, one.weight) for one in nearest if one.rep != chosen]), turn
        shares = {one.rep: _share_of(one, is_measured=measured) for one in nearest}
        return (*self.earlier, *self._passed_over(shares), *self.others), turn

    def _nearest(self, worth: Worth) -> Sequence[Candidate]:
        """Return the eligible candidates, of many those who are next; the chosen one is always among them."""
        if len(self.eligible) <= SHARES_MAX:
            return self.eligible
        # Only those who share the lead have turns; all others come after them, by their measure.
        order = {turn[-1]: turn for turn in _turns(self.sharing, worth)}
        return nsmallest(
            SHARES_MAX,
            self.eligible,
            key=lambda one: (
                one.rep != self.preferred,
                one.is_paced,
                one.measure,
                order.get(one.rep, (0, 0, 0, one.rep)),
            ),
        )

    def _passed_over(self, shares: Mapping[str, RepShare]) -> list[Considered]:
        """Return the candidates who do not get the lead, with their share where they have one."""
        chosen, excluded = self.rep, self.excluded
        return [
            _considered(rep, "excluded")
            if (rep := one.rep) in excluded
            else _considered(rep, one.skipped, one.detail)
            if one.skipped is not None
            else Considered("lower_share", rep=rep, share=shares[rep])
            if rep in shares
            else _considered(rep, "lower_share", one.detail)
            for one in sorted(self.candidates, key=_rep_of)
            if one.rep != chosen
        ]


def select_rep(
    candidates: Sequence[Candidate],
    excluded: Collection[str] = (),
    preferred: str | None = None,
    distribute: Distribution = "weighted",
    worth: Worth | None = None,
    *,
    latest: int | None = None,
) -> Selection:
    """Return whose turn it is among those who may have the lead; `preferred` if that is one of them.

    The order of `candidates` has no effect. `worth` is given where not all who share the lead are among them.
    `latest` is the number of the queue's latest lead, where a rep waits who got two of the last ones.
    """
    # Runs for each lead over up to hundreds of reps, so the fields are read directly.
    eligible = [one for one in candidates if one.weight and one.skipped is None and one.rep not in excluded]
    if not eligible:
        return Selection(None, distribute=distribute, candidates=candidates, excluded=excluded)
    if latest is not None:
        paced_from = max(latest - len(eligible) // 3, 0)
        eligible = [
            replace(one, is_paced=True) if one.number_before > paced_from else one for one in eligible
        ]
    sharing = eligible
    if distribute != "weighted":
        sharing = [one for one in eligible if not one.is_paced] or eligible
        least = min([one.measure for one in sharing])
        sharing = [one for one in sharing if one.measure == least]
    if len({one.weight for one in sharing}) == 1:
        # With equal weights the turns are in the order of the balances, whatever a lead is worth.
        most = max([one.balance for one in sharing])
        chosen = min([one.rep for one in sharing if one.balance == most])
    else:
        chosen = min(_turns(sharing, worth or worth_of(sharing)))[-1]
    if preferred is not None and any(one.rep == preferred for one in eligible):
        chosen = preferred
    return Selection(chosen, (), sharing, preferred, eligible, distribute, candidates, excluded)


def worth_of(sharing: Sequence[Candidate]) -> Worth:
    """Return what a lead is worth to those who share it."""
    weights = [one.weight for one in sharing]
    total = sum(weights)
    parts = {weight: weight * LEAD // (total or 1) for weight in set(weights)}
    return Worth(total, sum([parts[weight] for weight in weights]))


def worth_of_turn(turn: RotationTurn) -> Worth:
    """Return what a lead was worth to those who shared it, by the record of a decision."""
    return Worth(turn.weight, turn.lead or turn.weight, is_scaled=turn.lead is not None)


def _turns(sharing: Sequence[Candidate], worth: Worth) -> list[tuple[int, int, int, str]]:
    """Return the sort key of each one's turn, the id last; the least has the next turn.

    By eligibility of the turn, deadline of the turn, greatest balance, id. If somebody is owed a whole lead,
    or no turn is eligible, by the greatest balance and id.
    """
    lead = worth.lead
    parts = {weight: worth.part(weight) for weight in {one.weight for one in sharing}}
    turns: list[tuple[int, int, int, str]] = [
        (
            one.balance + parts[one.weight] <= 0,
            -((one.balance - lead) // (parts[one.weight] or 1)),
            -one.balance,
            one.rep,
        )
        for one in sharing
    ]
    if worth.is_scaled and (all(turn[0] for turn in turns) or -min([turn[2] for turn in turns]) >= lead):
        return [(0, 0, balance, rep) for _, _, balance, rep in turns]
    return turns


def leads_until_due(part: int, balance: int, lead: int) -> int:
    """Return within how many leads of a queue, the next one included, the rep's next turn is due.

    `part` is what a lead is worth to the rep, at least 1, and `lead` to all who share it, see `Worth`.
    """
    return -((balance - lead) // part)


def balances_after(candidates: Sequence[Candidate], chosen: str) -> dict[str, int]:
    """Return the balances that change, by rep, when `chosen` gets a lead that the candidates share.

    A rep who is unavailable or at the cap has no share in the lead, so is owed nothing on coming back.
    """
    sharing = [one for one in candidates if (one.skipped is None and one.weight > 0) or one.rep == chosen]
    worth = worth_of(sharing)
    parts = {weight: worth.part(weight) for weight in {one.weight for one in sharing}}
    return {
        one.rep: one.balance + parts[one.weight] - (worth.lead if one.rep == chosen else 0) for one in sharing
    }


_rep_of: Final[Callable[[Candidate], str]] = attrgetter("rep")


@lru_cache(maxsize=20_000)
def _considered(rep: str, skipped: Skipped, detail: str | None = None) -> Considered:
    return Considered(skipped, rep=rep, detail=detail)


@lru_cache(maxsize=1_024)
def _weighing(rep: str, weight: int) -> Considered:
    """Return a rep with a lower share of which only the weight matters."""
    return Considered("lower_share", rep=rep, share=RepShare(0, weight, 0))


def _share_of(one: Candidate, *, is_measured: bool) -> RepShare:
    return RepShare(one.credits, one.weight, one.balance, one.measure if is_measured else None, one.is_paced)
