"""Which provider is asked next for people of an account, for which buying roles, and when. Pure.

One question is asked at a time, and its answer is stored before the next one, so that a crash repeats one
question at most. A provider is asked about a role once until `fresh` has passed; after a failure it is asked
again, at growing intervals.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final, Protocol

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from services.enricher.domain.enrich import RETRY_AFTER, RETRY_FOR
from services.enricher.domain.for_sellers import OWNED_TYPES
from services.enricher.domain.found_contacts import FoundContactRow, KeyedHash
from services.enricher.domain.providers import ProviderAnswer
from shared.lead.buying_roles import BuyingRole
from shared.lead.events.lead_enriched import Enrichment, EnrichmentStep
from shared.lead.fields import FactKeys
from shared.policy.compiled import CompiledCondition
from shared.storage.rows import Row
from shared.worker.rows import TimerRow

DISCOVER_CONTACTS: Final = "discover-contacts"
"""The kind of the timer by which people of an account are looked for; its subject is the account."""
DISCOVERED_BY_TYPES: Final = OWNED_TYPES | {b"baton.lead.updated.v1"}
"""The types of events by which an account may become one at which people are looked for.

An update reports an account that became a target when its lead had an owner already.
"""
_AGAIN_AFTER: Final = timedelta(days=1)
"""When a provider that failed for `RETRY_FOR` may be asked again, if the account gives reason to."""
_CONCLUSIVE: Final = frozenset({"match", "no_match", "stale"})


class KnownAccount(Struct, frozen=True):
    """What `discover.when` may ask of an account."""

    relation: str = "none"
    open_opportunity: bool | None = None


class DiscoveryTerms(Struct, frozen=True):
    """What the policy says: the roles to look for, at which accounts, and what an account may cost.

    `prices` are the cents that an answer costs at most, by provider, in the order in which they are asked.
    """

    roles: tuple[BuyingRole, ...]
    per_account_cents: int
    fresh: timedelta
    prices: Mapping[str, int]
    when: CompiledCondition | None = None

    def applies_to(self, account: KnownAccount, at: datetime) -> bool:
        """Return whether people are looked for at an account of which this is known."""
        facts = {FactKeys.RELATION: account.relation, FactKeys.OPEN_OPPORTUNITY: account.open_opportunity}
        known = {name: value for name, value in facts.items() if value is not None}
        return self.when is None or self.when.holds(known, at) is True


class AccountDiscoveryRow(Row, frozen=True):
    """What was asked for people of an account: the fields of a step are buying roles.

    `sequence` counts the account's enriched events.
    """

    account: str
    sequence: int = 0
    steps: list[EnrichmentStep] = field(default_factory=list)
    table: ClassVar[str] = "account_discoveries"
    key_fields: ClassVar[tuple[str, ...]] = ("account",)

    @property
    def cost(self) -> int:
        """The cents that all steps cost."""
        return sum(step.cost for step in self.steps)


class ContactQuestion(Struct, frozen=True):
    """A question to a provider: who has these roles. It may be asked from `due_at` on."""

    provider: str
    roles: tuple[BuyingRole, ...]
    price_cents: int
    due_at: datetime


class ContactLookup(Struct, frozen=True):
    """The result of the look-up of an account's people, by the terms of that moment.

    `known_roles` are those of the account's leads. Without an `answer` nobody could be asked; without `terms`
    the account is none at which people are looked for.
    """

    terms: DiscoveryTerms | None = None
    known_roles: frozenset[BuyingRole] = frozenset()
    answer: ProviderAnswer | None = None


class ContactFinder(Protocol):
    """Port: looks people of accounts up. `keyed_hash` hashes the ids of those who were erased."""

    @property
    def keyed_hash(self) -> KeyedHash: ...

    def account_of(self, event: bytes, at: datetime) -> str | None:
        """Return the account at which people are looked for because of an event about an owned lead."""
        ...

    async def ask(self, account: str) -> ContactLookup:
        """Ask the next question about an account, if one is due, and return the answer."""
        ...


class DiscoverContacts(TimerRow, frozen=True):
    """The timer of an account whose people are looked for, with what the look-up brought."""

    lookup: ContactLookup = ContactLookup()


def next_question(
    terms: DiscoveryTerms,
    row: AccountDiscoveryRow,
    contacts: Iterable[FoundContactRow],
    known_roles: Collection[BuyingRole],
    at: datetime,
) -> ContactQuestion | None:
    """Return the next question about an account, due now or later; None when nothing is left to ask.

    It costs no more than is left of the account's budget.
    """
    steps = current_steps(row, terms, at)
    left_cents = terms.per_account_cents - sum(step.cost for step in steps)
    found = {one.role for one in contacts if at - one.found_at < terms.fresh}
    later: list[ContactQuestion] = []
    for provider, price_cents in terms.prices.items():
        own = [step for step in steps if step.provider == provider]
        answered = {name for step in own if step.outcome in _CONCLUSIVE for name in step.fields}
        open_roles = tuple(role for role in terms.roles if role not in {*known_roles, *found, *answered})
        due_at = may_be_asked_at(own, at)
        if not open_roles or due_at is None or price_cents > left_cents:
            continue
        question = ContactQuestion(provider, open_roles, price_cents, due_at)
        if due_at <= at:
            return question
        later.append(question)
    return min(later, key=lambda question: question.due_at, default=None)


def current_steps(row: AccountDiscoveryRow, terms: DiscoveryTerms, at: datetime) -> list[EnrichmentStep]:
    """Return the steps that count: those that are not older than `fresh`."""
    return [step for step in row.steps if at - step.at < terms.fresh]


def may_be_asked_at(steps: Sequence[EnrichmentStep], at: datetime) -> datetime | None:
    """Return when a provider may be asked, by its earlier steps in their order; None while it is given up."""
    failed = _failures(steps)
    if not failed:
        return at
    age = failed[-1].at - failed[0].at
    if age <= RETRY_FOR:
        return max(at, failed[-1].at + max(age, RETRY_AFTER))
    return at if at - failed[-1].at >= _AGAIN_AFTER else None


def _failures(steps: Sequence[EnrichmentStep]) -> list[EnrichmentStep]:
    """Return the failed steps after the last answer."""
    last = max((index for index, step in enumerate(steps) if step.outcome in _CONCLUSIVE), default=-1)
    return [*steps[last + 1 :]]


def with_step(
    row: AccountDiscoveryRow, answer: ProviderAnswer, terms: DiscoveryTerms, at: datetime
) -> AccountDiscoveryRow:
    """Return the row with an answer as its last step.

    Of a provider that keeps failing only the first and the last failure are kept, with the cost of all, so
    the steps are bounded by the providers and the roles.
    """
    cost = answer.cost if answer.billed else 0
    step = EnrichmentStep(
        answer.provider, list(answer.requested), answer.outcome, cost, answer.at, answer.detail
    )
    steps = current_steps(row, terms, at)
    failed = _failures([one for one in steps if one.provider == answer.provider])
    if not answer.is_conclusive and len(failed) > 1:
        steps = [one for one in steps if one is not failed[-1]]
        step = replace(step, cost=step.cost + failed[-1].cost)
    return replace(row, steps=[*steps, step])


def enrichment_of(row: AccountDiscoveryRow, following: ContactQuestion | None) -> Enrichment:
    """Return what was asked for an account, as events tell it; incomplete while a question is left."""
    if not row.steps:
        return Enrichment("skipped", 0, [])
    return Enrichment("complete" if following is None else "incomplete", row.cost, row.steps)


class _OwnDecision(Struct, frozen=True):
    motion: str = ""
    owner: str | None = None


class _Brief(Struct, frozen=True):
    account: KnownAccount = KnownAccount()


class _WorkedLead(Struct, frozen=True):
    """Of an event about an owned lead, what tells whether people of its account are looked for."""

    lead_id: str = ""
    account: str = ""
    decision: _OwnDecision = _OwnDecision()
    brief: _Brief | None = None


_decode = msgspec.json.Decoder(_WorkedLead).decode


def account_to_discover(event: bytes, terms: DiscoveryTerms | None, at: datetime) -> str | None:
    """Return the account of a lead that somebody works, if people are looked for there; else None.

    Raises `msgspec.MsgspecError` when the event cannot be decoded.
    """
    if terms is None or not terms.prices:
        return None
    lead = _decode(event)
    if lead.decision.motion != "work" or lead.decision.owner is None or lead.account in ("", lead.lead_id):
        return None
    is_excluded = lead.brief is not None and not terms.applies_to(lead.brief.account, at)
    return None if is_excluded else lead.account
