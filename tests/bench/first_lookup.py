"""`first_lookup`: processor time to decide what to buy for the first lead of a new shape, in milliseconds.

A shape is what the rules see of a lead: which fields are known and on which side of the rules' bounds they
lie, its activities, its account, the grades it holds. What is found out about one lead is kept for every
other of the same shape, so the floor is the same decision asked for again. The decision runs on the event
loop, where nothing else runs meanwhile: it should take less than 3 ms.

The shapes are random, each is new to the model, and the policy is the default one. The very first decision
under a new version of the policy, when no table was bounded yet, is shown beside them.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median, quantiles
from typing import Any, Final

from services.enricher.domain.account_context import AccountContext
from services.enricher.domain.record import LeadRow
from services.enricher.domain.search import search_for
from services.enricher.domain.value_of_information import OutcomeModel
from services.enricher.domain.waterfall import WaterfallPolicy
from shared.lead.events.parts import Activity, Company, Person
from shared.lead.facts import ActiveOwner
from shared.lead.normalise.titles import department, seniority
from tests.bench.figure import Figure
from tests.bench.services import Services
from tests.support.waterfall import default_policy, waterfall_policy

SHAPES: Final = 200
GOAL_MS: Final = 3.0

_AT: Final = datetime(2026, 3, 2, tzinfo=UTC)
_VALUES: Final[dict[str, list[Any]]] = {
    "company.employees": [4, 15, 30, 300, 999, 1_000, 8_000],
    "company.industry": ["software", "fintech", "restaurants"],
    "company.country": ["US", "BR", "PL"],
    "company.revenue_usd": [1, 9_999_999, 10_000_000],
    "company.technologies": [["sap"], ["sap", "salesforce"]],
    "company.last_funding_at": [_AT - timedelta(days=days) for days in (10, 364, 366)],
    "person.title": ["CFO", "Sales Manager", "Clerk", "Wizard"],
}
_ACTIVITIES: Final = ("demo_request", "pricing_view", "content_download", "page_view")
_OWNERS: Final = ((None,), (None,), (ActiveOwner("sdr"),), (None, ActiveOwner("senior-ae")))


async def first_lookup(_services: Services) -> Figure:
    """Measure the figure."""
    policy = default_policy()
    model = OutcomeModel(policy)
    waterfall = waterfall_policy(policy.policy.providers, policy.policy.providers.providers)
    random = Random(7)
    _decide_ms(model, waterfall, _shape(random))
    measured: list[float] = []
    shapes: list[tuple[LeadRow, AccountContext]] = []
    while len(measured) < SHAPES:
        shape, known_shapes = _shape(random), len(model.certain)
        first_ms = _decide_ms(model, waterfall, shape)
        if len(model.certain) > known_shapes:
            measured.append(first_ms)
            shapes.append(shape)
    warm_ms = median(_decide_ms(model, waterfall, shape) for shape in shapes)
    cold_ms = median(_decide_ms(OutcomeModel(policy), waterfall, shape) for shape in shapes[:9])
    p50, p90 = median(measured), quantiles(measured, n=10)[8]
    summary = f"p50 {p50:.2f} ms, p90 {p90:.2f} ms, max {max(measured):.2f} ms"
    details = [
        f"first of a new shape: {summary} ({SHAPES} shapes; goal p50 below {GOAL_MS:.0f} ms)",
        f"floor, one of a shape that was seen: {warm_ms:.3f} ms; first of a policy version: {cold_ms:.2f} ms",
    ]
    return Figure("first_lookup", round(warm_ms / p50, 3), None, details)


def _decide_ms(
    model: OutcomeModel, waterfall: WaterfallPolicy, shape: tuple[LeadRow, AccountContext]
) -> float:
    """Return how much processor time it takes to decide what to request first for a lead."""
    lead, context = shape
    began_s = time.process_time()
    search_for(lead, waterfall, model, _AT).next(context, waterfall.deadline_s, _AT)
    return (time.process_time() - began_s) * 1_000


def _shape(random: Random) -> tuple[LeadRow, AccountContext]:
    """Return a random lead of which about a third of the fields is known, and what is known of its account."""
    known = {name: random.choice(values) for name, values in _VALUES.items() if random.random() < 0.3}
    title = known.pop("person.title", None)
    activities = [
        Activity(random.choice(_ACTIVITIES), _AT - timedelta(days=random.randint(0, 40)))
        for _ in range(random.randint(0, 4))
    ]
    person = Person(
        email="a@x.example",
        email_kind="work",
        title=title,
        seniority=seniority(title),
        department=department(title),
    )
    company = Company(**{name.removeprefix("company."): value for name, value in known.items()})
    context = AccountContext(
        relation=random.choice(("none", "none", "target", "partner", "customer")),
        owners=random.choice(_OWNERS),
        grades_before=random.choice((None, "A1", "B2", "C3")),
    )
    return LeadRow(
        "lead", account="x.example", person=person, company=company, activities=activities
    ), context
