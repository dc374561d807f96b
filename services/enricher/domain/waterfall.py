"""The waterfall: which provider to query next, for which fields, or why to stop. Pure.

Fields come in the order of the policy, and each is asked of its providers in order. A provider is queried
once, for all the fields that it can give and that are still missing. Which field comes next is free: the
request that most likely ends the look-up, for its price.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from services.enricher.domain.enrich import EnrichedRecord, known_origin
from services.enricher.domain.providers import LookupTarget, StopReason, Subject, is_acceptable
from shared.policy.integrations import is_reason_to_ask

if TYPE_CHECKING:
    from shared.policy.models import Waterfall

SUBJECTS: tuple[Subject, ...] = ("company", "person", "email", "find_email")

Chance = Callable[[tuple[str, ...]], float]
"""How likely it is, from 0 to 1, that no other field matters once these are known."""

_FREE_CENTS: Final = 0.01
"""A free request is rated at this price: one of a cent has to be a hundred times as likely to end it."""


class Capability(Struct, frozen=True):
    """What a provider can give: the fields of an answer by lookup subject, and what an answer costs at most.

    A subject without a price in `prices` costs `price_cents`. `needs` are what has to be known of a lead to
    ask about a subject: one of these groups of names. A subject without any needs nothing.
    """

    price_cents: int
    gives: Mapping[Subject, frozenset[str]]
    prices: Mapping[Subject, int] = {}
    needs: Mapping[Subject, Sequence[Sequence[str]]] = {}

    @property
    def is_combined(self) -> bool:
        """Whether an answer about a person has all that one about their company would have."""
        company = self.gives.get("company", frozenset())
        return bool(company) and company <= self.gives.get("person", frozenset())


class ProviderOption(Struct, frozen=True):
    """One way to get a field: that provider, queried about that subject."""

    provider: str
    subject: Subject
    price_cents: int
    gives: frozenset[str]
    needs: Sequence[Sequence[str]] = ()


class WaterfallPolicy(Struct, frozen=True, dict=True):
    """The policy of a look-up: its fields with their providers, its budget in cents, its deadline in seconds.

    With `sequential` one request is made at a time, because its answer may make the next one needless. The
    fields in `for_sellers` are bought once somebody works the lead, whatever they change.
    """

    fields: Mapping[str, Waterfall]
    capabilities: Mapping[str, Capability]
    budget_cents: int
    deadline_s: float
    sequential: bool = True
    for_sellers: tuple[str, ...] = ()

    @cached_property
    def options(self) -> Mapping[str, Sequence[ProviderOption]]:
        """The ways to get each field, the preferred first."""
        return {
            name: [
                ProviderOption(
                    provider,
                    subject,
                    capability.prices.get(subject, capability.price_cents),
                    capability.gives[subject],
                    capability.needs.get(subject, ()),
                )
                for provider in waterfall.order
                if (capability := self.capabilities.get(provider)) is not None
                for subject in SUBJECTS
                if name in capability.gives.get(subject, ()) and is_reason_to_ask(subject, name)
            ]
            for name, waterfall in self.fields.items()
        }


class LookupProgress(Struct, frozen=True):
    """How far the look-up of one lead is.

    `missing` fields are in the order of the policy; `subjects` are what can be asked about this lead,
    `requested` what was asked of whom, and `known` the names of what a vendor can be sent about the lead.
    """

    missing: tuple[str, ...]
    subjects: frozenset[Subject]
    requested: frozenset[tuple[str, Subject]] = frozenset()
    spent_cents: int = 0
    left_s: float = 0.0
    known: frozenset[str] = frozenset()

    def can_use(self, option: ProviderOption) -> bool:
        """Return whether this provider was not asked about this subject yet, and enough is known to ask."""
        return (
            option.subject in self.subjects
            and (option.provider, option.subject) not in self.requested
            and (not option.needs or any(self.known.issuperset(group) for group in option.needs))
        )


class LookupRequest(Struct, frozen=True):
    """A request to one provider about one subject, for these fields. It costs `price_cents` at most."""

    provider: str
    subject: Subject
    fields: tuple[str, ...]
    price_cents: int


class LookupPlan(Struct, frozen=True):
    """The requests to make now, all at the same time; without requests, `stop` says why."""

    requests: tuple[LookupRequest, ...] = ()
    stop: StopReason = "exhausted"


def missing_fields(lead: EnrichedRecord, policy: WaterfallPolicy, at: datetime) -> tuple[str, ...]:
    """Return the policy's fields for which the lead has no acceptable value, in the order of the policy."""
    return tuple([name for name, terms in policy.fields.items() if is_missing(lead, name, terms, at)])


