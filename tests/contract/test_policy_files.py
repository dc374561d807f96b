"""The default policy files: valid, described by current schemas, and deciding what they are said to."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from ruamel.yaml import YAML

from shared.integrations.schema import SCHEMAS
from shared.lead.events.routing import Distribution
from shared.policy.compiled import CompiledPolicy, compiled
from shared.policy.load import load, read_policy, texts_in
from shared.policy.models import FILES, Rep
from shared.policy.models.routing import LadderEffect
from shared.policy.schema import path_of, rendered
from shared.rules.findings import Severity

CONFIG = Path("config")
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def policy() -> CompiledPolicy:
    return compiled(load(CONFIG))


def _as_json(value: Any) -> Any:
    """JSON has text keys only."""
    if isinstance(value, dict):
        return {str(key): _as_json(item) for key, item in value.items()}
    return [_as_json(item) for item in value] if isinstance(value, list) else value


def _plain(text: str) -> Any:
    return _as_json(YAML(typ="safe", pure=True).load(text))


@pytest.mark.parametrize("file", FILES)
def test_the_committed_schema_is_current(file: str) -> None:
    """If not: `python -m shared.policy.schema config/schemas`."""
    assert (CONFIG / "schemas" / path_of(file)).read_text(encoding="utf-8") == rendered(file)


@pytest.mark.parametrize("file", FILES)
def test_the_default_file_is_valid_by_its_schema_and_names_it(file: str) -> None:
    text = (CONFIG / file).read_text(encoding="utf-8")
    schema = json.loads(rendered(file))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(_plain(text))
    assert text.startswith(f"# yaml-language-server: $schema=schemas/{path_of(file)}\n")


def test_the_example_of_hand_offs_is_a_policy_beside_the_default_files() -> None:
    texts = texts_in(CONFIG)
    example = texts_in(CONFIG / "examples" / "hand-off")
    assert set(example) == {"routing.yaml", "team.yaml"}
    for file, text in example.items():
        assert text.startswith(f"# yaml-language-server: $schema=../../schemas/{path_of(file)}\n")
        # It says the same as the default file, but for what is about hand-offs.
        missing = set(texts[file].splitlines()) - set(text.splitlines())
        assert len(missing) <= 8, missing
    reading = read_policy({**texts, **example})
    assert [finding for finding in reading.findings if finding.severity is not Severity.NOTE] == []
    assert reading.policy is not None
    assert reading.policy.routing.hand_off.joins == ("se",)


def test_the_example_of_queues_is_a_policy_beside_the_default_files_and_uses_all_keys() -> None:
    example = texts_in(CONFIG / "examples" / "queues")
    assert set(example) == {"routing.yaml", "team.yaml", "accounts.yaml", "sources.yaml"}
    for file, text in example.items():
        assert text.startswith(f"# yaml-language-server: $schema=../../schemas/{path_of(file)}\n")
    reading = read_policy({**texts_in(CONFIG), **example})
    assert [finding for finding in reading.findings if finding.severity is not Severity.NOTE] == []
    assert reading.policy is not None
    routing, team = reading.policy.routing, reading.policy.team
    assert set(routing.queues) == {"sdr", "bdr", "inside-ae", "field-ae", "partner", "se", "csm"}
    assert {queue.distribute for queue in routing.queues.values()} == set(get_args(Distribution))
    steps = {step.do for queue in routing.queues.values() for step in queue.ladder}
    assert steps == set(get_args(LadderEffect))
    used = {name for rep in team.reps for name in rep.model_fields_set}
    assert used | {"destination"} == set(Rep.model_fields)
    staffed = {queue for rep in team.reps for queue in rep.queues}
    for territory in routing.territories:  # nobody's lead waits for a rep whom its territory does not have
        assert {q for rep in team.reps if rep.id in territory.reps for q in rep.queues} == staffed


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("icp.yaml", "points: 35", "points: 350"),
        ("icp.yaml", "company.employees, lt", "company.employes, lt"),
        ("icp.yaml", "lt: 10", "below: 10"),
        ("scoring.yaml", "half_life: 14d", "half_life: 2w"),
        ("scoring.yaml", "band: mql", "band: warm"),
        ("routing.yaml", "accept_within:", "accept_in:"),
        ("team.yaml", "weight: 50", "weight: many"),
        ("providers.yaml", "key_env: PDL_API_KEY", "key_env: BATON_ADMIN_KEY"),
    ],
)
def test_an_editor_sees_a_mistake_too(file: str, old: str, new: str) -> None:
    text = (CONFIG / file).read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(ValidationError):
        Draft202012Validator(json.loads(rendered(file))).validate(_plain(text.replace(old, new)))


def test_the_directory_holds_the_seven_files_and_their_schemas() -> None:
    assert {path.name for path in CONFIG.glob("*.yaml")} == set(FILES) == set(texts_in(CONFIG))
    schemas = {path.name for path in (CONFIG / "schemas").iterdir()}
    assert schemas == {path_of(file) for file in FILES} | {*SCHEMAS}


def test_the_team_has_somebody_for_every_queue(policy: CompiledPolicy) -> None:
    reps = policy.policy.team.reps
    assert len(reps) == 9
    assert {queue for rep in reps for queue in rep.queues} == set(policy.policy.routing.queues)
    assert all(rep.hours is None for rep in reps)


def _fit(policy: CompiledPolicy, facts: dict[str, Any]) -> int:
    (segment,) = policy.segments
    if segment.disqualify.first(facts, AT):
        return 0
    return sum(level.points for level in segment.levels(facts, AT) if level is not None)


def _lead(policy: CompiledPolicy, **facts: Any) -> dict[str, Any]:
    """Return facts with the market that they are in; a keyword `company_employees` is `company.employees`."""
    known = {name.replace("_", ".", 1): fact for name, fact in facts.items()}
    market = policy.markets.first(known, AT)
    if market is not None:
        known |= {"account.market": market.name, "account.market_validated": market.validated}
    return known


def test_fit_of_the_leads_of_the_contract(policy: CompiledPolicy) -> None:
    perfect = _lead(
        policy,
        company_employees=420,
        company_industry="Software",
        company_country="US",
        company_revenue_usd=62_000_000,
        company_technologies=["salesforce", "snowflake"],
        person_seniority="vp",
    )
    good = _lead(
        policy,
        company_employees=180,
        company_industry="software",
        company_country="GB",
        person_seniority="manager",
    )
    enterprise = _lead(
        policy,
        company_employees=12_000,
        company_industry="manufacturing",
        company_country="DE",
        person_seniority="director",
    )
    tiny = _lead(policy, company_employees=4, company_industry="restaurants", company_country="US")
    assert [_fit(policy, lead) for lead in (perfect, good, enterprise, tiny, {})] == [100, 85, 40, 0, 0]


def test_norway_is_a_country(policy: CompiledPolicy) -> None:
    assert _lead(policy, company_country="NO")["account.market"] == "core"
    assert _lead(policy, company_country="BR")["account.market_validated"] is False
    assert "account.market" not in _lead(policy, company_country="ZA")


def test_a_round_of_funding_counts_for_a_year(policy: CompiledPolicy) -> None:
    funded = {"company.last_funding_at": AT - timedelta(days=365)}
    assert _fit(policy, funded) == 5
    assert _fit(policy, {"company.last_funding_at": AT - timedelta(days=366)}) == 0
    assert (
        _fit(policy, {"company.last_funding_at": AT - timedelta(days=366), "company.revenue_usd": 10**7}) == 5
    )


def test_bands(policy: CompiledPolicy) -> None:
    bands: dict[str, list[str]] = {}
    for grade in (f"{fit}{intent}" for fit in "ABCD" for intent in "1234"):
        band = policy.bands.first({"score.grade": grade}, AT)
        assert band is not None
        bands.setdefault(band.band, []).append(grade)
    assert bands["sql"] == ["A1", "A2", "B1"]
    assert bands["mql"] == ["A3", "B2", "B3", "C1", "C2"]
    assert set(bands) == {"sql", "mql", "cold"}


OWNED = {"owner.active": True, "owner.queue": "sdr"}


@pytest.mark.parametrize(
    ("facts", "rule", "queue", "motion"),
    [
        ({"score.fit_grade": "A", "score.intent_grade": 1}, "high-intent", "senior-ae", "work"),
        ({"score.fit_grade": "A", "score.intent_grade": 3}, "fits", "sdr", "work"),
        ({"score.fit_grade": "C", "score.intent_grade": 1}, "fits", "sdr", "work"),
        ({"score.fit_grade": "C", "score.intent_grade": 3, "company.employees": 12_000}, "strategic", "bdr", "work"),
        (
            {"score.fit_grade": "A", "score.intent_grade": 1, "account.market_validated": False, "company.employees": 20},
            "new-market", "bdr", "work",
        ),
        ({"score.fit_grade": "D", "account.market_validated": False, "company.employees": 19}, "nurture", "sdr", "nurture"),
        ({"score.fit_grade": "D", "account.market_validated": False}, "nurture", "sdr", "nurture"),
        ({"score.fit_grade": "B", "answers.interest": "Partnership"}, "partner", "bdr", "work"),
        ({"score.fit_grade": "B", "answers.interest": ["news", "reseller"]}, "partner", "bdr", "work"),
        ({"score.fit_grade": "B", "answers.interest": "Become a partner"}, "partner", "bdr", "work"),
        ({"score.fit_grade": "B", "answers.interest": ["demo", "Partnerships"]}, "partner", "bdr", "work"),
        ({"score.fit_grade": "B", "answers.interest": "Departnering"}, "fits", "sdr", "work"),
        ({"score.fit_grade": "D", "source.channel": "partner"}, "partner", "bdr", "work"),
        ({"score.fit_grade": "D", "score.intent_grade": 4}, "nurture", "sdr", "nurture"),
        ({"score.fit_grade": "D", "account.relation": "target"}, "strategic", "bdr", "work"),
        (
            {"score.fit_grade": "B", "score.intent_grade": 3, "account.relation": "target", "signals.strong": True},
            "high-intent", "senior-ae", "work",
        ),
        ({"score.fit_grade": "A", "score.intent_grade": 3, **OWNED}, "existing-owner", "keep", "work"),
        ({"score.fit_grade": "A", "score.intent_grade": 1, **OWNED}, "high-intent", "senior-ae", "work"),
        ({"score.fit_grade": "A", "score.intent_grade": 1, **OWNED, "owner.accepted": True}, "existing-owner", "keep", "work"),
        ({"score.fit_grade": "A", "score.intent_grade": 1, **OWNED, "owner.queue": "senior-ae"}, "existing-owner", "keep", "work"),
        ({"score.fit_grade": "D", "owner.active": False, "owner.queue": "bdr"}, "nurture", "sdr", "nurture"),
    ],
)  # fmt: skip
def test_who_gets_what(
    policy: CompiledPolicy, facts: dict[str, Any], rule: str, queue: str, motion: str
) -> None:
    taken = policy.rules.first(facts, AT)
    assert taken is not None
    assert (taken.name, taken.queue, taken.motion) == (rule, queue, motion)
    named = [rule.name for rule in policy.rules.explain(facts, AT) if rule.verdict.truth and not rule.earlier]
    assert named == [rule]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"consent.opted_out": True}, "opted_out"),
        ({"person.email_kind": "disposable"}, "disposable_email"),
        ({"account.relation": "competitor"}, "competitor"),
        ({"person.seniority": "student"}, "student"),
        ({"spam_score": 80}, "spam"),
        ({"spam_score": 79, "consent.marketing": False, "consent.opted_out": False}, None),
        ({}, None),
    ],
)
def test_who_gets_nothing(policy: CompiledPolicy, facts: dict[str, Any], reason: str | None) -> None:
    suppression = policy.suppress.first(facts, AT)
    assert (suppression.reason if suppression else None) == reason


def test_a_page_about_pricing_counts_under_two_rules(policy: CompiledPolicy) -> None:
    def counted(**facts: Any) -> list[str]:
        known = {name.replace("_", ".", 1): fact for name, fact in facts.items()}
        return [rule.name for rule in policy.intent[known["activity.type"]].matching(known, AT)]

    assert counted(activity_type="page_view", activity_path="/Pricing/plans") == ["pricing", "page"]
    assert counted(activity_type="page_view", activity_path="/blog") == ["page"]
    assert counted(activity_type="page_view") == ["page"]
    assert counted(activity_type="pricing_view") == ["pricing"]


def test_a_surge_counts_from_sixty_on(policy: CompiledPolicy) -> None:
    surge = policy.signals["intent_surge"]
    assert [len(surge.matching({"signal.strength": strength}, AT)) for strength in (59, 60, None)] == [
        0,
        1,
        0,
    ]


def test_an_account_qualifies_by_a_buying_committee(policy: CompiledPolicy) -> None:
    assert policy.qualified is not None
    account = {
        "account.best_fit_grade": "B",
        "account.high_intent_people": 0,
        "account.medium_intent_people": 3,
    }
    assert policy.qualified.holds({**account, "account.people": 2, "account.spike": False}, AT) is True
    assert policy.qualified.holds({**account, "account.people": 1, "account.spike": False}, AT) is False
    assert policy.qualified.holds(account, AT) is None
