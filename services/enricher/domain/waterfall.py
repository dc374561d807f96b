"""Whom to ask next, for what, or why to stop. Pure.

Fields are wanted in the order of the policy, and each is asked of its providers in order. A provider is asked
once, for all the fields that it can give and that are still wanted. Which of the fields comes next is free:
the question that most likely ends the asking, for its price.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final

from msgspec import Struct

from services.enricher.domain.enrich import known_origin
from services.enricher.domain.providers import LookupTarget, StopReason, Subject, is_acceptable
from services.enricher.domain.record import LeadRow
from shared.policy.models import Waterfall

SUBJECTS: tuple[Subject, ...] = ("company", "person", "email")

Chance = Callable[[tuple[str, ...]], float]
"""How likely it is, from 0 to 1, that nothing more matters once these fields are known."""

_FREE_CENTS: Final = 0.01
"""What a free question counts as: any that costs has to be a hundred times as likely to end the asking."""


class Offer(Struct, frozen=True):
    """What a provider sells: the price of one answer, and the fields of an answer by what is asked about."""

    price_cents: int
    gives: Mapping[Subject, frozenset[str]]


class Sale(Struct, frozen=True):
    """One way to get a field: that provider, asked about that."""

    provider: str
    subject: Subject
    offer: Offer


class Terms(Struct, frozen=True, dict=True):
    """The policy of asking. `one_by_one`: an answer may make the next question needless."""

    fields: Mapping[str, Waterfall]
    offers: Mapping[str, Offer]
    budget_cents: int
    deadline_s: float
    one_by_one: bool = True

    @cached_property
    def sales(self) -> Mapping[str, Sequence[Sale]]:
        """The ways to get each field, the preferred first."""
        return {
            name: [
                Sale(provider, subject, offer)
                for provider in waterfall.order
                if (offer := self.offers.get(provider)) is not None
                for subject in SUBJECTS
                if name in offer.gives.get(subject, ())
            ]
            for name, waterfall in self.fields.items()
        }


class Progress(Struct, frozen=True):
    """How far the asking about one lead is. `wanted` is in the order of the policy."""

    wanted: tuple[str, ...]
    subjects: frozenset[Subject]
    asked: frozenset[tuple[str, Subject]] = frozenset()
    spent_cents: int = 0
    left_s: float = 0.0


class Ask(Struct, frozen=True):
    """Ask that provider about that, for these fields. It costs the price at most."""

    provider: str
    subject: Subject
    fields: tuple[str, ...]
    price_cents: int


class Plan(Struct, frozen=True):
    """What to ask now, all at the same time; with nothing to ask, `stop` says why."""

    asks: tuple[Ask, ...] = ()
    stop: StopReason = "exhausted"


def wanted_fields(lead: LeadRow, terms: Terms, at: datetime) -> tuple[str, ...]:
    """Return the fields of the policy that nobody has said well enough, in the order of the policy."""
    return tuple([name for name, each in terms.fields.items() if not _is_good(lead, name, each, at)])


def subjects_of(whom: LookupTarget) -> frozenset[Subject]:
    """Return what can be asked about a lead."""
    return frozenset([subject for subject in SUBJECTS if whom.about(subject) is not None])


def plan_next(terms: Terms, now: Progress, chance: Chance | None = None) -> Plan:
    """Return what to ask next. It never costs more than is left, nor asks the same thing twice.

    Without `chance`, or with equal ones, the fields' order decides between questions that are in turn.
    """
    if not now.wanted:
        return Plan(stop="complete")
    if now.left_s <= 0:
        return Plan(stop="deadline")
    if terms.one_by_one and chance is not None and (turns := in_turn(terms, now)):
        return Plan((_most_telling(turns, chance),))
    asks: list[Ask] = []
    left_cents, short = terms.budget_cents - now.spent_cents, False
    for name in now.wanted:
        if any(name in ask.fields for ask in asks):
            continue
        open_asks = list(_open_asks(name, terms, now, {(ask.provider, ask.subject) for ask in asks}))
        affordable = [ask for ask in open_asks if ask.price_cents <= left_cents]
        short = short or len(affordable) < len(open_asks)
        if affordable:
            asks.append(affordable[0])
            left_cents -= affordable[0].price_cents
            if terms.one_by_one:
                break
    return Plan(tuple(asks)) if asks else Plan(stop="budget" if short else "exhausted")


def buyable_fields(terms: Terms, now: Progress) -> tuple[str, ...]:
    """Return which of the wanted fields somebody can still be asked for, and paid."""
    left_cents = terms.budget_cents - now.spent_cents
    return tuple([name for name in now.wanted if _is_affordable(terms.sales[name], left_cents, now)])


def in_turn(terms: Terms, now: Progress) -> dict[Ask, tuple[str, ...]]:
    """Return the questions whose turn it is, and for which fields: all before it in their order were asked.

    What a provider gives besides is welcome, but no reason to ask it before those whom the policy prefers.
    """
    left_cents = terms.budget_cents - now.spent_cents
    turns: dict[Ask, tuple[str, ...]] = {}
    for name in now.wanted:
        affordable = (ask for ask in _open_asks(name, terms, now, ()) if ask.price_cents <= left_cents)
        if ask := next(affordable, None):
            turns[ask] = (*turns.get(ask, ()), name)
    return turns


def _most_telling(turns: Mapping[Ask, tuple[str, ...]], chance: Chance) -> Ask:
    if len(turns) == 1:
        return next(iter(turns))
    return max(turns, key=lambda ask: chance(turns[ask]) / (ask.price_cents or _FREE_CENTS))


def _is_affordable(sales: Iterable[Sale], left_cents: int, now: Progress) -> bool:
    return any(sale.offer.price_cents <= left_cents and _is_open(sale, now) for sale in sales)


def _is_open(sale: Sale, now: Progress) -> bool:
    return sale.subject in now.subjects and (sale.provider, sale.subject) not in now.asked


def _open_asks(
    name: str, terms: Terms, now: Progress, taken: Collection[tuple[str, Subject]]
) -> Iterator[Ask]:
    """Yield the questions by which a field can still be had, the preferred first."""
    for sale in terms.sales[name]:
        if _is_open(sale, now) and (sale.provider, sale.subject) not in taken:
            gives = sale.offer.gives[sale.subject]
            fields = tuple(
                each for each in now.wanted if each in gives and _may_ask(terms, each, sale.provider)
            )
            yield Ask(sale.provider, sale.subject, fields, sale.offer.price_cents)


def _may_ask(terms: Terms, name: str, provider: str) -> bool:
    return provider in terms.fields[name].order


def _is_good(lead: LeadRow, name: str, waterfall: Waterfall, at: datetime) -> bool:
    known, origin = known_origin(lead, name)
    return known and is_acceptable(origin, waterfall, at)
