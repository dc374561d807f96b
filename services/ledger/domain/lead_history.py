"""What the reports count of one lead: its origin, the router's decisions on it, and what reps did with it.

The history of a lead is a set that its events are added to. It is the same in every order of the events and
with repeats, so what is counted from it (`counters.py`) is, too. It holds nothing that names the person.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from operator import attrgetter
from typing import Any, ClassVar, Final

from msgspec import Struct
from msgspec.structs import replace

from shared.lead.arrival import not_after
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.lead_closed import LeadClosedV1
from shared.lead.events.lead_handed_off import LeadHandedOffV1
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.lead_updated import LeadUpdatedV1
from shared.lead.events.outcome_received import Amount, OutcomeReceivedV1
from shared.lead.events.parts import Person
from shared.policy.content_hash import shown
from shared.storage.rows import Row
from shared.worker.erasure import subject_of

SUPPRESSED: Final = "suppressed"
GIVEN_BACK: Final = "given_back"
"""In place of a change of the router: an owner gave the lead back."""
UNSAID: Final = "(none)"
"""The reason of a lead that was given back without one."""
OTHER: Final = "(other)"
"""What stands for a name that is not counted apart."""
DECISIONS_MAX: Final = 100
ACTS_MAX: Final = 200
_NAME_LENGTH_MAX: Final = 80
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_UNKNOWN_MAX: Final = 50
ENRICHED_FIELDS: Final = (
    "company.country",
    "company.employees",
    "company.funding_total_usd",
    "company.growth_pct",
    "company.hiring",
    "company.industry",
    "company.revenue_usd",
    "company.technologies",
    "person.department",
    "person.linkedin_url",
    "person.phone",
    "person.seniority",
    "person.title",
)
"""The fields whose values are found by enrichment, and whose absence is counted."""
_enriched_values: Final = attrgetter(*ENRICHED_FIELDS)
_FIRST: Final = (datetime.min.replace(tzinfo=UTC) - EPOCH) // _MILLISECOND
_LAST: Final = (datetime.max.replace(tzinfo=UTC) - EPOCH) // _MILLISECOND
_OVERDUE: Final = frozenset({"sla", "fallback"})
_TAKEN: Final = "accepted"
_MERGED: Final = "merged"
_DAY: Final = r"(?:19|20)\d\d([ ./-])(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\d)"
_ADDRESS_OR_NUMBER: Final = re.compile(
    rf"@|%40|\+\d{{6,}}|(?<!\d)(?!{_DAY})\(?\d{{2,}}\)?(?:[ ./-]\d{{2,5}}){{2,}}"
)
"""A number in groups is one of a telephone, unless it is a day such as 2026-03-15."""


class LeadOrigin(Struct, frozen=True, array_like=True):
    """Where the lead came from first, and when, in milliseconds since 1970.

    `missing` are those of the `ENRICHED_FIELDS` that had no value then, None if that was not recorded.
    """

    sequence: int
    at: int
    channel: str
    source: str
    campaign: str
    missing: list[str] | None = None

    @classmethod
    def of(cls, data: LeadScoredV1) -> LeadOrigin:
        """Return the origin that a scored lead states."""
        source, person = data.source, data.person
        return cls(
            data.sequence,
            milliseconds(data.occurred_at),
            counted_name(source.channel, person),
            counted_name(source.name, person),
            counted_name(source.campaign or source.utm.get("utm_campaign"), person),
            _missing_in(data),
        )


class LeadDecision(Struct, frozen=True, array_like=True):
    """One decision of the router. `step` is the rule, or the reason of a suppression.

    `named`: the account is a target. `overdue`: the owner before did not accept in time. `taken`: a rep took
    the lead from a list, which accepts it. `policy` is the version whose rules decided, shortened; it is
    empty where an action or a timer decided, or an earlier release recorded it. `unknown` are rules that were
    passed over because a field was not known, and `missing` those of the `ENRICHED_FIELDS` that had no value
    then. Times are in milliseconds since 1970.
    """

    sequence: int
    at: int
    change: str
    queue: str
    owner: str | None
    step: str
    grade: str = ""
    band: str = ""
    named: bool = False
    accept_by: int | None = None
    overdue: bool = False
    taken: bool = False
    policy: str = ""
    unknown: list[str] = []
    missing: list[str] = []

    @classmethod
    def of(cls, data: Any) -> LeadDecision:
        """Return the decision that an event of the router reports."""
        at = milliseconds(data.occurred_at)
        score = data.score
        grade, band = (score.grade, score.band) if score is not None else ("", "")
        decision = data.decision
        policy = shown(data.policy_versions.routed) if data.policy_versions is not None else ""
        if isinstance(data, LeadSuppressedV1):
            return cls(data.sequence, at, SUPPRESSED, "", None, decision.reason, grade, band, policy=policy)
        unknown = [one.rule for one in decision.considered if one.rule and one.skipped == "unknown_field"]
        brief, sla = data.brief, data.sla
        reason = getattr(data, "reason", None)
        return cls(
            data.sequence,
            at,
            decision.change,
            decision.queue,
            None if reason == _MERGED else decision.owner,
            decision.rule,
            grade,
            band,
            brief is not None and brief.account.relation == "target",
            milliseconds(sla.accept_by) if sla is not None and sla.accept_by is not None else None,
            isinstance(data, LeadReassignedV1) and reason in _OVERDUE,
            reason == _TAKEN,
            policy,
            unknown[:_UNKNOWN_MAX],
            _missing_in(data) if unknown and data.person is not None and data.company is not None else [],
        )


class RepAct(Struct, frozen=True, array_like=True):
    """An action or an outcome: `kind` is its type, `at` when it happened, in milliseconds since 1970.

    `recorded_at` is when Baton received it: of two with the same `key`, the one received last counts. `usd`
    is an amount in whole US dollars; `foreign` says that it was in another currency. `reason` is why a lead
    was given back.
    """

    key: str
    at: int
    kind: str
    rep: str | None
    recorded_at: int
    usd: int | None = None
    foreign: bool = False
    opportunity: str = ""
    reason: str = ""

    @classmethod
    def of(cls, event: Event[Any]) -> RepAct:
        """Return the action or outcome that was received."""
        data = event.data
        recorded_at = milliseconds(event.time)
        if isinstance(data, ActionReceivedV1):
            rep = data.rep or (data.actor.rep if data.actor else None)
            key = _key(event.source, event.id)
            return cls(key, recorded_at, data.type, rep, recorded_at, reason=_reason_of(data))
        amount: Amount | None = data.amount
        is_usd = amount is not None and amount.currency.upper() == "USD"
        external: str | None = getattr(data, "external_id", None)
        return cls(
            _key("", external) if external else _key(event.source, event.id),
            milliseconds(not_after(data.at, event.time)),
            data.type,
            data.rep or (data.actor.rep if data.actor else None),
            recorded_at,
            round(amount.value) if amount is not None and is_usd else None,
            amount is not None and not is_usd,
            getattr(data, "opportunity_id", None) or "",
            _reason_of(data),
        )

    @property
    def rank(self) -> tuple[int, str]:
        """Of two acts with the same key the one with the higher rank counts."""
        return self.recorded_at, repr(self)


class LeadHistory(Struct, frozen=True, array_like=True):
    """What is counted of one lead. `decisions` are in the order of their sequence, `acts` in that of time.

    `captured` is when the lead was first received, in milliseconds since 1970. `merged`: the lead became part
    of another one, which counts in its place. Of more than `DECISIONS_MAX` and `ACTS_MAX` the first count.
    """

    captured: int | None = None
    origin: LeadOrigin | None = None
    merged: bool = False
    decisions: list[LeadDecision] = []
    acts: list[RepAct] = []

    @property
    def counts(self) -> bool:
        """Whether the lead counts: from the router's first decision on it, or the first action or outcome."""
        return bool(self.decisions or self.acts)

    def with_act(self, act: RepAct) -> LeadHistory:
        """Return the history with one more action or outcome."""
        acts = {known.key: known for known in self.acts}
        if act.key in acts and acts[act.key].rank >= act.rank:
            return self
        acts[act.key] = act
        first = sorted(acts.values(), key=lambda one: (one.at, one.key))
        return replace(self, acts=first[:ACTS_MAX])


