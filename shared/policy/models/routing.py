"""routing.yaml: which leads nobody gets, and which queue each of the others goes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from shared.policy.models.conditions import NamedCondition, WhenRoute
from shared.policy.models.policy_model import BusinessDuration, EnvName, Name, PolicyModel, Url, unique

KEEP: Final = "keep"
"""The queue, and the owner, of a rule that leaves a lead where it is."""


class SuppressionRule(PolicyModel):
    """A lead that this holds for goes to nobody."""

    reason: Name
    when: WhenRoute


class RoutingRule(PolicyModel):
    """Where a lead goes that no rule before this one matches. `queue: keep` and `owner: keep` go together."""

    name: Name
    queue: Name
    when: WhenRoute | None = None
    motion: Literal["work", "nurture"] = "work"
    owner: Literal["keep"] | None = None

    @property
    def keeps(self) -> bool:
        """Whether the lead stays with its owner, in the owner's queue."""
        return self.queue == KEEP


class Destination(PolicyModel):
    """The webhook endpoint of a queue; none when `url` is empty. `secret_env` names the signing secret."""

    url: Url = ""
    secret_env: EnvName = ""


class Queue(PolicyModel):
    """The time to accept a lead, and the queue that takes it when nobody here is eligible."""

    accept_within: BusinessDuration
    distribute: Literal["weighted"] = "weighted"
    fallback: Name | None = None
    destination: Destination = Destination()


class HandOff(PolicyModel):
    """What has to be known of a lead before its owner passes it on: elements of the qualification frame."""

    frame: Literal["bant", "meddpicc"] = "bant"
    known_first: Annotated[tuple[Name, ...], unique()] = ()


class Routing(PolicyModel):
    """routing.yaml: who gets what. The first rule that matches wins; the last has no condition."""

    rules: Annotated[tuple[RoutingRule, ...], Field(min_length=1, max_length=300), unique("name")]
    queues: Annotated[Mapping[Name, Queue], Field(min_length=1, max_length=100)]
    suppress: Annotated[tuple[SuppressionRule, ...], Field(max_length=100)] = ()
    alert_owner_when: WhenRoute | None = None
    hand_off: HandOff = HandOff()
    conditions: Mapping[Name, NamedCondition] = {}
