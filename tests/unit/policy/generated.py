"""Hypothesis strategies: models of policy files whose form is right, whatever they mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from shared.policy import models
from shared.policy.hours import Hours, Shift
from shared.rules.operators import Op
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Not, Use
from shared.rules.times import Duration

names = st.text("abZ09_.-", max_size=6).map("n{}".format)
texts = st.sampled_from(
    ["NO", "on", "null", "5", "0x1f", "true", "~", "a: b", "# c", "[x", "Ünïcode", " x ", "plain", "{y"]
)
"""Texts that YAML could take for something else."""
durations = st.builds(Duration, seconds=st.integers(1, 999_999))
business_durations = st.builds(Duration, seconds=st.integers(1, 999_999), business=st.booleans())


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    """Shifts that do not overlap: each on days of its own."""
    ends = sorted(draw(st.sets(st.integers(0, 6), min_size=1, max_size=3)))
    shifts = []
    for first, last in zip([0, *(end + 1 for end in ends)], ends, strict=False):
        begins = draw(st.integers(0, 1_438))
        shifts.append(Shift(tuple(range(first, last + 1)), begins, draw(st.integers(begins + 1, 1_440))))
    return Hours(tuple(shifts))


comparisons = st.one_of(
    st.builds(
        Compare, st.just("company.employees"), st.sampled_from([Op.GTE, Op.LT, Op.EQ]), st.integers(0, 10**6)
    ),
    st.builds(Compare, st.just("company.country"), st.just(Op.IN), st.just(("NO", "US"))),
    st.builds(Compare, st.just("company.name"), st.just(Op.CONTAINS), texts.filter(str.strip)),
    st.builds(Compare, st.just("company.last_funding_at"), st.just(Op.WITHIN), durations),
    st.builds(
        Compare, st.just("company.last_funding_at"), st.just(Op.GT), st.just(datetime(2026, 1, 2, tzinfo=UTC))
    ),
    st.builds(Compare, st.just("person.title"), st.sampled_from([Op.EXISTS, Op.MISSING]), st.just(True)),
)


def conditions(named: dict[str, Condition]) -> st.SearchStrategy[Condition]:
    """Conditions over fields of a lead, which every table may compare; `named` are those for `use`."""
    leaves: st.SearchStrategy[Condition] = comparisons
    if named:
        leaves |= st.sampled_from([Use(name, meaning) for name, meaning in named.items()])
    return st.recursive(
        leaves,
        lambda part: st.one_of(
            st.builds(Not, part),
            st.builds(AllOf, st.lists(part, min_size=1, max_size=3).map(tuple)),
            st.builds(AnyOf, st.lists(part, min_size=1, max_size=3).map(tuple)),
        ),
        max_leaves=3,
    )


def _distinct(
    key: str, members: st.SearchStrategy[Any], least: int = 0, most: int = 3
) -> st.SearchStrategy[Any]:
    return st.lists(members, min_size=least, max_size=most, unique_by=lambda one: getattr(one, key)).map(
        tuple
    )


@st.composite
def icp(draw: st.DrawFn) -> models.Icp:
    named = draw(st.dictionaries(names, comparisons, max_size=2))
    when = conditions(named)
    level = st.builds(models.Level, points=st.integers(0, 100), when=st.none() | when)
    criterion = st.builds(
        models.Criterion, name=names, levels=st.lists(level, min_size=1, max_size=2).map(tuple)
    )
    segment = st.builds(
        models.Segment,
        name=names,
        criteria=_distinct("name", criterion, 1),
        disqualify=_distinct("name", st.builds(models.Disqualifier, name=names, when=when)),
    )
    market = st.builds(models.Market, name=names, validated=st.booleans(), when=when)
    return models.Icp(
        segments=draw(_distinct("name", segment, 1)),
        markets=draw(_distinct("name", market)),
        conditions=named,
    )


@st.composite
def routing(draw: st.DrawFn) -> models.Routing:
    named = draw(st.dictionaries(names, comparisons, max_size=2))
    when = conditions(named)
    queue = st.builds(models.Queue, accept_within=business_durations, fallback=st.none() | names)
    rule = st.builds(
        models.RoutingRule,
        name=names,
        queue=names,
        when=st.none() | when,
        motion=st.sampled_from(["work", "nurture"]),
    )
    return models.Routing(
        rules=draw(_distinct("name", rule, 1)),
        queues=draw(st.dictionaries(names, queue, min_size=1, max_size=3)),
        suppress=draw(_distinct("reason", st.builds(models.SuppressionRule, reason=names, when=when))),
        alert_owner_when=draw(st.none() | when),
        conditions=named,
    )


teams = st.builds(
    models.Team,
    reps=_distinct(
        "id",
        st.builds(
            models.Rep,
            id=names,
            name=texts,
            queues=st.lists(names, min_size=1, max_size=3, unique=True).map(tuple),
            weight=st.integers(0, 1_000),
            max_open=st.none() | st.integers(1, 100_000),
            time_zone=st.none() | texts,
            hours=st.none() | hours(),
        ),
    ),
)
providers = st.builds(
    models.ProviderPolicy,
    deadline=durations,
    budget=st.builds(
        models.Budget, per_lead_cents=st.integers(0, 10**6), per_day_cents=st.integers(0, 10**9)
    ),
    decision_aware=st.booleans(),
    fields=st.dictionaries(
        texts,
        st.builds(
            models.Waterfall,
            order=st.lists(names, min_size=1, max_size=3, unique=True).map(tuple),
            min_confidence=st.integers(0, 100),
            fresh=st.none() | durations,
        ),
        max_size=2,
    ),
    providers=st.dictionaries(
        names, st.builds(models.Provider, integration=names, base_url=texts, timeout=durations), max_size=2
    ),
)
sources = st.builds(
    models.SourcePolicy,
    sources=st.dictionaries(
        names,
        st.builds(
            models.SourceConfig,
            kind=st.sampled_from(["form", "typeform", "signal"]),
            public=st.booleans(),
            signature=st.none() | st.just("standard"),
            origins=st.lists(texts, max_size=2, unique=True).map(tuple),
            defaults=st.builds(models.SourceDefaults, channel=st.none() | texts),
            map=st.dictionaries(texts, texts, max_size=2),
        ),
        max_size=2,
    ),
)
intent_rules = st.builds(
    models.IntentRule,
    name=names,
    on=st.lists(texts, min_size=1, max_size=3, unique=True).map(tuple),
    points=st.integers(1, 100),
    half_life=durations,
    group=st.none() | names,
    when=st.none() | conditions({}),
)
signal_rules = st.builds(
    models.SignalRule,
    name=names,
    on=st.lists(texts, min_size=1, max_size=3, unique=True).map(tuple),
    points=st.integers(1, 100),
    rises=st.none() | durations,
    ends=st.none() | durations,
    strong=st.booleans(),
)
percents = st.integers(0, 100)
scorings = st.builds(
    models.Scoring,
    intent=st.builds(
        models.IntentScoring,
        rules=_distinct("name", intent_rules),
        signals=_distinct("name", signal_rules),
        cap=percents,
        groups=st.dictionaries(names, percents, max_size=2),
    ),
    grades=st.builds(
        models.Grades,
        fit=st.builds(models.FitGrades, A=percents, B=percents, C=percents, D=percents),
        intent=st.lists(percents, min_size=4, max_size=4).map(
            lambda floors: models.IntentGrades(**dict(zip("1234", floors, strict=True)))
        ),
        hysteresis=st.integers(0, 50),
    ),
    total=st.builds(models.Total, fit=percents, intent=percents),
    accounts=st.builds(
        models.AccountScoring,
        spike=st.builds(models.Spike, people=st.integers(2, 1_000), within=durations),
        qualified_when=st.none() | conditions({}),
    ),
    bands=st.lists(
        st.builds(models.Band, band=st.sampled_from(["cold", "mql", "sql"]), when=st.none() | conditions({})),
        min_size=1,
        max_size=3,
    ).map(tuple),
)
accounts = st.builds(models.Accounts, target=st.lists(texts, max_size=3, unique=True).map(tuple))

files: st.SearchStrategy[models.PolicyModel] = st.one_of(
    icp(), routing(), teams, providers, sources, scorings, accounts
)
"""Any file of a policy."""
