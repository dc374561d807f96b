"""The questions that the checks of a policy ask: fallbacks of queues, owners, the most intent."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.policy.compiled import compared_ages, compared_fields, compiled
from shared.policy.lint.routing import fallback_chain, implies_owner
from shared.policy.lint.scoring import intent_max
from shared.policy.load import PolicyInvalid, load, read_policy, texts_in
from shared.policy.models import FILES, IntentRule, IntentScoring, SignalRule
from shared.policy.rule_tables import band_rules, level_rules, routing_rules, signal_rules, suppression_rules
from shared.rules.operators import Op
from shared.rules.syntax import ALWAYS, AllOf, AnyOf, Compare, Condition, Not
from shared.rules.times import Duration
from tests.support.rules import AT

ACTIVE = Compare("owner.active", Op.EQ, value=True)
SQL = Compare("score.band", Op.EQ, "sql")


@pytest.mark.parametrize(
    ("condition", "implied"),
    [
        (None, False),
        (ALWAYS, False),
        (ACTIVE, True),
        (SQL, False),
        (AllOf((SQL, ACTIVE)), True),
        (AnyOf((SQL, ACTIVE)), False),
        (AnyOf((AllOf((SQL, ACTIVE)), ACTIVE)), True),
        (Not(Compare("owner.active", Op.EQ, value=False)), True),
        (Not(ACTIVE), False),
        (Compare("owner.active", Op.NE, value=False), True),
    ],
)
def test_a_condition_implies_an_active_owner(condition: Condition | None, implied: bool) -> None:
    assert implies_owner(condition) is implied


def test_a_condition_that_is_too_large_is_taken_to_imply_an_owner() -> None:
    pairs = tuple(
        AnyOf((Compare(f"answers.a{number}", Op.EQ, 1), Compare(f"answers.b{number}", Op.EQ, 1)))
        for number in range(9)
    )
    assert implies_owner(AllOf(pairs))


def queues(files: dict[str, str], **fallbacks: str) -> str:
    """Return routing.yaml with queues that fall back to these."""
    head, _, _ = files["routing.yaml"].partition("queues:")
    names = {*fallbacks, *fallbacks.values(), "ae", "sdr"} - {"unknown"}
    lines = [
        f"  {name}: {{accept_within: 1h{f', fallback: {fallbacks[name]}' if name in fallbacks else ''}}}"
        for name in sorted(names)
    ]
    return "\n".join([f"{head}queues:", *lines, ""])


@pytest.mark.parametrize(
    ("fallbacks", "start", "chain"),
    [
        ({}, "ae", ["ae"]),
        ({"ae": "sdr"}, "ae", ["ae", "sdr"]),
        ({"ae": "sdr"}, "sdr", ["sdr"]),
        ({"ae": "sdr", "sdr": "spare"}, "ae", ["ae", "sdr", "spare"]),
    ],
)
def test_a_fallback_chain_ends_where_a_queue_has_none(
    files: dict[str, str], fallbacks: dict[str, str], start: str, chain: list[str]
) -> None:
    routing = load({**files, "routing.yaml": queues(files, **fallbacks)}).routing
    assert fallback_chain(routing, start) == chain


@pytest.mark.parametrize(
    ("fallbacks", "loops"),
    [
        ({"ae": "ae"}, ["ae -> ae"]),
        ({"ae": "sdr", "sdr": "ae"}, ["ae -> sdr -> ae"]),
        ({"ae": "sdr", "sdr": "x", "x": "ae"}, ["ae -> sdr -> x -> ae"]),
        ({"ae": "sdr", "sdr": "sdr"}, ["sdr -> sdr"]),
        ({"ae": "x", "x": "ae", "sdr": "y", "y": "sdr"}, ["ae -> x -> ae", "sdr -> y -> sdr"]),
        ({"ae": "unknown"}, []),
    ],
)
def test_every_circle_of_fallbacks_is_reported_once(
    files: dict[str, str], fallbacks: dict[str, str], loops: list[str]
) -> None:
    findings = read_policy({**files, "routing.yaml": queues(files, **fallbacks)}).findings
    found = [finding.message.partition("circle: ")[2] for finding in findings if "circle" in finding.message]
    assert found == loops


def rule(name: str, most: int, group: str | None = None) -> IntentRule:
    return IntentRule(name=name, on=("page_view",), points=1, half_life=Duration(60), max=most, group=group)


@pytest.mark.parametrize(
    ("rules", "groups", "cap", "most"),
    [
        ([], {}, 100, 0),
        ([rule("a", 30), rule("b", 40)], {}, 100, 70),
        ([rule("a", 30), rule("b", 40)], {}, 60, 60),
        ([rule("a", 30, "web"), rule("b", 40, "web")], {"web": 50}, 100, 50),
        ([rule("a", 10, "web"), rule("b", 20, "web")], {"web": 50}, 100, 30),
        ([rule("a", 10, "web"), rule("b", 20)], {"web": 5, "empty": 50}, 100, 25),
    ],
)
def test_the_most_intent_of_all_rules(
    rules: list[IntentRule], groups: dict[str, int], cap: int, most: int
) -> None:
    assert intent_max(IntentScoring(rules=tuple(rules), groups=groups, cap=cap)) == most


def test_signals_may_reach_the_cap_because_they_repeat() -> None:
    signal = SignalRule(name="s", on=("funding_round",), points=1, half_life=Duration(60))
    assert intent_max(IntentScoring(rules=(rule("a", 10),), signals=(signal,), cap=80)) == 80


def test_tables_are_named_for_explanations(files: dict[str, str]) -> None:
    policy = load(files)
    size = policy.icp.segments[0].criteria[0]
    assert [rule.name for rule in level_rules(size)] == ["size[0]", "size[1]"]
    assert [rule.name for rule in band_rules(policy.scoring.bands)] == ["sql[0]", "mql[1]", "cold[2]"]
    assert [rule.name for rule in routing_rules(policy.routing.rules)] == ["owned", "hot", "rest"]
    assert [rule.name for rule in suppression_rules(policy.routing.suppress)] == ["spam"]
    assert [rule.name for rule in signal_rules(policy.scoring.intent.signals, "funding_round")] == ["funded"]
    assert signal_rules(policy.scoring.intent.signals, "page_view") == []


def test_a_compiled_policy_decides_and_explains(files: dict[str, str]) -> None:
    policy = compiled(load(files))
    (segment,) = policy.segments
    facts = {"company.employees": 300, "person.seniority": "vp", "company.country": "DE", "spam_score": 90}
    assert [level.points if level else 0 for level in segment.levels(facts, AT)] == [60, 40]
    assert [criterion.first(facts, AT) for criterion in segment.criteria] == list(segment.levels(facts, AT))
    assert segment.disqualify.first(facts, AT) is None
    market = policy.markets.first(facts, AT)
    assert market is not None
    assert market.name == "core"
    suppressed = policy.suppress.first(facts, AT)
    assert suppressed is not None
    assert suppressed.reason == "spam"
    assert [verdict.verdict.truth for verdict in policy.rules.explain({"score.band": "sql"}, AT)] == [
        False,
        True,
        True,
    ]
    assert set(policy.intent) == {"demo_request", "page_view"}
    (demo,) = policy.intent["demo_request"].matching({}, AT)
    assert demo.name == "demo"
    (verdict,) = policy.intent["demo_request"].explain({}, AT)
    assert (verdict.name, verdict.verdict.truth) == ("demo", True)
    assert policy.qualified is None
    assert policy.alert_owner is not None
    assert policy.alert_owner.holds({"account.relation": "partner"}, AT) is True
    assert policy.alert_owner.explain({}, AT).truth is False


def test_the_fields_and_ages_of_conditions_are_named_once() -> None:
    young = Compare("company.last_funding_at", Op.WITHIN, Duration(60))
    assert compared_fields(None, AllOf((SQL, young)), SQL) == ("score.band", "company.last_funding_at")
    assert compared_ages(None, SQL, AnyOf((young, young))) == (
        ("company.last_funding_at", Duration(60).timedelta),
    )


def test_a_directory_is_read_file_by_file(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "notes.txt").write_text("not a policy file")
    assert texts_in(tmp_path) == files
    assert load(tmp_path) == load(files)
    assert list(texts_in(tmp_path)) == list(FILES)


def test_a_file_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_bytes(b"reps: \xff")
    with pytest.raises(PolicyInvalid, match=r"team\.yaml:1:1: the file cannot be read: .*utf-8"):
        texts_in(tmp_path)


def test_a_directory_in_the_place_of_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").mkdir()
    with pytest.raises(PolicyInvalid, match=r"team\.yaml:1:1: the file cannot be read"):
        texts_in(tmp_path)


def test_an_error_lists_errors_only_and_keeps_the_warnings(files: dict[str, str]) -> None:
    files["team.yaml"] = files["team.yaml"].replace("queues: [sdr, ae]", "queues: [aes]")
    with pytest.raises(PolicyInvalid) as raised:
        load(files)
    assert (
        str(raised.value) == 'team.yaml:3:38 reps[1].queues[0]: there is no queue "aes"; did you mean "ae"?'
    )
    assert [finding.message for finding in raised.value.findings] == [
        "nobody gets leads of the queue sdr",
        'there is no queue "aes"; did you mean "ae"?',
    ]
