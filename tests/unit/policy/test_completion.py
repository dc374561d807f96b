"""What an editor of policy files completes."""

from __future__ import annotations

from pathlib import Path

import msgspec

from shared.lead.fields import all_fields
from shared.policy.completion import policy_words
from shared.policy.integrations import KnownIntegrations
from shared.policy.load import load, texts_in
from shared.rules.operators import OPERATORS

WORDS = policy_words(
    load(texts_in(Path("config"))),
    KnownIntegrations(providers={"apollo": {}}, forms=frozenset({"typeform"})),
)


def test_every_field_and_operator_is_a_word() -> None:
    assert [word.name for word in WORDS.fields] == [field.name for field in all_fields()]
    assert [word.name for word in WORDS.operators] == [op.value for op in OPERATORS]
    assert [word.name for word in WORDS.functions] == ["all", "any", "not", "use"]


def test_a_field_says_its_type_its_values_and_where_it_may_stand() -> None:
    fields = {word.name: word for word in WORDS.fields}
    employees = fields["company.employees"]
    assert (employees.label, employees.type) == ("company employees", "integer")
    assert {"gte", "between", "exists"} <= {*employees.operators}
    assert "contains" not in employees.operators
    assert employees.files == ["icp.yaml", "scoring.yaml", "routing.yaml"]
    assert fields["owner.active"].files == ["routing.yaml"]
    assert fields["owner.active"].default is False
    assert fields["form.name"].files == ["sources.yaml"]
    assert fields["account.relation"].words == ["target", "customer", "competitor", "partner", "none"]
    assert fields["account.market_validated"].words == ["true", "false"]


def test_names_are_those_of_the_policy_and_of_what_is_installed() -> None:
    assert WORDS.names["queues"] == ["bdr", "keep", "sdr", "senior-ae"]
    assert WORDS.names["conditions"] == ["high_intent", "new_market", "partner"]
    assert WORDS.names["integrations"] == ["apollo", "typeform"]
    assert "sdr-1" in WORDS.names["reps"]


def test_keys_are_those_of_each_file_without_the_words_of_conditions() -> None:
    assert {"queues", "accept_within", "suppress"} <= {*WORDS.keys["routing.yaml"]}
    assert {"field", "all", "gte"}.isdisjoint(WORDS.keys["routing.yaml"])
    assert "half_life" in WORDS.keys["scoring.yaml"]


def test_all_of_it_is_json_of_a_bounded_size() -> None:
    assert len(msgspec.json.encode(WORDS)) < 60_000
