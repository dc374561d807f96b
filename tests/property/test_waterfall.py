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
    Capability,
    LookupProgress,
    WaterfallPolicy,
    buyable_fields,
    lookup_subjects,
    missing_fields,
    next_candidates,
    plan_next,
)
from shared.lead.events.parts import Company, FieldSource, Person
from shared.policy.models import Waterfall
from tests.support.forms import AT

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
capabilities = st.builds(
    Capability,
    price_cents=st.integers(0, 20),
    gives=st.fixed_dictionaries(
        {
            "company": st.frozensets(st.sampled_from(sorted(COMPANY))),
            "person": st.frozensets(st.sampled_from(["person.title"])),
            "email": st.frozensets(st.sampled_from(["person.email_status"])),
        }
    ),
)
# Not `st.builds`: it evaluates the annotations, which name the policy's models for the type checker only.
policies = st.fixed_dictionaries(
    {
        "fields": st.dictionaries(st.sampled_from(sorted(VALUES)), waterfalls),
        "capabilities": st.dictionaries(st.sampled_from(PROVIDERS), capabilities),
        "budget_cents": st.integers(0, 60),
        "deadline_s": st.just(8.0),
        "sequential": st.booleans(),
    }
).map(lambda values: WaterfallPolicy(**values))  # type: ignore[arg-type]
chances = st.none() | st.fixed_dictionaries(dict.fromkeys(VALUES, st.floats(0, 1)))
confidences = st.dictionaries(st.sampled_from(sorted(VALUES)), st.floats(0, 1))
known = st.frozensets(st.sampled_from(sorted(COMPANY)))


@settings(max_examples=200)
@given(policy=policies, known=known, chances=chances, data=st.data())
def test_the_waterfall_ends_within_its_bounds(policy, known, chances, data):
    lead = _lead(known)
    target = lookup_target(lead.account, lead.lead_id, lead.person)
    asked: set[tuple[str, Subject]] = set()
    answers: list[ProviderAnswer] = []
    spent, left_s = 0, policy.deadline_s
    chance = None if chances is None else lambda learnt: max(chances[name] for name in learnt)
    for _round in range(len(PROVIDERS) * 3 + 1):
        record = enrich(lead, LookupResult(answers, policy.fields), AT)
        progress = LookupProgress(
            missing_fields(record, policy, AT), lookup_subjects(target), frozenset(asked), spent, left_s
        )
        plan = plan_next(policy, progress, chance)
        if not plan.requests:
            assert (plan.stop == "complete") == (not progress.missing)
            assert plan.stop != "exhausted" or not buyable_fields(policy, progress)
            break
        assert left_s > 0
        assert not policy.sequential or all(
            _keeps_order(request, policy, progress) for request in plan.requests
        )
        assert sum(request.price_cents for request in plan.requests) <= policy.budget_cents - spent
        for request in plan.requests:
            assert (request.provider, request.subject) not in asked
            assert request.fields
            assert (
                set(request.fields)
                <= set(progress.missing) & policy.capabilities[request.provider].gives[request.subject]
            )
            asked.add((request.provider, request.subject))
            spent += data.draw(st.sampled_from([0, request.price_cents]))
            answers.append(_answer(request, target, data.draw(confidences)))
        left_s -= data.draw(st.floats(0, 4))
        assert spent <= policy.budget_cents
    else:
        raise AssertionError("it does not end")


@settings(max_examples=200)
@given(policy=policies, one=confidences, other=confidences)
def test_merging_never_lowers_quality(policy, one, other):
    lead = _lead(frozenset())
    about = {
        subject: lookup_target(lead.account, "lead", WHO).about(subject) for subject in ("company", "person")
    }
    answers = [
        ProviderAnswer(name, "company", about["company"] or "", "match", AT, _found(sure))
        for name, sure in (("one", one), ("two", other))
    ]
    first = enrich(lead, LookupResult(answers[:1], policy.fields), AT)
    both = enrich(lead, LookupResult(answers, policy.fields), AT)
    for name in VALUES:
        if value_of(first.person, first.company, name) is not None:
            assert value_of(both.person, both.company, name) is not None
            assert both.provenance[name].confidence >= first.provenance[name].confidence
    assert enrich(both, LookupResult(answers, policy.fields), AT).provenance.keys() == both.provenance.keys()


@given(policy=policies, chances=st.fixed_dictionaries(dict.fromkeys(VALUES, st.floats(0, 1))))
def test_no_question_in_turn_is_likelier_to_end_the_asking_for_its_price(policy, chances):
    progress = LookupProgress(tuple(policy.fields), frozenset({"company", "person", "email"}), left_s=8.0)
    candidates = next_candidates(policy, progress)
    plan = plan_next(replace(policy, sequential=True), progress, lambda learnt: chances[learnt[0]])
    assert bool(plan.requests) == bool(candidates)
    for request in plan.requests:
        best = max(chances[names[0]] / (request.price_cents or 0.01) for request, names in candidates.items())
        assert chances[candidates[request][0]] / (request.price_cents or 0.01) == best


def _keeps_order(request, policy, progress) -> bool:
    """Whether, for a field that is wanted, all who come before in its order were asked or cannot be."""
    left = policy.budget_cents - progress.spent_cents
    return any(
        not any(
            (before, subject) not in progress.requested
            and name in offer.gives[subject]
            and offer.price_cents <= left
            for before in order[: order.index(request.provider)]
            if (offer := policy.capabilities.get(before))
            for subject in progress.subjects
        )
        for name in request.fields
        if (order := policy.fields[name].order)
    )


def _lead(known) -> LeadRow:
    company = Company(**{name.removeprefix("company."): VALUES[name] for name in known})
    provenance = {name: FieldSource("form", 1.0, 0, AT) for name in known}
    return LeadRow("lead", account="brightloom.example", person=WHO, company=company, provenance=provenance)


def _found(confidence) -> ProviderFacts:
    company = {name.removeprefix("company."): VALUES[name] for name in confidence if name in COMPANY}
    person = {name.removeprefix("person."): VALUES[name] for name in confidence if name not in COMPANY}
    return ProviderFacts(Person(**person), Company(**company), confidence)


def _answer(request, target, confidence) -> ProviderAnswer:
    about = target.about(request.subject) or ""
    sure = {name: value for name, value in confidence.items() if name in request.fields}
    return ProviderAnswer(
        request.provider, request.subject, about, "match", AT, _found(sure), cost=0, requested=request.fields
    )
