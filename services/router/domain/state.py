"""The rows that the router decides on: the last decision on each lead, assignments, and the rotation."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import ClassVar, Final, Literal, get_args

import msgspec
from msgspec import Struct

from services.router.domain.deal import DealStanding
from services.router.domain.ladder import LadderClocks
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Activity, Person
from shared.lead.events.routing import BriefHandOff, Motion
from shared.lead.events.scoring import Score
from shared.storage.rows import Row

ClosedStatus = Literal["won", "lost", "disqualified"]
LeadStatus = Literal["routed", "suppressed", "waiting", "listed", "merged"] | ClosedStatus
ClosedState = (
    Literal["rejected", "handed_on", "moved", "overdue", "withdrawn", "merged", "erased", "left"]
    | ClosedStatus
)
AssignmentState = Literal["open", "accepted"] | ClosedState
CLOSED: Final[frozenset[str]] = frozenset(get_args(ClosedStatus))
"""The statuses of a lead that has ended: it has no owner until it is opened again (see `decide`)."""


class Rejection(Struct, frozen=True, omit_defaults=True):
    """Why a rep gave the lead up, at revision `revision`, and what followed.

    `entered_by` is the API key that did it for the rep. A recycled lead was asked to come back `back_after`
    that time. The notes named in `outdated_notes` said what the reason denies, before it. `told_at` is the
    time of the outcome that reported it, None where the rep rejected the lead here.
    """

    rep: str
    reason: str
    at: datetime
    revision: int
    disqualified: bool = False
    back_after: timedelta | None = None
    entered_by: str | None = None
    outdated_notes: tuple[str, ...] = ()
    told_at: datetime | None = None


class RoutedLeadRow(Row, frozen=True):
    """The last decision on a lead.

    `scored_sequence` is the highest sequence of `lead.scored` that was processed, so that older ones are
    ignored. `sequence` counts the events that the router emitted about the lead. `rule` is the rule that
    routed the lead, or the reason of a suppression. `demanding_rule` is the last rule that chose the queue,
    where a later one left the lead with its owner: whoever gets it next needs the skills that it demands.
    None, as in rows of earlier releases, is `rule`. `high_intent` is whether the last decision asked for the
    owner's immediate attention. A lead that is `listed` has no owner and waits for none, but a rep of the
    queue may take it. `spared` is the reason of a suppression that did not count, as nobody proved it.

    The brief of every later owner is made of `scored`, the JSON of the last `lead.scored`, and of `hand_off`,
    what the last owner who passed it on had learnt. `released_by` is the rep who gave up a lead that waits,
    None if it waits for its first owner.

    The reps in `rejected_by` never get the lead again. A rejected lead that is nurtured until `recycle_at` is
    then routed again. `rejections` has the newest ones, the newest first. Only reps of the `territory` that
    the lead was routed to may have it. `deal` is what outcomes reported about it, None before the first.
    """

    lead_id: str
    account: str
    revision: int
    scored_sequence: int
    sequence: int
    status: LeadStatus
    queue: str
    motion: Motion
    rule: str
    high_intent: bool
    waiting_since: datetime | None = None
    scored: bytes | None = None
    spared: str | None = None
    hand_off: BriefHandOff | None = None
    released_by: str | None = None
    rejected_by: tuple[str, ...] = ()
    recycle_at: datetime | None = None
    rejections: tuple[Rejection, ...] = ()
    territory: str | None = None
    deal: DealStanding | None = None
    demanding_rule: str | None = None
    table: ClassVar[str] = "routed_leads"
    key_fields: ClassVar[tuple[str, ...]] = ("lead_id",)


_decode_scored = lru_cache(maxsize=64)(msgspec.json.Decoder(LeadScoredV1).decode)


def scored_lead_of(lead: RoutedLeadRow) -> LeadScoredV1 | None:
    """Return the lead as it was last scored.

    None for a lead whose score was not kept: it was routed by an earlier release and not scored since.
    """
    return None if lead.scored is None else _decode_scored(lead.scored)


class ScoreOutline(Struct, frozen=True):
    """The score of a lead and the version that gave it, without what it rests on."""

    policy_version: str
    score: Score


_decode_outline = lru_cache(maxsize=1_024)(msgspec.json.Decoder(ScoreOutline).decode)


def score_outline_of(lead: RoutedLeadRow) -> ScoreOutline | None:
    """Return the score that `scored_lead_of` returns the lead with; that costs a third."""
    return None if lead.scored is None else _decode_outline(lead.scored)


class Snooze(Struct, frozen=True):
    """The owner put the lead off `until` a time; `accept_by` and `ladder` are as they were before."""

    until: datetime
    accept_by: datetime | None
    ladder: LadderClocks | None


class AssignmentRow(Row, frozen=True):
    """One rep's work on one lead, as its owner or beside it, from `opened_at` until `closed_at`.

    `sequence` is that of the event that announced it. The owner has until `accept_by` to accept; None is
    no deadline. A rep who `joined` works the lead beside its owner and has no deadline. `reason` is that of a
    rejection; with `credited_back` it cost its rep no turn. `ladder` has the clocks of the queue's ladder,
    None where it had none when the assignment began. `snoozed` is the last snooze that was not ended early.
    """

    id: str
    lead_id: str
    account: str
    queue: str
    rep: str
    state: AssignmentState
    sequence: int
    opened_at: datetime
    accept_by: datetime | None
    accepted_at: datetime | None = None
    closed_at: datetime | None = None
    joined: bool = False
    reason: str | None = None
    credited_back: bool = False
    ladder: LadderClocks | None = None
    snoozed: Snooze | None = None
    table: ClassVar[str] = "assignments"
    key_fields: ClassVar[tuple[str, ...]] = ("id",)
    indexed: ClassVar[tuple[str, ...]] = ("lead_id", "account")

    @property
    def active(self) -> bool:
        """Whether the rep still works the lead."""
        return self.closed_at is None

    @property
    def age(self) -> tuple[datetime, str]:
        """Sort key, oldest first. The id makes the order total."""
        return (self.opened_at, self.id)


class RepQueueRow(Row, frozen=True):
    """A rep's state in the rotation of a queue.

    `credits` counts all assignments, and `out_of_turn` those of them that the rotation did not give: by name,
    or of an account. `balance` is above 0 if the rep is owed leads and below 0 if ahead, in parts of a lead
    (`fairness.LEAD`); the balances of a queue add up to 0. The leads that a queue gives are numbered:
    `number` is that of the rep's latest, `number_before` that of the one before it. The row stays when the
    rep leaves the team.
    """

    queue: str
    rep: str
    credits: int = 0
    balance: int = 0
    open_leads: int = 0
    out_of_turn: int = 0
    number: int = 0
    number_before: int = 0
    table: ClassVar[str] = "rep_queues"
    key_fields: ClassVar[tuple[str, ...]] = ("queue", "rep")
    indexed: ClassVar[tuple[str, ...]] = ("queue", "rep")


class QueueRow(Row, frozen=True):
    """What the bound on unfairness in a queue depends on, see `fairness`.

    `same_reps` is a checksum of the reps who shared the latest lead and their weights, and `steady` tells
    whether these shared every lead since all balances were 0. `added` is by how many leads the bound is
    raised, for leads that the rotation did not give.
    """

    queue: str
    same_reps: int | None = None
    steady: bool = True
    added: int = 0
    table: ClassVar[str] = "router_queues"
    key_fields: ClassVar[tuple[str, ...]] = ("queue",)


class RepRow(Row, frozen=True):
    """What the router remembers of a rep: the latest assignments, for caps, and the manager, for leavers.

    `assigned` has the times of the latest `depth` assignments but those that were credited back, in
    microseconds since 1970, the latest last. A rep without caps has depth 0.
    """

    rep: str
    manager: str | None = None
    depth: int = 0
    assigned: tuple[int, ...] = ()
    table: ClassVar[str] = "router_reps"
    key_fields: ClassVar[tuple[str, ...]] = ("rep",)


class ActivePolicyRow(Row, frozen=True):
    """The version of the policy that is active. Never stored.

    A process may still decide by an earlier one, which lacks whoever is new in the team.
    """

    version: str
    key_fields: ClassVar[tuple[str, ...]] = ("version",)


class AwayRepRow(Row, frozen=True):
    """A rep who takes no new leads for now. The gateway writes these rows, the router only reads them."""

    rep: str
    table: ClassVar[str] = "rep_availability"
    key_fields: ClassVar[tuple[str, ...]] = ("rep",)


class AccountContactRow(Row, frozen=True):
    """A person of an account with an owned lead, what they did last, and the owner.

    Never stored: it is read from the router's assignments and the enricher's leads.
    """

    lead_id: str
    account: str
    person: Person
    last_activity: Activity | None = None
    rep: str | None = None
    key_fields: ClassVar[tuple[str, ...]] = ("lead_id",)
    indexed: ClassVar[tuple[str, ...]] = ("account",)


class AccountLockRow(Row, frozen=True):
    """A row per account that exists to be locked: only its holder decides who owns the account."""

    account: str
    table: ClassVar[str] = "router_accounts"
    key_fields: ClassVar[tuple[str, ...]] = ("account",)
