"""The rotation of a queue over its stored rows: who gets the next lead, and what a lead costs whom.

Whose turn it is follows from the candidates and their balances, see `turns`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from msgspec.structs import replace

from services.router.domain.eligibility import Candidate, candidates_of, passed_over
from services.router.domain.fairness import noted
from services.router.domain.state import QueueRow, RepQueueRow
from services.router.domain.turns import Selection, balances_after, select_rep
from services.router.policy import ANYBODY, Demands, RoutingPolicy
from shared.lead.events.routing import OwnerFacts
from shared.storage.change_set import ChangeSet
from shared.storage.rows import Key

if TYPE_CHECKING:
    from shared.policy.models import Rep

PACED: Final = frozenset({"least_open", "most_capacity"})
"""The distributions under which a rep waits who got two of the latest leads."""


def select_from_queue(
    changes: ChangeSet,
    policy: RoutingPolicy,
    queue: str,
    at: datetime,
    excluded: Collection[str] = (),
    *,
    preferred: Sequence[str] = (),
    demands: Demands = ANYBODY,
) -> Selection:
    """Return whose turn it is in a queue, by the stored balances.

    The first of `preferred` who may have the lead comes before everybody's turn, also one who is off hours
    but back within the time to accept a lead of the queue, as for the owner of an account. `demands` are the
    lead's.
    """
    candidates = candidates_of(changes, policy, queue, at, demands)
    distribute = policy.distribution(queue)
    latest = _latest_number(changes, queue) if distribute in PACED else None
    first = None
    for holder in (one for rep in preferred for one in candidates if one.rep == rep and rep not in excluded):
        facts = OwnerFacts(rep=holder.rep, queue=queue)
        is_soon_back = holder.weight > 0 and holder.skipped == "off_hours"
        if holder.shares or (is_soon_back and passed_over(changes, policy, facts, at, demands) is None):
            first = holder.rep
            may = replace(holder, skipped=None, detail=None)
            candidates = [may if one is holder else one for one in candidates]
            break
    return select_rep(candidates, excluded, first, distribute, latest=latest)


def choose_rep(
    changes: ChangeSet,
    policy: RoutingPolicy,
    queue: str,
    at: datetime,
    excluded: Collection[str],
    *,
    use_fallback: bool,
    demands: Demands,
    preferred: Sequence[str] = (),
) -> tuple[Selection, str]:
    """Return whose turn it is and in which queue: the given one, or its fallback if nobody is eligible.

    In the given queue the first of `preferred` comes first who may have a lead with these demands. Every
    other rep of the team has a reason in the selection.
    """
    selection = select_from_queue(changes, policy, queue, at, excluded, preferred=preferred, demands=demands)
    not_in_queue, settings = policy.not_in_queue.get(queue, ()), policy.queues.get(queue)
    if selection.rep is not None or not use_fallback or settings is None or settings.fallback is None:
        return replace(selection, others=not_in_queue, is_explained=policy.explains), queue
    fallback = select_from_queue(changes, policy, settings.fallback, at, excluded, demands=demands)
    # A rep of both queues is listed once, with the reason of the first queue.
    first = selection.considered
    listed: set[object] = {entry.rep for entry in first}
    candidates = [one for one in fallback.candidates if one.rep not in listed]
    listed |= {fallback.rep, *(one.rep for one in candidates)}
    return (
        replace(
            fallback,
            earlier=first,
            candidates=candidates,
            others=tuple(entry for entry in not_in_queue if entry.rep not in listed),
            is_explained=policy.explains,
        ),
        queue if fallback.rep is None else settings.fallback,
    )


def charge(
    changes: ChangeSet,
    policy: RoutingPolicy,
    queue: str,
    rep: Rep,
    at: datetime,
    *,
    demands: Demands = ANYBODY,
    selection: Selection | None = None,
) -> None:
    """Charge the rep one credit of the queue for a new assignment, and count one more open lead.

    Those who shared the lead by `selection` pay for it. A lead that the rotation did not give, as it is by
    name or of an account, costs the rep a turn where the queue distributes by weight. Who has no turns there
    has none to give back, so the others are owed nothing for such a lead.
    """
    in_turn = selection is not None and bool(selection.sharing) and selection.preferred != rep.id
    sharing: Sequence[Candidate] = selection.sharing if selection is not None and in_turn else ()
    if not in_turn and has_turns(rep, queue) and policy.distribution(queue) == "weighted":
        sharing = candidates_of(changes, policy, queue, at, demands)
    rows = [row for row in changes.by_key(RepQueueRow).values() if row.queue == queue]
    number = max([row.number for row in rows], default=0) + 1
    row = rep_queue_of(changes, queue, rep.id)
    changes.put(
        replace(
            row,
            credits=row.credits + 1,
            open_leads=row.open_leads + 1,
            out_of_turn=row.out_of_turn + (not in_turn),
            number=number,
            number_before=row.number,
        )
    )
    if sharing:
        _share(changes, rows, queue, sharing, rep.id, in_turn=in_turn)


def refund(
    changes: ChangeSet,
    policy: RoutingPolicy,
    queue: str,
    rep_id: str,
    at: datetime,
    *,
    demands: Demands = ANYBODY,
) -> None:
    """Give the rep back the credit of an assignment, as if the lead had not been shared in the queue.

    It undoes a charge for the candidates that there are now; the balances of the queue still add up to 0.
    Where the queue does not distribute by weight, the rep has one open lead less and is owed no more.
    """
    row, rep = rep_queue_of(changes, queue, rep_id), policy.owner_of(rep_id)
    changes.put(replace(row, credits=row.credits - 1))
    if policy.distribution(queue) != "weighted" or (rep is not None and not has_turns(rep, queue)):
        return
    sharing = candidates_of(changes, policy, queue, at, demands)
    rows = [row for row in changes.by_key(RepQueueRow).values() if row.queue == queue]
    if rep is None:  # Who has left the team was charged while there.
        sharing = [*sharing, Candidate(rep_id, 0)]
    _share(changes, rows, queue, sharing, rep_id, in_turn=False, sign=-1)


def has_turns(rep: Rep, queue: str) -> bool:
    """Return whether the rep takes part in the rotation of a queue."""
    return rep.weight > 0 and queue in rep.queues


def _share(
    changes: ChangeSet,
    rows: Sequence[RepQueueRow],
    queue: str,
    sharing: Sequence[Candidate],
    rep: str,
    *,
    in_turn: bool,
    sign: Literal[1, -1] = 1,
) -> None:
    """Change the balances by a lead that was shared and went to one of the reps; undo it if `sign` is -1.

    `rows` are those of the queue; the one of `rep` may have changed since.
    """
    own = {row.rep: row for row in rows}
    own[rep] = rep_queue_of(changes, queue, rep)
    balances = {row.rep: row.balance for row in rows}
    after_lead, after = balances_after(sharing, rep), dict[Key, RepQueueRow]()
    for one in sharing:
        name = one.rep
        if name in after_lead:
            row = own.get(name) or RepQueueRow(queue, name)
            balances[name] = balance = row.balance + sign * (after_lead[name] - one.balance)
            after[queue, name] = replace(row, balance=balance)
    changes.put_all(RepQueueRow, after)
    state = changes.get(QueueRow, queue) or QueueRow(queue)
    shares = tuple([(one.rep, one.weight) for one in sharing]) if in_turn else None
    noted_state = noted(state, shares, [*balances.values()])
    if noted_state != state:
        changes.put(noted_state)


def _latest_number(changes: ChangeSet, queue: str) -> int:
    """Return the number of the latest lead that the queue has given."""
    rows = changes.by_key(RepQueueRow).values()
    return max([row.number for row in rows if row.queue == queue], default=0)


def release(changes: ChangeSet, queue: str, rep_id: str) -> None:
    """Count one open lead less for the rep. The credit is not given back."""
    row = rep_queue_of(changes, queue, rep_id)
    changes.put(replace(row, open_leads=max(0, row.open_leads - 1)))


def rep_queue_of(changes: ChangeSet, queue: str, rep_id: str) -> RepQueueRow:
    """Return the rep's row of a queue, a new one if the rep had no lead of it yet."""
    return changes.get(RepQueueRow, queue, rep_id) or RepQueueRow(queue, rep_id)
