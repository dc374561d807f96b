"""The policy as values: one class for each file of the policy directory, frozen and checked in form.

What is written here is the form of the files: names, types, bounds and defaults; reading (`bind`) and the
JSON Schemas (`schema`) are made from it. What has to hold between values is in `check`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from shared.lead.fields import Scope
from shared.policy.hours import Hours
from shared.rules.syntax import Condition
from shared.rules.times import Duration

Name = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]*$", min_length=1, max_length=100)]
Key = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]
Url = Annotated[str, Meta(max_length=2_000)]
EnvName = Annotated[str, Meta(pattern="^([A-Z_][A-Z0-9_]*)?$", max_length=100)]
"""The name of an environment variable, or nothing."""
Points = Annotated[int, Meta(ge=0, le=100)]
Share = Annotated[int, Meta(ge=0, le=100)]
BusinessDuration = Annotated[Duration, Meta(extra={"business": True})]
Types = Annotated[
    tuple[Text, ...],
    Meta(
        min_length=1,
        max_length=50,
        extra={"one_or_more": True},
        extra_json_schema={"one_or_more": True},
    ),
]
"""One type, or a list of them."""

WhenMarket = Annotated[Condition, Meta(extra={"scope": Scope.MARKETS})]
WhenFit = Annotated[Condition, Meta(extra={"scope": Scope.FIT})]
WhenIntent = Annotated[Condition, Meta(extra={"scope": Scope.INTENT})]
WhenSignal = Annotated[Condition, Meta(extra={"scope": Scope.SIGNALS})]
WhenAccount = Annotated[Condition, Meta(extra={"scope": Scope.ACCOUNTS})]
WhenBand = Annotated[Condition, Meta(extra={"scope": Scope.BANDS})]
WhenRoute = Annotated[Condition, Meta(extra={"scope": Scope.ROUTING})]

KEEP: Final = "keep"
"""The queue, and the owner, of a rule that leaves a lead where it is."""

FRAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "bant": ("budget", "authority", "need", "timeline"),
    "meddpicc": (
        "metrics",
        "economic_buyer",
        "decision_criteria",
        "decision_process",
        "paper_process",
        "identify_pain",
        "champion",
        "competition",
    ),
}
"""The elements of each qualification frame."""


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A value inside a policy file."""


# icp.yaml


class Market(Part, frozen=True):
    """A set of companies; the first market that matches names `account.market`."""

    name: Name
    validated: bool
    when: WhenMarket


class Disqualifier(Part, frozen=True):
    """A company that this holds for has fit 0 in the segment."""

    name: Name
    when: WhenFit


class Level(Part, frozen=True):
    """What a criterion gives when the condition holds, and no level before it does."""

    points: Points
    when: WhenFit | None = None


class Criterion(Part, frozen=True):
    """One side of the fit; it gives its first level that matches."""

    name: Name
    levels: Annotated[tuple[Level, ...], Meta(min_length=1, max_length=50)]

    @property
    def most(self) -> int:
        """The points that it gives at most."""
        return max(level.points for level in self.levels)


class Segment(Part, frozen=True):
    """A kind of company that is sought; the maxima of its criteria add up to 100."""

    name: Name
    criteria: Annotated[tuple[Criterion, ...], Meta(min_length=1, max_length=50)]
    disqualify: Annotated[tuple[Disqualifier, ...], Meta(max_length=50)] = ()


class Icp(Part, frozen=True):
    """icp.yaml: which companies and people fit. The segment with the highest fit wins and is named."""

    segments: Annotated[tuple[Segment, ...], Meta(min_length=1, max_length=20)]
    markets: Annotated[tuple[Market, ...], Meta(max_length=50)] = ()
    conditions: Mapping[Name, Condition] = {}


# scoring.yaml


class IntentRule(Part, frozen=True):
    """Points for activities: those of each halve every `half_life`, all together give `max` at most."""

    name: Name
    on: Types
    points: Annotated[int, Meta(ge=1, le=100)]
    half_life: Duration
    max: Annotated[int, Meta(ge=1, le=100)] = 100
    group: Name | None = None
    when: WhenIntent | None = None


class SignalRule(Part, frozen=True):
    """Points for buying signals: they halve every `half_life`, or rise to `details.expires_on`.

    One that `rises` gives nothing before that span, its points on the day, and is gone `ends` after it.
    """

    name: Name
    on: Types
    points: Annotated[int, Meta(ge=1, le=100)]
    half_life: Duration | None = None
    rises: Duration | None = None
    ends: Duration | None = None
    strong: bool = False
    when: WhenSignal | None = None


