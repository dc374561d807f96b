"""routing.yaml: which leads are suppressed, and to which queue each of the others goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from shared.lead.events.routing import Distribution
from shared.policy.frames import Frame
from shared.policy.models.conditions import NamedCondition, WhenRoute
from shared.policy.models.policy_model import (
    BusinessDuration,
    EnvName,
    Name,
    OneOrMore,
    PlainDuration,
    PolicyModel,
    Url,
    unique,
)
from shared.rules.times import Duration

KEEP: Final = "keep"
"""The value of `queue` and `owner` in a rule that leaves a lead with its owner."""


class SuppressionRule(PolicyModel):
    """Suppresses the leads that match `when`: nobody gets them, and `reason` is recorded."""

    reason: Name
    when: WhenRoute


class RoutingRule(PolicyModel):
    """Sends the leads that match `when`, and no earlier rule, to `queue`. Without `when` every lead matches.

    `queue: keep` and `owner: keep` are used together: the lead stays with its owner. Only a rep who has all
    `skills` gets a lead by this rule.
    """

    name: Name
    queue: Name
    when: WhenRoute | None = None
    motion: Literal["work", "nurture"] = "work"
    owner: Literal["keep"] | None = None
    skills: Annotated[tuple[Name, ...], Field(max_length=20), unique()] = ()

    @property
    def keeps(self) -> bool:
        """Return whether the lead stays with its owner, in the owner's queue."""
        return self.queue == KEEP


class Destination(PolicyModel):
    """The webhook endpoint of a queue, a rep or a manager; nothing is sent when `url` is empty.

    `secret_env` names the environment variable with the secret that signs the requests.
    """

    url: Url = ""
    secret_env: EnvName = ""


LadderEffect = Literal["remind", "reassign", "escalate", "fallback"]
MANAGER: Final = "manager"
"""The value of `to` in a step of a ladder that means the owner's manager."""


class LadderStep(PolicyModel):
    """What happens when a lead has not been accepted `after` that time since it was assigned.

    `remind` tells the owner, `reassign` gives the lead to the next rep of the queue who has not had it,
    `escalate` tells the owner's manager (`to: manager`, or the id of a manager), `fallback` moves the lead
    to the queue's fallback.
    """

    after: BusinessDuration
    do: LadderEffect
    to: Name | None = None


class Queue(PolicyModel):
    """A queue: the time to accept a lead, and the queue that it falls back to if nobody is eligible.

    `distribute` says whose turn it is: by `weighted` shares, the first in the order of the team who may
    (`in_order`), who has the fewest open leads (`least_open`), or the most room under the rep's limits
    (`most_capacity`). A `ladder` replaces what happens at the end of `accept_within`.
    """

    accept_within: BusinessDuration
    distribute: Distribution = "weighted"
    ladder: Annotated[tuple[LadderStep, ...], Field(max_length=20)] = ()
    fallback: Name | None = None
    destination: Destination = Destination()


class Territory(PolicyModel):
    """The reps who may get the leads that match `when`, and no earlier territory; nobody else may."""

    name: Name
    when: WhenRoute
    reps: Annotated[tuple[Name, ...], Field(min_length=1, max_length=2_000), unique()]


class HandOff(PolicyModel):
    """What a queue asks of a lead that comes to it, by the name of the queue that takes over.

    `frame` is the qualification frame of the brief, BANT where a queue is not named. `known_first` names
    what must be known before an owner hands a lead off to that queue: elements of a frame, or any other
    word that a note answers (products, goals). The reps of the queues in `joins` join the owner, who stays.
    """

    frame: Annotated[Mapping[Name, Frame], Field(max_length=100)] = {
        "sdr": "bant",
        "bdr": "meddpicc",
        "senior-ae": "meddpicc",
    }
    known_first: Annotated[
        Mapping[Name, Annotated[tuple[Name, ...], Field(max_length=50), unique()]], Field(max_length=100)
    ] = {}
    joins: Annotated[tuple[Name, ...], Field(max_length=100), unique()] = ()

    def frame_of(self, queue: str) -> Frame:
        """Return the qualification frame of a queue."""
        return self.frame.get(queue, "bant")


RejectEffect = Literal["disqualify", "recycle", "reroute", "reassign"]
Reasons = Annotated[
    tuple[Name, ...],
    Field(min_length=1, max_length=100),
    unique(),
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    OneOrMore(),
]


class RejectRule(PolicyModel):
    """What a rejection for one of these reasons does to the lead; without `reason`, every other rejection.

    `disqualify` closes the lead, `recycle` nurtures it and routes it again `after` that time, `reroute`
    decides on it again without this rep, `reassign` gives it to the next rep of its queue.
    """

    do: RejectEffect
    reason: Reasons | None = None
    after: PlainDuration | None = None


def reason_word(reason: str) -> str:
    """Return a reason as policies write it: "No budget" and "no-budget" are `no_budget`."""
    return "_".join(reason.casefold().replace("-", " ").replace("_", " ").split())


_REJECT: Final = (
    RejectRule(reason=("not_icp", "bad_data", "spam", "student"), do="disqualify"),
    RejectRule(reason=("no_budget", "bad_timing"), do="recycle", after=Duration(90 * 86_400)),
    RejectRule(reason=("wrong_territory", "wrong_person"), do="reroute"),
    RejectRule(do="reassign"),
)


class Routing(PolicyModel):
    """routing.yaml: the queue of each lead. The first rule that matches wins; the last rule has no condition.

    The owner of a lead is alerted when `alert_owner_when` becomes true. `reject` says what a rejection does,
    by its reason; the last rule has none. A rejection for a reason in `credit_back` costs its rep no turn.
    The first of `territories` that matches a lead limits who may get it.
    """

    rules: Annotated[tuple[RoutingRule, ...], Field(min_length=1, max_length=300), unique("name")]
    queues: Annotated[Mapping[Name, Queue], Field(min_length=1, max_length=100)]
    suppress: Annotated[tuple[SuppressionRule, ...], Field(max_length=100)] = ()
    alert_owner_when: WhenRoute | None = None
    reject: Annotated[tuple[RejectRule, ...], Field(min_length=1, max_length=100)] = _REJECT
    credit_back: Annotated[tuple[Name, ...], Field(max_length=100), unique()] = ("bad_data", "spam")
    territories: Annotated[tuple[Territory, ...], Field(max_length=300), unique("name")] = ()
    hand_off: HandOff = HandOff()
    conditions: Mapping[Name, NamedCondition] = {}

    @property
    def reject_reasons(self) -> tuple[str, ...]:
        """The reasons that a rep may reject a lead for, in the order of the policy."""
        return tuple(reason for rule in self.reject for reason in rule.reason or ())

    def known_reason(self, reason: str | None) -> str | None:
        """Return the reason of the policy that `reason` is, however it is spelled; None if it is none."""
        word = reason_word(reason or "")
        return next((known for known in self.reject_reasons if reason_word(known) == word), None)

    def reject_rule(self, reason: str | None) -> RejectRule:
        """Return what a rejection does; the last rule where no rule has the reason, or there is none."""
        known = self.known_reason(reason)
        return next((rule for rule in self.reject if known in (rule.reason or ())), self.reject[-1])

    def gives_credit_back(self, reason: str | None) -> bool:
        """Return whether a rejection for this reason costs its rep no turn."""
        return reason_word(reason or "") in map(reason_word, self.credit_back)
