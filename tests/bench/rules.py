"""`rules`: a table of 40 rules that gives its lines, against zen-engine's compiled expressions on the same facts.

Zen is asked in its fastest form: compiled once, one call for all rules (a list of truths), so that the facts
cross over to it once a lead; they are nested and in lower case for it beforehand. Forty compiled expressions
asked one by one are shown beside it.

Each field is looked at once, whatever the number of rules (`shared.rules.match_index`): a fact leads to the set of
rules that it leaves possible, and what follows from the rules that are left is remembered by their set. So
what remains is the price of the nine fields here, about 100 ns each: to fetch and fold a fact, to look it up
or search, to join the sets. 10 would take a compiled extension for that, or facts that come folded already.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any, Final

import zen

from shared.lead.events.scoring import ScoreLine
from shared.rules.compile import all_matches
from shared.rules.operators import Op
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Not, Rule
from tests.bench.figure import ROUNDS, Figure, Measure, Rounds, in_turns
from tests.bench.services import Services

_GOAL: Final = 8
_TIMES: Final = 2_000
_EACH: Final = 5
_AT: Final = datetime(2026, 3, 2, tzinfo=UTC)

Facts = Mapping[str, Any]

LEADS: Final[Sequence[Facts]] = (
    {
        "company.employees": 420,
        "company.industry": "Software",
        "company.country": "US",
        "company.revenue_usd": 62_000_000,
        "company.technologies": ["Salesforce", "Snowflake", "Segment"],
        "person.seniority": "vp",
        "person.title": "VP Finance Operations",
        "account.relation": "target",
        "account.market_validated": True,
    },
    {
        "company.employees": 12_000,
        "company.industry": "Manufacturing",
        "company.country": "DE",
        "company.revenue_usd": 2_100_000_000,
        "company.technologies": ["SAP"],
        "person.seniority": "manager",
        "person.title": "Head of Procurement",
        "account.relation": "none",
        "account.market_validated": False,
    },
)


async def rules(_services: Services) -> Figure:
    """Measure the figure."""
    pairs = [pair for number in range(_EACH) for pair in _rules(number)]
    lines = [ScoreLine("fit", f"rule-{at}", "company", at, f"rule {at} matches") for at in range(len(pairs))]
    baton = all_matches([Rule(line.rule, when, line) for line, (when, _) in zip(lines, pairs, strict=True)])
    together = zen.compile_expression("[" + ", ".join(text for _, text in pairs) + "]")
    alone = [zen.compile_expression(text) for _, text in pairs]
    given = [_nested(lead) for lead in LEADS]

    def zen_together(lead: Any) -> list[ScoreLine]:
        return [line for line, holds in zip(lines, together.evaluate(lead), strict=True) if holds]

    def zen_alone(lead: Any) -> list[ScoreLine]:
        return [line for line, rule in zip(lines, alone, strict=True) if rule.evaluate(lead)]

    for lead, nested in zip(LEADS, given, strict=True):
        assert list(baton(lead, _AT)) == zen_together(nested) == zen_alone(nested)
    measured = await in_turns(
        _leads_a_second(lambda: [baton(lead, _AT) for lead in LEADS]),
        _leads_a_second(lambda: [zen_together(lead) for lead in given]),
    )
    one_by_one = await in_turns(
        _leads_a_second(lambda: [baton(lead, _AT) for lead in LEADS]),
        _leads_a_second(lambda: [zen_alone(lead) for lead in given], times=_TIMES // 10),
    )
    return measured.figure(
        "rules", _GOAL, "leads", _details(len(pairs), measured, one_by_one, given, together)
    )


def _details(
    count: int, measured: Rounds, one_by_one: Rounds, given: Sequence[Any], together: Any
) -> list[str]:
    baton_us, zen_us = (1e6 / median(runs_s) for runs_s in (measured.baton, measured.floor))
    alone_us = 1e6 / median(one_by_one.floor)
    crossing = zen.compile_expression("1")
    crossing_us = 1e6 / median(
        _rate(lambda: [crossing.evaluate(lead) for lead in given]) for _ in range(ROUNDS)
    )
    return [
        f"{count} rules: {baton_us:.1f} us a lead, zen in one expression {zen_us:.1f} us",
        f"zen in {count} expressions {alone_us:.0f} us: {one_by_one.ratio:.1f} times as long",
        f"handing the facts to zen alone takes {crossing_us:.1f} us",
    ]


def _leads_a_second(work: Callable[[], object], times: int = _TIMES) -> Measure:
    async def measure() -> float:
        return _rate(work, times)

    return measure


def _rate(work: Callable[[], object], times: int = _TIMES) -> float:
    began = time.process_time()
    for _ in range(times):
        work()
    return times * len(LEADS) / (time.process_time() - began)


def _nested(facts: Facts) -> dict[str, Any]:
    """Return the facts as zen takes them, in lower case as it compares them."""
    nested: dict[str, dict[str, Any]] = {}
    for name, fact in facts.items():
        part, _, field = name.partition(".")
        nested.setdefault(part, {})[field] = _lower(fact)
    return nested


def _lower(fact: Any) -> Any:
    if isinstance(fact, str):
        return fact.lower()
    return [item.lower() for item in fact] if isinstance(fact, list) else fact


def _rules(number: int) -> Sequence[tuple[Condition, str]]:
    """Return eight rules, as a policy has them and as zen has them; each number gives others."""
    low, high = 50 + number, 999 - number
    nowhere = ("br", "mx", f"x{number}")
    return (
        (
            Compare("company.employees", Op.BETWEEN, (low, high)),
            f"company.employees in [{low}..{high}]",
        ),
        (
            Compare("company.industry", Op.IN, ("software", "fintech", f"industry {number}")),
            f'company.industry in ["software", "fintech", "industry {number}"]',
        ),
        (
            Compare("person.seniority", Op.IN, ("cxo", "vp", "director")),
            'person.seniority in ["cxo", "vp", "director"]',
        ),
        (
            Compare("company.technologies", Op.CONTAINS_ANY, ("salesforce", "hubspot", f"tool {number}")),
            f'some(company.technologies, # in ["salesforce", "hubspot", "tool {number}"])',
        ),
        (
            Compare("account.market_validated", Op.EQ, value=True),
            "account.market_validated == true",
        ),
        (
            AllOf(
                (
                    Compare("company.revenue_usd", Op.GTE, 10_000_000 + number),
                    Not(Compare("company.country", Op.IN, nowhere)),
                )
            ),
            f"company.revenue_usd >= {10_000_000 + number} and not (company.country in {_listed(nowhere)})",
        ),
        (
            Compare("person.title", Op.STARTS_WITH, f"head of {'procurement'[: 4 + number]}"),
            f'startsWith(person.title, "head of {"procurement"[: 4 + number]}")',
        ),
        (
            AnyOf(
                (
                    Compare("account.relation", Op.EQ, "target"),
                    Compare("company.employees", Op.GTE, 1_000 + number),
                )
            ),
            f'account.relation == "target" or company.employees >= {1_000 + number}',
        ),
    )


def _listed(texts: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"