class Intent(Part, frozen=True):
    """What shows interest. `groups` bounds what the rules of a group give together."""

    rules: Annotated[tuple[IntentRule, ...], Meta(max_length=200)]
    signals: Annotated[tuple[SignalRule, ...], Meta(max_length=200)] = ()
    cap: Share = 100
    groups: Mapping[Name, Points] = {}


class FitGrades(Part, frozen=True):
    """The least fit of each grade; the last is 0."""

    A: Share
    B: Share
    C: Share
    D: Share

    @property
    def floors(self) -> tuple[tuple[str, int], ...]:
        """Grades and their floors, the best first."""
        return (("A", self.A), ("B", self.B), ("C", self.C), ("D", self.D))


class IntentGrades(Part, frozen=True, rename={"first": "1", "second": "2", "third": "3", "fourth": "4"}):
    """The least intent of each grade; the last is 0."""

    first: Share
    second: Share
    third: Share
    fourth: Share

    @property
    def floors(self) -> tuple[tuple[str, int], ...]:
        """Grades and their floors, the best first."""
        return (("1", self.first), ("2", self.second), ("3", self.third), ("4", self.fourth))


class Grades(Part, frozen=True):
    """Floors of the grades. A grade is left downwards only `hysteresis` points below its floor."""

    fit: FitGrades
    intent: IntentGrades
    hysteresis: Annotated[int, Meta(ge=0, le=50)] = 0


class Total(Part, frozen=True):
    """The shares of fit and intent in the total, in per cent."""

    fit: Share
    intent: Share


class Spike(Part, frozen=True):
    """That many people of an account active within that time."""

    people: Annotated[int, Meta(ge=2, le=1_000)]
    within: Duration


class AccountScoring(Part, frozen=True):
    """When an account as a whole is active, and when it is qualified."""

    spike: Spike
    qualified_when: WhenAccount | None = None


class Band(Part, frozen=True):
    """The first band that matches is the lead's."""

    band: Literal["cold", "mql", "sql"]
    when: WhenBand | None = None


class Scoring(Part, frozen=True):
    """scoring.yaml: how intent, grades and bands are made."""

    intent: Intent
    grades: Grades
    total: Total
    accounts: AccountScoring
    bands: Annotated[tuple[Band, ...], Meta(min_length=1, max_length=50)]
    conditions: Mapping[Name, Condition] = {}


# routing.yaml


class Suppression(Part, frozen=True):
    """A lead that this holds for goes to nobody."""

    reason: Name
    when: WhenRoute


class RoutingRule(Part, frozen=True):
    """Where a lead goes that no rule before this one matches. `queue: keep` and `owner: keep` go together."""

    name: Name
    queue: Name
    when: WhenRoute | None = None
    motion: Literal["work", "nurture"] = "work"
    owner: Literal["keep"] | None = None

    @property
    def keeps(self) -> bool:
        """The lead stays with its owner, in the owner's queue."""
        return self.queue == KEEP


class Destination(Part, frozen=True):
    """Where the leads of a queue are told by webhook; empty: nowhere. The secret is in the environment."""

    url: Url = ""
    secret_env: EnvName = ""


class Queue(Part, frozen=True):
    """Who has how long to accept, and which queue helps out when nobody here is eligible."""

    accept_within: BusinessDuration
    distribute: Literal["weighted"] = "weighted"
    fallback: Name | None = None
    destination: Destination = Destination()


class HandOff(Part, frozen=True):
    """What has to be known of a lead before its owner passes it on: elements of the qualification frame."""

    frame: Literal["bant", "meddpicc"] = "bant"
    known_first: tuple[Name, ...] = ()


class Routing(Part, frozen=True):
    """routing.yaml: who gets what. The first rule that matches wins; the last has no condition."""

    rules: Annotated[tuple[RoutingRule, ...], Meta(min_length=1, max_length=300)]
    queues: Annotated[Mapping[Name, Queue], Meta(min_length=1, max_length=100)]
    suppress: Annotated[tuple[Suppression, ...], Meta(max_length=100)] = ()
    alert_owner_when: WhenRoute | None = None
    hand_off: HandOff = HandOff()
    conditions: Mapping[Name, Condition] = {}


