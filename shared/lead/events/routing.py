"""The values of a routing decision: the decision, the rejected alternatives, its clock, the owner's brief."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from shared.lead.events.parts import Company, Time, TriggerKind, Word
from shared.lead.events.scoring import ScoreLine

Change = Literal["assigned", "kept", "moved", "waiting", "listed", "closed"]
Motion = Literal["work", "nurture"]
Distribution = Literal["weighted", "in_order", "least_open", "most_capacity"]
Skipped = Literal[
    "no_match",
    "unknown_field",
    "earlier_match",
    "unavailable",
    "off_hours",
    "at_cap",
    "not_in_queue",
    "not_in_territory",
    "lacks_skill",
    "lower_share",
    "excluded",
]


class RepShare(Struct, frozen=True, omit_defaults=True):
    """A rep's part in the rotation of a queue when the decision was made.

    `credits` are the leads that the rep got of the queue, `weight` is the rep's weight, and `balance` is
    above 0 if the rep is owed leads and below 0 if ahead, in the units of `RotationTurn.lead`.

    Where the queue does not distribute by weight, the least `measure` comes first: the rep's place in the
    team from 0 on, the open leads, or the room under the limits times -1. A rep who `is_paced` got two of the
    latest leads, so others come first.
    """

    credits: int
    weight: int
    balance: int
    measure: int | None = None
    is_paced: bool = False


class RotationTurn(Struct, frozen=True, omit_defaults=True):
    """How the rotation of a queue chose the owner, whose part in it is `share`.

    The turns of `reps` reps were compared. Their weights add up to `weight`, and they got `credits` leads of
    the queue together. `preferred` is the rep with other leads of the account in the queue: one who may have
    the lead comes before everybody's turn. `lead` is what it costs in units of balance; without it the
    balances are in units of weight. `distribute` is how the queue distributes: all who might have had the
    lead share it if `weighted`, otherwise those who came first by it.
    """

    reps: int
    weight: int
    credits: int
    share: RepShare
    preferred: Word | None = None
    lead: int | None = None
    distribute: Distribution = "weighted"


class Considered(Struct, frozen=True, omit_defaults=True):
    """A rule or a rep that was considered and rejected, and why. Exactly one of `rule` and `rep` is set.

    `detail` says in words what `skipped` means for the rep, such as `20 per day` or `away until 2 January`.
    """

    skipped: Skipped
    rule: Word | UnsetType = UNSET
    rep: Word | UnsetType = UNSET
    share: RepShare | UnsetType = UNSET
    detail: str | None = None


class OwnerFacts(Struct, frozen=True):
    """Who owned the lead before the decision, as its conditions saw it.

    `of` says whose owner it was: the lead's own, another lead's of the account, or the account's in the CRM.
    `motion` is that of the lead, if it had an owner of its own. `left` is its own owner who left the team.
    """

    active: bool = False
    queue: Word | None = None
    accepted: bool = False
    rep: Word | None = None
    of: Literal["lead", "account", "crm", "none"] = "none"
    motion: Motion | None = None
    left: Word | None = None
    left_queue: Word | None = None


class Decision(Struct, frozen=True, omit_defaults=True):
    """Which queue and owner, by which rule.

    `waiting`: nobody is eligible yet, so no owner. `listed`: no owner and no clock, but a rep may take it.
    `closed`: won, lost or disqualified, so no owner any more.
    With `owner_before`, `protected` (what a stranger can type did not count), the `lead.scored` event of
    `scored_sequence` and `turn` (None where no rotation chose) the decision can be evaluated again. Only the
    reps of `territory` could have the lead, all where it is None.
    """

    change: Change
    queue: Word
    motion: Motion
    owner: Word | None
    rule: Word
    reasons: list[str]
    considered: list[Considered]
    owner_before: OwnerFacts = OwnerFacts()
    protected: bool = False
    scored_sequence: int | None = None
    turn: RotationTurn | None = None
    territory: Word | None = None


class Suppression(Struct, frozen=True, omit_defaults=True):
    """Why nobody gets the lead. The other fields are as in `Decision`."""

    reason: Word
    owner_before: OwnerFacts = OwnerFacts()
    protected: bool = False
    scored_sequence: int | None = None


class Sla(Struct, frozen=True):
    """The owner's clock."""

    accept_by: Time | None


