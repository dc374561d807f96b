"""Which way each version of the policy sent a lead: once under a version, once under all, whatever follows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.domain.counters import ANY_VERSION, Counts, accept_bucket_of, summed
from services.ledger.domain.lead_history import LeadDecision, LeadHistory, LeadOrigin, RepAct
from services.ledger.domain.lead_share import deltas_of, tally_of

HOUR = 3_600_000
ORIGIN = LeadOrigin(1, 0, "form", "site", "spring", ["company.employees"])


def by_rules(sequence: int, step: str, queue: str, policy: str = "v1", **given: Any) -> LeadDecision:
    owner = given.pop("owner", "ana")
    change = given.pop("change", "assigned")
    at = sequence * HOUR
    return LeadDecision(sequence, at, change, queue, owner, step, "B1", "mql", policy=policy, **given)


def accepted(hour: float) -> RepAct:
    at = int(hour * HOUR)
    return RepAct(f"accept{hour}", at, "accept", "ana", at)


def history(*parts: LeadDecision | RepAct, **given: Any) -> LeadHistory:
    decisions = [part for part in parts if isinstance(part, LeadDecision)]
    acts = [part for part in parts if isinstance(part, RepAct)]
    return LeadHistory(0, ORIGIN, given.get("merged", False), decisions, acts)


def rows(history: LeadHistory, table: str) -> dict[tuple[Any, ...], Counts]:
    """Return the counts of a table without zeros, by the names of their keys."""
    return {
        key[1:]: {name: number for name, number in counts.items() if number}
        for (name, key), counts in tally_of(history).share.items()
        if name == table
    }


def test_a_lead_counts_once_under_its_version_and_once_under_all():
    assert rows(history(by_rules(1, "fits", "sdr")), "path_counters") == {
        ("v1", "fits", "sdr", "assigned"): {"leads": 1, "assigned": 1},
        (ANY_VERSION, "fits", "sdr", "assigned"): {"leads": 1, "assigned": 1},
    }


def test_the_last_decision_of_a_version_counts_and_the_last_of_all():
    found = rows(
        history(
            by_rules(1, "fits", "sdr"),
            by_rules(2, "high-intent", "senior-ae", change="moved", owner="amy"),
            by_rules(3, "strategic", "bdr", "v2", change="moved", owner="bob"),
        ),
        "path_counters",
    )
    assert found == {
        ("v1", "high-intent", "senior-ae", "moved"): {"leads": 1, "assigned": 1},
        ("v2", "strategic", "bdr", "moved"): {"leads": 1, "assigned": 1},
        (ANY_VERSION, "strategic", "bdr", "moved"): {"leads": 1, "assigned": 1},
    }


def test_a_lead_is_in_the_queue_that_it_was_handed_on_to():
    handed = LeadDecision(2, 2 * HOUR, "moved", "senior-ae", "amy", "fits")
    found = rows(history(by_rules(1, "fits", "sdr"), handed), "path_counters")
    assert found[ANY_VERSION, "fits", "senior-ae", "assigned"] == {"leads": 1, "assigned": 1}


@pytest.mark.parametrize(
    ("parts", "became"),
    [
        ((by_rules(1, "fits", "sdr", accept_by=3 * HOUR), accepted(2)), {"assigned": 1, "accepted": 1}),
        (
            (by_rules(1, "fits", "sdr", accept_by=3 * HOUR), accepted(4)),
            {"assigned": 1, "accepted": 1, "late": 1},
        ),
        ((by_rules(1, "fits", "sdr", change="waiting", owner=None),), {}),
        ((by_rules(1, "spam", "", change="suppressed", owner=None),), {}),
        (
            (by_rules(1, "fits", "sdr"), accepted(2), by_rules(3, "existing-owner", "sdr", change="kept")),
            {"assigned": 1, "accepted": 1},
        ),
    ],
)
def test_what_became_of_the_lead_counts_with_its_path(parts: tuple[Any, ...], became: Counts):
    (counts,) = [
        counts for key, counts in rows(history(*parts), "path_counters").items() if key[0] == ANY_VERSION
    ]
    assert counts == {"leads": 1} | became


def test_rules_that_could_not_be_told_count_for_the_last_decision():
    decision = by_rules(1, "fits", "sdr", unknown=["new-market", "strategic"], missing=["company.employees"])
    assert rows(history(decision), "unknown_counters") == {
        (policy, rule, field): {"leads": 1}
        for policy in ("v1", ANY_VERSION)
        for rule in ("new-market", "strategic")
        for field in ("", "company.employees")
    }


def test_what_an_earlier_release_recorded_has_no_path_and_takes_none_away():
    before = history(LeadDecision(1, HOUR, "assigned", "sdr", "ana", "fits"))
    after = history(*before.decisions, by_rules(2, "strategic", "bdr"))
    assert rows(before, "path_counters") == {}
    gained = [
        delta.counts
        for delta in deltas_of([(tally_of(before), tally_of(after))])
        if delta.table == "path_counters"
    ]
    assert gained == [{"leads": 1, "assigned": 1}] * 2


def test_a_merged_lead_has_no_path():
    assert rows(history(by_rules(1, "fits", "sdr"), merged=True), "path_counters") == {}


def test_a_lead_that_is_given_back_counts_with_the_reason():
    given_back = RepAct("r", 2 * HOUR, "reject", "ana", 2 * HOUR, reason="no_budget")
    found = rows(history(by_rules(1, "fits", "sdr"), given_back), "flow_counters")
    assert found["sdr", "given_back", "no_budget"] == {"decided": 1}


def test_missing_fields_and_the_band_of_a_source_count_once_for_a_lead():
    found = rows(history(by_rules(1, "fits", "sdr")), "lead_counters")
    assert found["missing", "company.employees"] == found["missing", ""] == {"captured": 1}
    assert found["source_band", "mql site"] == {"captured": 1, "assigned": 1}


@pytest.mark.parametrize(
    ("minutes", "bucket"), [(0, 0), (4.9, 0), (5, 1), (14.9, 1), (239, 5), (240, 6), (10_080, 11), (1e9, 11)]
)
def test_times_to_accept_have_twelve_buckets(minutes: float, bucket: int):
    assert accept_bucket_of(int(minutes * 60_000)) == bucket


DECISIONS = st.lists(
    st.tuples(
        st.sampled_from(["fits", "strategic"]),
        st.sampled_from(["sdr", "bdr"]),
        st.sampled_from(["v1", "v2", ""]),
        st.sampled_from(["ana", "bob", None]),
    ),
    max_size=6,
).map(
    lambda rows: [
        LeadDecision(number, number * HOUR, "moved", queue, owner, step, policy=policy)
        for number, (step, queue, policy, owner) in enumerate(rows, 1)
    ]
)


@given(st.lists(DECISIONS, min_size=1, max_size=5), st.integers(0, 6))
def test_every_lead_is_on_one_path_of_a_version_however_often_it_was_decided(
    leads: list[list[LeadDecision]], known_before: int
):
    changes = [
        (
            tally_of(LeadHistory(0, ORIGIN, False, decisions[:known_before])),
            tally_of(LeadHistory(0, ORIGIN, False, decisions)),
        )
        for decisions in leads
    ]
    deltas = deltas_of([(tally_of(LeadHistory()), before) for before, _after in changes]) + deltas_of(changes)
    total = summed(delta for delta in deltas if delta.table == "path_counters")
    by_version: dict[Any, int] = {}
    for (_table, key), counts in total.items():
        assert all(number >= 0 for number in counts.values())
        assert counts.get("late", 0) <= counts.get("assigned", 0) <= counts.get("leads", 0)
        by_version[key[1]] = by_version.get(key[1], 0) + counts.get("leads", 0)
    assert by_version.pop(ANY_VERSION, 0) == sum(any(one.policy for one in lead) for lead in leads)
    for version, number in by_version.items():
        assert number == sum(any(one.policy == version for one in lead) for lead in leads)
