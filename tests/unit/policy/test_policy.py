"""Policies as values: version, differences, bounds, working hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.policy.compiled import compared_ages, compared_fields
from shared.policy.content_hash import shown, version_of
from shared.policy.diff import diff
from shared.policy.hours import Hours, Shift, parse_hours
from shared.policy.load import PolicyInvalid, load, texts_in

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEFAULT = texts_in(Path("config"))


def _changed(file: str, old: str, new: str) -> dict[str, str]:
    assert old in DEFAULT[file]
    return {**DEFAULT, file: DEFAULT[file].replace(old, new)}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("icp.yaml", "# Fit: which", "# Size: which"),
        ("icp.yaml", "  - name: core\n    validated: true", "  - validated: true\n    name: core"),
        ("scoring.yaml", "cap: 100", "cap:   100 # at most"),
        ("scoring.yaml", "on: demo_request,", "on: [demo_request],"),
        ("scoring.yaml", "half_life: 14d, max: 90", "half_life: 336h, max: 90"),
        ("routing.yaml", "queue: senior-ae}", "queue: senior-ae, motion: work}"),
        ("team.yaml", "weight: 50", "weight: 0x32"),
        ("accounts.yaml", "northpeak.example", "southpeak.example"),
        ("sources.yaml", "channel: website", "channel: web"),
    ],
)
def test_what_means_the_same_has_the_same_version(file: str, old: str, new: str) -> None:
    assert version_of(load(_changed(file, old, new))) == version_of(load(DEFAULT))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("icp.yaml", "lt: 10", "lt: 11"),
        ("scoring.yaml", "max: 60", "max: 50"),
        ("routing.yaml", "eq: true}}\n  - {reason: dis", "eq: false}}\n  - {reason: dis"),
        ("routing.yaml", "accept_within: 4h business", "accept_within: 4h"),
        ("team.yaml", "Ana Ruiz", "Ana Ruiz Soto"),
        ("providers.yaml", "[hunter, zerobounce]", "[zerobounce, hunter]"),
    ],
)
def test_what_means_something_else_has_another_version(file: str, old: str, new: str) -> None:
    assert version_of(load(_changed(file, old, new))) != version_of(load(DEFAULT))


def test_the_order_of_rules_is_part_of_the_meaning() -> None:
    spam = "  - {reason: spam, when: {field: spam_score, gte: 80}}\n"
    text = DEFAULT["routing.yaml"].replace(spam, "")
    moved = text.replace("  - {reason: opted_out", f"{spam}  - {{reason: opted_out")
    assert version_of(load({**DEFAULT, "routing.yaml": moved})) != version_of(load(DEFAULT))


def test_a_version_is_shown_by_its_beginning() -> None:
    version = version_of(load(DEFAULT))
    assert len(version) == 64
    assert version.startswith(shown(version))
    assert len(shown(version)) == 12


def test_a_policy_that_is_none_says_all_that_is_wrong() -> None:
    with pytest.raises(PolicyInvalid) as raised:
        load(_changed("routing.yaml", "queue: bdr", "queue: bdrs"))
    errors = str(raised.value).splitlines()
    assert len(errors) == 3
    assert errors[0].startswith("routing.yaml:42:56 rules[1].queue: there is no queue")
    assert len(raised.value.findings) > len(errors)


def test_a_directory_without_files_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid, match=r"icp\.yaml:1:1: the file is missing"):
        load(tmp_path)


def test_differences_name_members_of_lists() -> None:
    changed = {
        **_changed("routing.yaml", "gte: 80", "gte: 90"),
        "team.yaml": DEFAULT["team.yaml"]
        .replace("  - {id: sdr-4, name: Daniel Kim, queues: [sdr], weight: 50, max_open: 30}\n", "")
        .replace("Ana Ruiz", "Ana Soto"),
        "providers.yaml": DEFAULT["providers.yaml"].replace("fresh: 180d", "fresh: 90d", 1),
    }
    assert [str(change).partition(' {"')[0] for change in diff(load(DEFAULT), load(changed))] == [
        'providers.fields["company.employees"].fresh: "180d" -> "90d"',
        "routing.suppress[spam].when.gte: 80 -> 90",
        'team.reps[sdr-1].name: "Ana Ruiz" -> "Ana Soto"',
        "team.reps[sdr-4]: removed",
    ]


def test_a_rule_that_moved_is_a_difference_of_order() -> None:
    line = "  - {name: partner, when: {use: partner}, queue: bdr}\n"
    text = DEFAULT["routing.yaml"].replace(line, "").replace("  - {name: fits", f"{line}  - {{name: fits")
    (moved,) = diff(load(DEFAULT), load({**DEFAULT, "routing.yaml": text}))
    assert moved.path == "routing.rules.order"
    assert moved.old.index("partner") == 2
    assert moved.new.index("partner") == 4


def test_the_same_policy_has_no_differences() -> None:
    assert diff(load(DEFAULT), load(_changed("icp.yaml", "# Fit: which", "# What"))) == []


def test_the_fields_that_a_condition_asks_for() -> None:
    rules = load(DEFAULT).routing.rules
    assert compared_fields(rules[1].when, rules[4].when, None) == (
        "account.market_validated",
        "company.employees",
        "account.relation",
    )


def test_the_ages_that_conditions_ask_for() -> None:
    (segment,) = load(DEFAULT).icp.segments
    whens = [level.when for criterion in segment.criteria for level in criterion.levels]
    assert compared_ages(*whens, *whens) == (("company.last_funding_at", timedelta(days=365)),)


def test_a_condition_that_is_too_large_to_judge_is_left_unjudged() -> None:
    """Forty choices of two are 2 ** 40 boxes."""
    choices = ", ".join(
        f"{{any: [{{field: company.employees, gte: {at}}}, {{field: answers.q{at}, eq: x}}]}}"
        for at in range(40)
    )
    rule = f"  - {{name: wide, when: {{all: [{choices}]}}, queue: bdr}}\n"
    text = DEFAULT["routing.yaml"].replace("  - {name: new-market", f"{rule}  - {{name: new-market")
    assert load({**DEFAULT, "routing.yaml": text}).routing.rules[1].name == "wide"


@pytest.mark.parametrize(
    ("text", "shifts"),
    [
        ("Mon-Fri 09:00-17:00", [Shift((0, 1, 2, 3, 4), 540, 1020)]),
        ("sat 10:00-24:00", [Shift((5,), 600, 1440)]),
        ("Fri-Mon 08:30-12:00", [Shift((4, 5, 6, 0), 510, 720)]),
        ("Mon 08:00-12:00, Mon 13:00-17:00", [Shift((0,), 480, 720), Shift((0,), 780, 1020)]),
    ],
)
def test_working_hours(text: str, shifts: list[Shift]) -> None:
    assert parse_hours(text) == Hours(tuple(shifts))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9-17",
        "Mon-Fri",
        "Mon-Fry 09:00-17:00",
        "Mon 17:00-09:00",
        "Mon 09:00-09:00",
        "Mon 09:00-25:00",
        "Mon 09:60-10:00",
        "Mon-Wed 09:00-12:00, Tue 11:00-13:00",
    ],
)
def test_what_are_no_working_hours(text: str) -> None:
    with pytest.raises(ValueError, match=r"hours|day|shifts"):
        parse_hours(text)