class LeadHistoryRow(Row, frozen=True):
    """The history of a lead, as far as reports count it."""

    lead_id: str
    history: LeadHistory
    table: ClassVar[str] = "lead_histories"
    key_fields: ClassVar[tuple[str, ...]] = ("lead_id",)


COUNTED: Final = (
    LeadReceivedV1
    | LeadScoredV1
    | LeadRoutedV1
    | LeadSuppressedV1
    | LeadReassignedV1
    | LeadHandedOffV1
    | LeadClosedV1
    | ActionReceivedV1
    | OutcomeReceivedV1
)
"""The events that a history is made of."""


def counted_leads(event: Event[Any]) -> Sequence[str]:
    """Return the leads whose histories an event belongs to: its own, and those that became part of it."""
    data = event.data
    if not isinstance(data, COUNTED) or isinstance(data, LeadUpdatedV1):
        return ()
    own = subject_of(event)
    merged = data.merged if isinstance(data, LeadScoredV1) else ()
    return (own, *(lead_id for lead_id in merged if lead_id != own)) if own else ()


def with_event(history: LeadHistory, event: Event[Any]) -> LeadHistory:
    """Return the history of a lead with one more event about it, of one of the types `COUNTED`."""
    data = event.data
    if isinstance(data, LeadReceivedV1):
        at = milliseconds(event.time)
        return replace(history, captured=at if history.captured is None else min(history.captured, at))
    if isinstance(data, LeadScoredV1):
        if history.origin is not None and history.origin.sequence <= data.sequence:
            return history
        return replace(history, origin=LeadOrigin.of(data))
    if isinstance(data, ActionReceivedV1 | OutcomeReceivedV1):
        return history.with_act(RepAct.of(event))
    if any(decision.sequence == data.sequence for decision in history.decisions):
        return history
    decisions = sorted([*history.decisions, LeadDecision.of(data)], key=lambda decision: decision.sequence)
    return replace(history, decisions=decisions[:DECISIONS_MAX])


