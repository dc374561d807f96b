"""routing.yaml: which leads are suppressed, and to which queue each of the others goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from shared.policy.models.conditions import NamedCondition, WhenRoute
from shared.policy.models.policy_model import BusinessDuration, EnvName, Name, PolicyModel, Url, unique

KEEP: Final = "keep"
"""The value of `queue` and `owner` in a rule that leaves a lead with its owner."""


class SuppressionRule(PolicyModel):
    """Suppresses the leads that match `when`: nobody gets them, and `reason` is recorded."""

    reason: Name
    when: WhenRoute


class RoutingRule(PolicyModel):
    """Sends the leads that match `when`, and no earlier rule, to `queue`. Without `when` every lead matches.

    `queue: keep` and `owner: keep` are used together: the lead stays with its owner.
    """

    name: Name
    queue: Name
    when: WhenRoute | None = None
    motion: Literal["work", "nurture"] = "work"
    owner: Literal["keep"] | None = None

    @property
    def keeps(self) -> bool:
        """Return whether the lead stays with its owner, in the owner's queue."""
        return self.queue == KEEP


class Destination(PolicyModel):
    """The webhook endpoint of a queue; leads are not sent when `url` is empty.

    `secret_env` names the environment variable with the secret that signs the requests.
    """

    url: Url = ""
    secret_env: EnvName = ""


class Queue(PolicyModel):
    """A queue: the time to accept a lead, and the queue that it falls back to if nobody is eligible."""

    accept_within: BusinessDuration
    distribute: Literal["weighted"] = "weighted"
    fallback: Name | None = None
    destination: Destination = Destination()


class HandOff(PolicyModel):
    """The qualification frame, and which of its elements must be known before an owner hands a lead off."""

    frame: Literal["bant", "meddpicc"] = "bant"
    known_first: Annotated[tuple[Name, ...], unique()] = ()


class Routing(PolicyModel):
    """routing.yaml: the queue of each lead. The first rule that matches wins; the last rule has no condition.

    The owner of a lead is alerted when `alert_owner_when` becomes true.
    """

    rules: Annotated[tuple[RoutingRule, ...], Field(min_length=1, max_length=300), unique("name")]
    queues: Annotated[Mapping[Name, Queue], Field(min_length=1, max_length=100)]
    suppress: Annotated[tuple[SuppressionRule, ...], Field(max_length=100)] = ()
    alert_owner_when: WhenRoute | None = None
    hand_off: HandOff = HandOff()
    conditions: Mapping[Name, NamedCondition] = {}
