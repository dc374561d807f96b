"""Laws of the waterfall: it ends, within budget and time, and asks nothing twice or for nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.enricher.domain.enrich import enrich
from services.enricher.domain.providers import (
    LookupResult,
    ProviderAnswer,
    ProviderFacts,
    Subject,
    lookup_target,
    value_of,
)
from services.enricher.domain.record import LeadRow
from services.enricher.domain.waterfall import (
    Offer,
    Progress,
    Terms,
    buyable_fields,
    in_turn,
    plan_next,
    subjects_of,
    wanted_fields,
)
from shared.lead.events.parts import Company, FieldSource, Person
from shared.policy.models import Waterfall
from tests.unit.enricher.forms import AT

PROVIDERS = ("one", "two", "three", "four")
VALUES: dict[str, Any] = {
    "company.employees": 10,
    "company.industry": "software",
    "company.country": "US",
    "company.revenue_usd": 5,
    "person.title": "CFO",
    "person.email_status": "verified",
}
COMPANY = frozenset(name for name in VALUES if name.startswith("company"))
WHO = Person(email="ana@brightloom.example", email_kind="work")

waterfalls = st.builds(
    Waterfall,
    order=st.lists(st.sampled_from(PROVIDERS), min_size=1, max_size=4, unique=True).map(tuple),
    min_confidence=st.integers(0, 100),
)
offers = st.builds(
    Offer,
    price_cents=st.integers(0, 20),
    gives=st.fixed_dictionaries(
        {
            "company": st.frozensets(st.sampled_from(sorted(COMPANY))),
            "person": st.frozensets(st.sampled_from(["person.title"])),
            "email": st.frozensets(st.sampled_from(["person.email_status"])),
        }
    ),
)
terms = st.builds(
    Terms,
    fields=st.dictionaries(st.sampled_from(sorted(VALUES)), waterfalls),
    offers=st.dictionaries(st.sampled_from(PROVIDERS), offers),
    budget_cents=st.integers(0, 60),
    deadline_s=st.just(8.0),
    one_by_one=st.booleans(),
)
chances = st.none() | st.fixed_dictionaries(dict.fromkeys(VALUES, st.floats(0, 1)))
confidences = st.dictionaries(st.sampled_from(sorted(VALUES)), st.floats(0, 1))
known = st.frozensets(st.sampled_from(sorted(COMPANY)))


@settings(max_examples=200)
@given(terms=terms, known=known, chances=chances, data=st.data())
def test_the_waterfall_ends_within_its_bounds(terms, known, chances, data):
    lead = _lead(known)
    target = lookup_target(lead.account, lead.lead_id, lead.person)
    asked: set[tuple[str, Subject]] = set()
    answers: list[ProviderAnswer] = []
    spent, left_s = 0, terms.deadline_s
    chance = None if chances is None else lambda learnt: max(chances[name] for name in learnt)
    for _round in range(len(PROVIDERS) * 3 + 1):
        record = enrich(lead, LookupResult(answers, terms.fields), AT)
        now = Progress(wanted_fields(record, terms, AT), subjects_of(target), frozenset(asked), spent, left_s)
        plan = plan_next(terms, now, chance)
        if not plan.asks:
            assert (plan.stop == "complete") == (not now.wanted)
            assert plan.stop != "exhausted" or not buyable_fields(terms, now)
            break
        assert left_s > 0
        assert not terms.one_by_one or all(_keeps_order(ask, terms, now) for ask in plan.asks)
        assert sum(ask.price_cents for ask in plan.asks) <= terms.budget_cents - spent
        for ask in plan.asks:
            assert (ask.provider, ask.subject) not in asked
            assert ask.fields
            assert set(ask.fields) <= set(now.wanted) & terms.offers[ask.provider].gives[ask.subject]
            asked.add((ask.provider, ask.subject))
            spent += data.draw(st.sampled_from([0, ask.price_cents]))
            answers.append(_answer(ask, target, data.draw(confidences)))
        left_s -= data.draw(st.floats(0, 4))
        assert spent <= terms.budget_cents
    else:
        raise AssertionError("it does not end")


@settings(max_examples=200)
@given(terms=terms, one=confidences, other=confidences)
def test_merging_never_lowers_quality(terms, one, other):
    lead = _lead(frozenset())
    about = {
        subject: lookup_target(lead.account, "lead", WHO).about(subject) for subject in ("company", "person")
    }
    answers = [
        ProviderAnswer(name, "company", about["company"] or "", "match", AT, _found(sure))
        for name, sure in (("one", one), ("two", other))
    ]
    first = enrich(lead, LookupResult(answers[:1], terms.fields), AT)
    both = enrich(lead, LookupResult(answers, terms.fields), AT)
    for name in VALUES:
        if value_of(first.person, first.company, name) is not None:
            assert value_of(both.person, both.company, name) is not None
            assert both.provenance[name].confidence >= first.provenance[name].confidence
    assert enrich(both, LookupResult(answers, terms.fields), AT).provenance.keys() == both.provenance.keys()


@given(terms=terms, chances=st.fixed_dictionaries(dict.fromkeys(VALUES, st.floats(0, 1))))
def test_no_question_in_turn_is_likelier_to_end_the_asking_for_its_price(terms, chances):
    now = Progress(tuple(terms.fields), frozenset({"company", "person", "email"}), left_s=8.0)
    turns = in_turn(terms, now)
    plan = plan_next(replace(terms, one_by_one=True), now, lambda learnt: chances[learnt[0]])
    assert bool(plan.asks) == bool(turns)
    for ask in plan.asks:
        best = max(chances[names[0]] / (each.price_cents or 0.01) for each, names in turns.items())
        assert chances[turns[ask][0]] / (ask.price_cents or 0.01) == best


def _keeps_order(ask, terms, now) -> bool:
    """Whether, for a field that is wanted, all who come before in its order were asked or cannot be."""
    left = terms.budget_cents - now.spent_cents
    return any(
        not any(
            (before, subject) not in now.asked and name in offer.gives[subject] and offer.price_cents <= left
            for before in order[: order.index(ask.provider)]
            if (offer := terms.offers.get(before))
            for subject in now.subjects
        )
        for name in ask.fields
        if (order := terms.fields[name].order)
    )


def _lead(known) -> LeadRow:
    company = Company(**{name.removeprefix("company."): VALUES[name] for name in known})
    provenance = {name: FieldSource("form", 1.0, 0, AT) for name in known}
    return LeadRow("lead", account="brightloom.example", person=WHO, company=company, provenance=provenance)


def _found(confidence) -> ProviderFacts:
    company = {name.removeprefix("company."): VALUES[name] for name in confidence if name in COMPANY}
    person = {name.removeprefix("person."): VALUES[name] for name in confidence if name not in COMPANY}
    return ProviderFacts(Person(**person), Company(**company), confidence)


def _answer(ask, target, confidence) -> ProviderAnswer:
    about = target.about(ask.subject) or ""
    sure = {name: value for name, value in confidence.items() if name in ask.fields}
    return ProviderAnswer(
        ask.provider, ask.subject, about, "match", AT, _found(sure), cost=0, requested=ask.fields
    )