# team.yaml


class Rep(Part, frozen=True):
    """A seller. `weight` is the share of each queue's leads; without hours, always at work."""

    id: Name
    name: Text
    queues: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=20)]
    weight: Annotated[int, Meta(ge=0, le=1_000)] = 100
    max_open: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    time_zone: Text | None = None
    hours: Hours | None = None


class Team(Part, frozen=True):
    """team.yaml: who sells."""

    reps: Annotated[tuple[Rep, ...], Meta(max_length=2_000)]


# accounts.yaml


class Accounts(Part, frozen=True):
    """accounts.yaml: domains of known accounts; the API and imports carry large lists."""

    target: Annotated[tuple[Text, ...], Meta(max_length=5_000)] = ()
    customer: Annotated[tuple[Text, ...], Meta(max_length=5_000)] = ()
    competitor: Annotated[tuple[Text, ...], Meta(max_length=5_000)] = ()
    partner: Annotated[tuple[Text, ...], Meta(max_length=5_000)] = ()


# providers.yaml


class Budget(Part, frozen=True):
    """The most that is spent, in cents."""

    per_lead_cents: Annotated[int, Meta(ge=0, le=1_000_000)]
    per_day_cents: Annotated[int, Meta(ge=0, le=1_000_000_000)]


class Waterfall(Part, frozen=True):
    """Who is asked for a field, in order, until an answer is good enough.

    `min_confidence` is in per cent; an answer is not bought again while it is `fresh`.
    """

    order: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=20)]
    min_confidence: Share = 0
    fresh: Duration | None = None


class Provider(Part, frozen=True):
    """One source of data. `charged`: for a match only, or for every call."""

    integration: Name
    base_url: Url
    key_env: EnvName = ""
    price_cents: Annotated[int, Meta(ge=0, le=100_000)] = 0
    charged: Literal["match", "call"] = "match"
    per_second: Annotated[int, Meta(ge=1, le=10_000)] = 5
    in_flight: Annotated[int, Meta(ge=1, le=1_000)] = 5
    timeout: Duration = Duration(2)


class Providers(Part, frozen=True):
    """providers.yaml: who knows what, for how much. A lead is routed by `deadline` with what is known."""

    deadline: Duration
    budget: Budget
    decision_aware: bool = True
    fields: Mapping[Key, Waterfall] = {}
    providers: Mapping[Name, Provider] = {}


# sources.yaml

SourceKind = Literal["form", "typeform", "webflow", "hubspot", "meta", "signal"]
"""What comes in: forms, each a lead, plain or in the shape of a vendor; or signals and activities."""
Signature = Literal["standard", "typeform", "webflow", "hub"]
"""How a source signs: Standard Webhooks, or as that vendor does; `hub` is X-Hub-Signature-256 (Meta)."""


class SourceDefaults(Part, frozen=True):
    """What a source says of itself when the form does not."""

    channel: Text | None = None
    name: Text | None = None
    campaign: Text | None = None


class Source(Part, frozen=True):
    """Where leads or signals come in. `map` names the field that a label of the form means.

    One that is not public proves itself by a secret, which is in the environment: as the last part of the
    path, or by the `signature` that it makes with it.
    """

    kind: SourceKind
    public: bool = False
    signature: Signature | None = None
    origins: Annotated[tuple[Url, ...], Meta(max_length=100)] = ()
    redirects: Annotated[tuple[Url, ...], Meta(max_length=100)] = ()
    defaults: SourceDefaults = SourceDefaults()
    map: Annotated[Mapping[Key, Key], Meta(max_length=200)] = {}
    secret_env: EnvName = ""


class Sources(Part, frozen=True):
    """sources.yaml: the forms and tools that send leads."""

    sources: Annotated[Mapping[Name, Source], Meta(max_length=500)] = {}


class Policy(Part, frozen=True):
    """The seven files together."""

    icp: Icp
    scoring: Scoring
    routing: Routing
    team: Team
    accounts: Accounts
    providers: Providers
    sources: Sources


FILES: Final[Mapping[str, type[Part]]] = {
    "icp.yaml": Icp,
    "scoring.yaml": Scoring,
    "routing.yaml": Routing,
    "team.yaml": Team,
    "accounts.yaml": Accounts,
    "providers.yaml": Providers,
    "sources.yaml": Sources,
}
"""The files of a policy directory and what each of them holds."""