def milliseconds(at: datetime) -> int:
    """Return an instant in milliseconds since 1970.

    One that is no time of the years 1 to 9999 in UTC is their first or last: a counter has a day of them.
    """
    return min(max((at - EPOCH) // _MILLISECOND, _FIRST), _LAST)


def counted_name(text: str | None, person: Person | None = None) -> str:
    """Return a stranger's text as the name of a counter, `OTHER` where it may name a person.

    Counters outlive the erasure of a person, so that an address, a telephone number or a part of the person's
    own name in it is not kept. Without a text the name is empty.
    """
    lowered = (text or "").lower()
    if not lowered.isprintable():
        lowered = "".join(c if c.isprintable() else " " for c in lowered)
    name = " ".join(lowered.split())
    if len(name) > _NAME_LENGTH_MAX or _ADDRESS_OR_NUMBER.search(name):
        return OTHER
    if person is not None:
        email = (person.email or "").lower()
        parts = (person.first_name, person.last_name, email, email.partition("@")[0], person.phone)
        if any(part.lower() in name for part in parts if part and len(part) >= 3):
            return OTHER
    return name


def _missing_in(data: Any) -> list[str]:
    """Return which fields of the person and the company of an event have no value."""
    return [
        name
        for name, value in zip(ENRICHED_FIELDS, _enriched_values(data), strict=True)
        if value in (None, [])
    ]


def _reason_of(data: ActionReceivedV1 | OutcomeReceivedV1) -> str:
    """Return why a lead was given back, empty for any other action or outcome."""
    if data.type not in ("reject", "rejected"):
        return ""
    return counted_name(data.reason) or UNSAID


def _key(source: str, id_: str) -> str:
    return blake2b(f"{source}\n{id_}".encode(), digest_size=9).hexdigest()