def is_missing(lead: EnrichedRecord, name: str, terms: Waterfall, at: datetime) -> bool:
    """Return whether the lead has no acceptable value of a field."""
    known, origin = known_origin(lead, name)
    return not (known and is_acceptable(origin, terms, at))


def lookup_subjects(target: LookupTarget) -> frozenset[Subject]:
    """Return what can be asked about a lead."""
    return frozenset([subject for subject in SUBJECTS if target.about(subject) is not None])


def plan_next(policy: WaterfallPolicy, progress: LookupProgress, chance: Chance | None = None) -> LookupPlan:
    """Return what to request next. It never costs more than is left, nor requests the same thing twice.

    Without `chance`, or with equal chances, the order of the fields decides between the candidates.
    """
    if not progress.missing:
        return LookupPlan(stop="complete")
    if progress.left_s <= 0:
        return LookupPlan(stop="deadline")
    if policy.sequential and chance is not None and (candidates := next_candidates(policy, progress)):
        return LookupPlan((best_request(candidates, chance),))
    requests: list[LookupRequest] = []
    left_cents, over_budget = policy.budget_cents - progress.spent_cents, False
    for name in progress.missing:
        if any(name in request.fields for request in requests):
            continue
        taken = {(request.provider, request.subject) for request in requests}
        possible = list(_requests_for(name, policy, progress, taken))
        affordable = [request for request in possible if request.price_cents <= left_cents]
        over_budget = over_budget or len(affordable) < len(possible)
        if affordable:
            requests.append(affordable[0])
            left_cents -= affordable[0].price_cents
            if policy.sequential:
                break
    if requests:
        return LookupPlan(tuple(requests))
    return LookupPlan(stop="budget" if over_budget else "exhausted")


def buyable_fields(policy: WaterfallPolicy, progress: LookupProgress) -> tuple[str, ...]:
    """Return which of the missing fields some provider can still be asked for within the budget."""
    left_cents = policy.budget_cents - progress.spent_cents
    return tuple(
        [
            name
            for name in progress.missing
            if any(
                option.price_cents <= left_cents and progress.can_use(option)
                for option in policy.options[name]
            )
        ]
    )


def next_candidates(
    policy: WaterfallPolicy, progress: LookupProgress
) -> dict[LookupRequest, tuple[str, ...]]:
    """Return the requests that may be next, each with the fields for which it is the first in their order.

    What a provider gives besides is welcome, but no reason to ask it before those whom the policy prefers.
    """
    left_cents = policy.budget_cents - progress.spent_cents
    candidates: dict[LookupRequest, tuple[str, ...]] = {}
    for name in progress.missing:
        possible = _requests_for(name, policy, progress, ())
        affordable = (request for request in possible if request.price_cents <= left_cents)
        if request := next(affordable, None):
            candidates[request] = (*candidates.get(request, ()), name)
    return candidates


def best_request(candidates: Mapping[LookupRequest, tuple[str, ...]], chance: Chance) -> LookupRequest:
    """Return the candidate that most likely ends the look-up, for its price."""
    if len(candidates) == 1:
        return next(iter(candidates))
    return max(
        candidates, key=lambda request: chance(candidates[request]) / (request.price_cents or _FREE_CENTS)
    )


def _requests_for(
    name: str, policy: WaterfallPolicy, progress: LookupProgress, taken: Collection[tuple[str, Subject]]
) -> Iterator[LookupRequest]:
    """Yield the requests by which a field can still be had, the preferred first."""
    for option in policy.options[name]:
        provider, subject = option.provider, option.subject
        if progress.can_use(option) and (provider, subject) not in taken:
            fields = tuple(
                [
                    field
                    for field in progress.missing
                    if field in option.gives
                    and provider in policy.fields[field].order
                    and is_reason_to_ask(subject, field)
                ]
            )
            yield LookupRequest(provider, subject, fields, option.price_cents)
