"""The registry of the fields that a condition may name."""

from __future__ import annotations

import pytest

from shared.lead.events.parts import Company, Person
from shared.lead.fields import (
    DEPARTMENTS,
    FIELD_NAME_LENGTH_MAX,
    GRADES,
    SENIORITIES,
    SIGNAL_TYPES,
    FactKeys,
    Kind,
    Known,
    Scope,
    all_fields,
    default_of,
    field_named,
)


def test_every_fact_key_is_the_name_of_a_field_or_the_stem_of_a_family():
    keys = {value for name, value in vars(FactKeys).items() if name.isupper()}
    names = {field.name.removesuffix("*") for field in all_fields()}
    assert keys == names


def test_a_field_is_found_by_its_name():
    field = field_named("company.employees")
    assert field is not None
    assert (field.kind, field.known, field.low, field.bought) == (Kind.INTEGER, Known.LEAD, 0, True)


def test_a_family_has_a_field_for_every_name_after_its_dot():
    field = field_named("source.utm.source")
    assert field is not None
    assert (field.name, field.kind, field.family) == ("source.utm.source", Kind.TEXT, False)


@pytest.mark.parametrize("label", ["team size", "team_size", "Team Size *", "teamSize[]"])
def test_an_answer_is_named_by_its_plain_label(label: str):
    field = field_named(f"answers.{label}")
    assert field is not None
    assert (field.name, field.kind, field.family) == ("answers.team size", Kind.OPEN, False)


@pytest.mark.parametrize(
    "name",
    ["", "company", "company.*", "answers.*", "answers.", "answers", "company.employee", "ANSWERS.x"],
)
def test_a_name_outside_the_registry_is_no_field(name):
    assert field_named(name) is None


def test_the_name_of_a_field_is_bounded():
    longest = "answers." + "x" * (FIELD_NAME_LENGTH_MAX - len("answers."))
    assert field_named(longest) is not None
    assert field_named(longest + "x") is None


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("account.relation", "none"),
        ("spam_score", 0),
        ("signals.strong", False),
        ("signals.types", ()),
        ("company.employees", None),
        ("no.field", None),
    ],
)
def test_only_fields_that_are_never_missing_have_a_default(name, default):
    assert default_of(name) == default


def test_fields_that_a_provider_can_deliver_are_fields_of_person_and_company():
    bought = [field.name for field in all_fields() if field.bought]
    parts = {"person": Person, "company": Company}
    for name in bought:
        part, _, attribute = name.partition(".")
        assert attribute in parts[part].__struct_fields__, name


def test_names_are_unique():
    names = [field.name for field in all_fields()]
    assert len(names) == len(set(names))


def test_words_of_a_field_are_distinct_and_integers_have_sound_bounds():
    for field in all_fields():
        assert len(field.words) == len(set(field.words)), field.name
        assert field.low is None or field.high is None or field.low < field.high, field.name
        assert field.kind is not Kind.WORD or field.words, field.name


def test_every_grade_of_fit_goes_with_every_grade_of_intent():
    assert len(GRADES) == 16
    assert (GRADES[0], GRADES[-1]) == ("A1", "D4")


def test_opt_outs_and_activities_are_no_signals_that_give_points():
    assert "funding_round" in SIGNAL_TYPES
    assert not {"opt_out", "activity"} & set(SIGNAL_TYPES)


def test_seniorities_are_ordered_from_the_highest_and_departments_end_with_other():
    assert (SENIORITIES[0], SENIORITIES[-1]) == ("cxo", "student")
    assert DEPARTMENTS[-1] == "other"


@pytest.mark.parametrize(
    ("scope", "names", "hidden"),
    [
        (Scope.MARKETS, ["company.country"], ["account.market", "score.total"]),
        (Scope.FIT, ["account.market"], ["activity.type", "score.total"]),
        (Scope.INTENT, ["activity.type"], ["signal.type", "score.total"]),
        (Scope.SIGNALS, ["signal.type"], ["activity.type"]),
        (Scope.ACCOUNTS, ["account.people"], ["account.qualified", "score.total"]),
        (Scope.BANDS, ["score.grade"], ["score.band", "account.people"]),
        (Scope.ROUTING, ["score.band", "account.qualified", "owner.queue"], ["activity.type"]),
    ],
)
def test_a_table_may_ask_only_for_what_is_known_where_it_is_evaluated(scope, names, hidden):
    for name in [*names, *hidden]:
        field = field_named(name)
        assert field is not None
        assert bool(field.known & scope) is (name in names), name
