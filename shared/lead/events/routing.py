"""The values of a routing decision: the decision, the rejected alternatives, its clock, the owner's brief."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from shared.lead.events.parts import Company, Time, Trigger, Word
from shared.lead.events.scoring import ScoreLine

Change = Literal["assigned", "kept", "moved", "waiting", "listed"]
Motion = Literal["work", "nurture"]
Skipped = Literal[
    "no_match",
    "unknown_field",
    "earlier_match",
    "unavailable",
    "off_hours",
    "at_cap",
    "not_in_queue",
    "lower_share",
    "excluded",
]


class Considered(Struct, frozen=True, omit_defaults=True):
    """A rule or a rep that was considered and rejected, and why. Exactly one of `rule` and `rep` is set."""

    skipped: Skipped
    rule: Word | UnsetType = UNSET
    rep: Word | UnsetType = UNSET


class Decision(Struct, frozen=True):
    """Which queue and owner, by which rule.

    `waiting`: nobody is eligible yet, so no owner. `listed`: no owner and no clock, but a rep may take it.
    """

    change: Change
    queue: Word
    motion: Motion
    owner: Word | None
    rule: Word
    reasons: list[str]
    considered: list[Considered]


class Suppression(Struct, frozen=True):
    """Why nobody gets the lead."""

    reason: Word


class Sla(Struct, frozen=True):
    """The owner's clock."""

    accept_by: Time | None


class Quote(Struct, frozen=True, rename={"origin": "from"}):
    """A quotation of the buyer, and where it is from."""

    quote: str
    origin: str


class Stakeholder(Struct, frozen=True):
    """Somebody known at the account."""

    name: str | None
    title: str | None
    role: str | None
    known_from: str


class Element(Struct, frozen=True):
    """One element of the qualification frame, e.g. budget."""

    name: str
    state: Literal["known", "inferred", "unknown"]
    evidence: str | None


class Qualification(Struct, frozen=True):
    """What is known for qualification."""

    frame: Literal["bant", "meddpicc"]
    elements: list[Element]


class Brief(Struct, frozen=True):
    """What the owner reads; made from data only."""

    company: Company
    pain: list[Quote]
    stakeholders: list[Stakeholder]
    trigger: Trigger
    qualification: Qualification
    score_lines: list[ScoreLine]
    ask_next: list[str]
    warm_intro: str
    markdown: str


class PolicyVersions(Struct, frozen=True):
    """The content hash of the policy that each stage used."""

    scored: Word
    routed: Word
