"""Whom to ask next, for what, or why to stop. Pure.

Fields are wanted in the order of the policy, and each is asked of its providers in order. A provider is asked
once, for all the fields that it can give and that are still wanted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from services.enricher.domain.enrich import known_origin
from services.enricher.domain.providers import Stop, Subject, Whom, acceptable
from services.enricher.domain.record import LeadRow
from shared.policy.models import Waterfall

SUBJECTS: tuple[Subject, ...] = ("company", "person", "email")


class Offer(Struct, frozen=True):
    """What a provider sells: the price of one answer, and the fields of an answer by what is asked about."""

    price_cents: int
    gives: Mapping[Subject, frozenset[str]]


class Terms(Struct, frozen=True):
    """The policy of asking. `one_by_one`: an answer may make the next question needless."""

    fields: Mapping[str, Waterfall]
    offers: Mapping[str, Offer]
    budget_cents: int
    deadline_s: float
    one_by_one: bool = True


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
    stop: Stop = "exhausted"


def wanted_fields(lead: LeadRow, terms: Terms, at: datetime) -> tuple[str, ...]:
    """Return the fields of the policy that nobody has said well enough, in the order of the policy."""
    return tuple(name for name, waterfall in terms.fields.items() if not _is_good(lead, name, waterfall, at))


def subjects_of(whom: Whom) -> frozenset[Subject]:
    """Return what can be asked about a lead."""
    return frozenset(subject for subject in SUBJECTS if whom.about(subject) is not None)


def plan_next(terms: Terms, now: Progress) -> Plan:
    """Return what to ask next. It never costs more than is left, nor asks the same thing twice."""
    if not now.wanted:
        return Plan(stop="complete")
    if now.left_s <= 0:
        return Plan(stop="deadline")
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
    return tuple(
        name
        for name in now.wanted
        if any(ask.price_cents <= left_cents for ask in _open_asks(name, terms, now, ()))
    )


def _open_asks(
    name: str, terms: Terms, now: Progress, taken: Collection[tuple[str, Subject]]
) -> Iterator[Ask]:
    """Yield the questions by which a field can still be had, the preferred first."""
    for provider in terms.fields[name].order:
        offer = terms.offers.get(provider)
        if offer is None:
            continue
        for subject in SUBJECTS:
            gives = offer.gives.get(subject, frozenset())
            if name not in gives or subject not in now.subjects:
                continue
            if (provider, subject) in now.asked or (provider, subject) in taken:
                continue
            fields = tuple(each for each in now.wanted if each in gives and _may_ask(terms, each, provider))
            yield Ask(provider, subject, fields, offer.price_cents)


def _may_ask(terms: Terms, name: str, provider: str) -> bool:
    return provider in terms.fields[name].order


def _is_good(lead: LeadRow, name: str, waterfall: Waterfall, at: datetime) -> bool:
    known, origin = known_origin(lead, name)
    return known and acceptable(origin, waterfall, at)