class Quote(Struct, frozen=True, rename={"origin": "from"}):
    """A quotation of the buyer, and where it is from."""

    quote: str
    origin: str


class Stakeholder(Struct, frozen=True):
    """Somebody known at the account.

    `role` is the department, of somebody whom a provider named the buying role; `known_from` is then the
    provider's name, and the address and the profile are there if the provider gave them.
    """

    name: str | None
    title: str | None
    role: str | None
    known_from: str
    email: str | UnsetType = UNSET
    linkedin_url: str | UnsetType = UNSET


class Element(Struct, frozen=True):
    """One element of the qualification frame, e.g. budget."""

    name: str
    state: Literal["known", "inferred", "unknown"]
    evidence: str | None


class Qualification(Struct, frozen=True):
    """What is known for qualification."""

    frame: Literal["bant", "meddpicc"]
    elements: list[Element]


class Contact(Struct, frozen=True):
    """How to reach the person. `time_zone` is a name of the tz database."""

    name: str | None = None
    title: str | None = None
    email: str | None = None
    email_status: str | None = None
    phone: str | None = None
    linkedin_url: str | None = None
    time_zone: str | None = None


class BriefSource(Struct, frozen=True):
    """Where the lead came from."""

    channel: str | None = None
    form: str | None = None
    campaign: str | None = None
    page: str | None = None


class OtherLead(Struct, frozen=True):
    """Another lead of the account: who it is, who owns it, and in words what the person did."""

    lead_id: Word
    name: str | None = None
    title: str | None = None
    owner: str | None = None
    did: str | None = None


class BriefAccount(Struct, frozen=True):
    """What is known of the account. `owner` is the owner's name.

    `matched` says in words how the lead came to this account, where that was not by its domain.
    """

    relation: str = "none"
    owner: str | None = None
    open_opportunity: bool | None = None
    other_leads: Annotated[list[OtherLead], Meta(max_length=10)] = []
    matched: str = ""


class BriefTrigger(Struct, frozen=True):
    """Why the lead is worth a look now. `details` is a sentence for people."""

    kind: TriggerKind
    type: Word | None = None
    at: Time | None = None
    details: str = ""


class BriefRejection(Struct, frozen=True):
    """An earlier owner gave the lead up. `by` is the rep's name, `details` is a sentence for people."""

    rep: Word
    by: str
    at: Time
    reason: Word
    details: str


class BriefHandOff(Struct, frozen=True, omit_defaults=True):
    """What the owners before learnt, by the name of whoever handed the lead on; None where nobody did.

    `noted_by` has the author of each note that is somebody else's, from an earlier hand-off. `rejections`
    are those of earlier owners, the newest first.
    """

    by: str | None
    notes: dict[str, Any]
    noted_by: dict[str, str] = {}
    rejections: Annotated[list[BriefRejection], Meta(max_length=10)] = []


class Brief(Struct, frozen=True, kw_only=True):
    """What the owner reads; made from data only."""

    contact: Contact = Contact()
    source: BriefSource = BriefSource()
    company: Company
    pain: list[Quote]
    stakeholders: list[Stakeholder]
    account: BriefAccount = BriefAccount()
    trigger: BriefTrigger
    hand_off: BriefHandOff | None = None
    qualification: Qualification
    score_lines: list[ScoreLine]
    ask_next: list[str]
    warm_intro: str
    markdown: str


class PolicyVersions(Struct, frozen=True):
    """The content hash of the policy that each stage used."""

    scored: Word
    routed: Word
