"""The report of a backtest: the figures of a history that can be counted by hand, and the same bytes each time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.ledger.backtest.process import BacktestOrder
from services.ledger.domain.backtest.figures import Figures
from services.ledger.domain.backtest.paths import LeadPaths
from services.ledger.domain.backtest.paths import Path as Decided
from services.ledger.domain.backtest.report import ROWS_MAX, ReplayQuality, Terms, report_of
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.lead_enriched import Enrichment
from shared.policy.compiled import compiled
from shared.policy.load import load
from tests.support.enriched_leads import AT, DAY, FITTING, enriched_lead, lead_id
from tests.support.generated_month import STRATEGIC, generated_month, month_policy, month_texts
from tests.support.lived_history import LivedHistory, computed
from tests.support.scoring_policies import texts_with

TEAM = """reps:
  - {id: sdr-1, name: Ana, queues: [sdr]}
  - {id: sdr-2, name: Ben, queues: [sdr]}
  - {id: bdr-1, name: Cem, queues: [bdr]}
  - {id: ae-1, name: Dag, queues: [senior-ae]}
"""
BEFORE = {**texts_with(), "team.yaml": TEAM}
# Leads of Britain go to bdr, those of Germany to nobody, and students to somebody.
OTHER_RULES = {
    **texts_with(routing=(STRATEGIC, f"{STRATEGIC}, {{field: company.country, eq: GB}}")),
    "team.yaml": TEAM,
}
OTHER_RULES["routing.yaml"] = OTHER_RULES["routing.yaml"].replace(
    "{reason: student, when: {field: person.seniority, eq: student}}",
    "{reason: too_far, when: {field: company.country, eq: DE}}",
)
OTHER_BANDS = {**texts_with(scoring=("[A3, B2, B3", "[A3, A4, B2, B3")), "team.yaml": TEAM}
HOUR = timedelta(hours=1)


def told(
    history: LivedHistory, name: str, cents: int, *, country: str = "US", title: str = "VP Finance"
) -> None:
    account = f"{name}.example"
    company = msgspec.structs.replace(FITTING, domain=account, country=country)
    history.tell(
        enriched_lead(
            name,
            account=account,
            company=company,
            title=title,
            enrichment=Enrichment("complete", cents, []),
            occurred_at=history.at,
        )
    )
    history.pass_time(history.at + timedelta(minutes=5))


@pytest.fixture(scope="module")
def five_leads() -> tuple[LivedHistory, str]:
    """Five leads in a day: two of them are accepted, two are escalated once, and a student gets no owner."""
    policy = compiled(load(BEFORE))
    history = LivedHistory(policy, AT + HOUR)
    told(history, "ana", 100)
    told(history, "bo", 20, country="GB")
    told(history, "cy", 3, country="DE")
    told(history, "dan", 7, title="Student")
    told(history, "eve", 50)
    for name in ("ana", "bo"):
        id_ = lead_id(name, f"{name}.example")
        history.tell(ActionReceivedV1(id_, "accept", rep=history.owner(id_)), source="/baton/gateway")
    history.pass_time(AT + 7 * HOUR)
    return history, policy.version


def report(
    five_leads: tuple[LivedHistory, str], candidate: dict[str, str], path: Path, **terms: Any
) -> tuple[Any, list[Any]]:
    history, version = five_leads
    order = BacktestOrder(candidate, {version: BEFORE}, until=history.at, **terms)
    found = computed(history.events, order, path / "work.db")
    assert found is not None
    return msgspec.json.decode(found[0]), [msgspec.json.decode(move) for move in found[1]]


def test_every_figure_is_what_a_person_counts(five_leads, tmp_path: Path):
    found, moves = report(five_leads, OTHER_RULES, tmp_path)
    assert (found["leads"], found["moved"], found["by_cause"]) == (5, 3, {"rule": 3})
    # Eve has another owner: who has the next turn is another since Cy is suppressed and Dan is not.
    assert found["other_owner"] == 1
    assert [
        (one["before"], one["after"], one["rule_before"], one["rule_after"], one["leads"])
        for one in found["queues"]
    ] == [
        ("nobody", "sdr", "student", "fits", 1),
        ("sdr", "bdr", "fits", "strategic", 1),
        ("sdr", "nobody", "fits", "too_far", 1),
    ]
    assert found["suppressed"] == {"before": 1, "after": 1, "more": {"too_far": 1}, "fewer": {"student": 1}}
    assert found["bands"] == []
    # Before: Ana and Cy are sdr-1's, Bo and Eve sdr-2's; Cy and Eve change hands. All in turn.
    # After: Ana and Eve are sdr-1's, Dan is sdr-2's, Bo is bdr-1's; Dan and Eve change hands.
    loads = {
        (one["queue"], one["rep"]): (one["assigned_before"], one["assigned_after"]) for one in found["owners"]
    }
    assert loads == {("bdr", "bdr-1"): (0, 1), ("sdr", "sdr-1"): (3, 3), ("sdr", "sdr-2"): (3, 2)}
    off = {one["rep"]: (one["off_share_before"], one["off_share_after"]) for one in found["owners"]}
    assert off == {"bdr-1": (0, 0), "sdr-1": (0, 0.5), "sdr-2": (0, -0.5)}
    kept = {"given": 6, "accepted_in_time": 2, "accepted_late": 0, "missed": 2}
    assert found["sla"] == {
        "before": {**kept, "minutes": 6 * 240},
        "after": {**kept, "minutes": 5 * 240 + 480},
        "escalated_before": 2,
        "escalated_after": 2,
    }
    assert found["spend"] == {"all_leads": 180, "moved": 30, "suppressed_more": 3, "suppressed_fewer": 7}
    assert found["replay"] == {"decisions": 5, "otherwise": 0, "unknown_versions": [], "with_scores": False}
    bo = next(one for one in moves if one["lead_id"] == lead_id("bo", "bo.example"))
    assert bo["lead"] == f"/v1/leads/{bo['lead_id']}"
    assert (bo["before"]["queue"], bo["before"]["owner"], bo["before"]["rule"]) == ("sdr", "sdr-2", "fits")
    assert (bo["after"]["queue"], bo["after"]["owner"], bo["after"]["rule"]) == ("bdr", "bdr-1", "strategic")
    assert any("GB" in reason for reason in bo["after"]["reasons"])


@pytest.fixture(scope="module")
def waiting_leads() -> tuple[LivedHistory, str]:
    """One lead of Britain and 70 others that wait for a day, as nobody of their queue takes leads; then one more."""
    policy = compiled(load(BEFORE))
    history = LivedHistory(policy, AT + HOUR)
    for rep in ("sdr-1", "sdr-2"):
        history.set_available(rep, available=False)
    told(history, "bo", 20, country="GB")
    for number in range(70):
        told(history, f"lead-{number}", 0)
    history.pass_time(AT + DAY)
    told(history, "eve", 50)
    history.pass_time(AT + DAY + 2 * HOUR)
    return history, policy.version


def test_a_lead_that_only_the_candidate_decides_on_in_the_window_is_a_move(waiting_leads, tmp_path: Path):
    found, moves = report(waiting_leads, OTHER_RULES, tmp_path, since=AT + 20 * HOUR)
    assert (found["moved"], found["other_owner"]) == (1, 0)
    (bo,) = moves
    assert bo["lead_id"] == lead_id("bo", "bo.example")
    assert (bo["before"]["change"], bo["before"]["queue"], bo["before"]["rule"]) == ("stands", "sdr", "fits")
    assert "owner" not in bo["before"]
    assert (bo["after"]["queue"], bo["after"]["owner"], bo["after"]["rule"]) == ("bdr", "bdr-1", "strategic")
    assert bo["cause"] == "rule"


def test_a_rep_more_gets_all_leads_that_wait(waiting_leads, tmp_path: Path):
    one_more = {**BEFORE, "team.yaml": TEAM + "  - {id: sdr-3, name: Eli, queues: [sdr]}\n"}
    found, moves = report(waiting_leads, one_more, tmp_path, since=AT + 20 * HOUR)
    assert (found["leads"], found["moved"], found["other_owner"], moves) == (72, 0, 72, [])
    loads = {one["rep"]: (one["assigned_before"], one["assigned_after"]) for one in found["owners"]}
    assert loads == {"sdr-3": (0, 72)}


def test_leads_that_wait_stay_where_they_are_by_the_same_policy(waiting_leads, tmp_path: Path):
    found, moves = report(waiting_leads, BEFORE, tmp_path, since=AT + 20 * HOUR)
    assert (found["leads"], found["moved"], found["other_owner"], moves) == (1, 0, 0, [])


def test_other_bands_are_told_and_move_nobody_whose_rule_does_not_read_them(five_leads, tmp_path: Path):
    found, moves = report(five_leads, OTHER_BANDS, tmp_path)
    assert found["bands"] == [{"before": "cold", "after": "mql", "leads": 5}]
    assert (found["moved"], found["other_owner"], moves) == (0, 0, [])
    assert found["replay"]["with_scores"]


def test_a_report_on_a_segment_counts_its_leads_alone(five_leads, tmp_path: Path):
    found, _moves = report(five_leads, OTHER_RULES, tmp_path, segment="mid-market-software")
    assert (found["leads"], found["moved"], found["spend"]["all_leads"]) == (5, 3, 180)
    (tmp_path / "work.db").unlink()
    found, _moves = report(five_leads, OTHER_RULES, tmp_path, segment="no lead has it")
    assert (found["leads"], found["moved"], found["spend"]["all_leads"]) == (0, 0, 0)
    assert found["unknown"][0].startswith(
        "No decision on a lead of the segment no lead has it is recorded up to "
    )
    assert "not of the segment alone" in found["unknown"][-1]


def test_two_runs_and_one_that_was_stopped_give_identical_bytes(tmp_path: Path):
    month = generated_month(150, seed=5)
    versions = {month_policy(*one).version: month_texts(*one) for one in ((), (500,), (500, 300))}
    order = BacktestOrder(month_texts(500, 300, "JP"), versions, until=month.at)
    first = computed(month.events, order, tmp_path / "first.db")
    assert first is not None
    assert first[1]
    assert computed(month.events, order, tmp_path / "stopped.db", stop_at=1) is None
    assert computed(month.events, order, tmp_path / "stopped.db") == first
    assert computed([*reversed(month.events)], order, tmp_path / "second.db") == first


def test_a_report_has_a_bounded_number_of_rows():
    def paths(number: int, queue: str, rule: str) -> LeadPaths:
        path = Decided(AT, "assigned", rule, queue=queue)
        return LeadPaths(f"{number:04}", path, path, cause="rule")

    pairs = [(paths(n, "sdr", f"r{n}"), paths(n, "bdr", "other")) for n in range(ROWS_MAX + 20)]
    figures = Figures()
    for n in range(ROWS_MAX + 30):
        figures.rep("sdr", f"rep-{n:04}").assigned = n
    found = report_of(
        Terms("v", None, AT, None),
        pairs,
        (figures, Figures()),
        ReplayQuality(0, 0, [], with_scores=False),
        on_move=lambda _move: None,
    )
    assert (found.moved, len(found.queues), len(found.owners)) == (ROWS_MAX + 20, ROWS_MAX, ROWS_MAX)
    assert found.owners[0].rep == "rep-0030"
    assert found.unknown[-1] == "Left out are 20 rows of queues and 30 of owners, with few leads."
