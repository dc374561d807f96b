"""What one lead has in the counters: late and taken leads, who is credited, merged leads, names not kept."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from services.ledger.counting import month_of
from services.ledger.domain.counters import Counts, Share, bucket_of
from services.ledger.domain.lead_history import (
    LeadDecision,
    LeadHistory,
    LeadOrigin,
    RepAct,
    counted_name,
    milliseconds,
)
from services.ledger.domain.lead_share import deltas_of, tally_of
from shared.lead.events.parts import Person

HOUR = 3_600_000
ORIGIN = LeadOrigin(1, 0, "form", "site", "spring")


def decided(sequence: int, hour: int, owner: str | None, queue: str = "sdr", **given: Any) -> LeadDecision:
    return LeadDecision(
        sequence, hour * HOUR, given.pop("change", "assigned"), queue, owner, "fits", "B1", "mql", **given
    )


def act(hour: float, kind: str, rep: str | None = None, **given: Any) -> RepAct:
    at = int(hour * HOUR)
    return RepAct(f"{kind}{hour}", at, kind, rep, at, **given)


def history(*parts: LeadDecision | RepAct, **given: Any) -> LeadHistory:
    decisions = [part for part in parts if isinstance(part, LeadDecision)]
    acts = [part for part in parts if isinstance(part, RepAct)]
    return LeadHistory(0, ORIGIN, given.get("merged", False), decisions, acts)


def reps(share: Share) -> dict[tuple[Any, ...], Counts]:
    """Return the counts of reps by queue and rep, without zeros."""
    found: dict[tuple[Any, ...], Counts] = {}
    for (table, key), counts in share.items():
        if table == "rep_counters":
            known = found.setdefault(key[1:], {})
            for name, number in counts.items():
                known[name] = known.get(name, 0) + number
    return {key: {name: n for name, n in counts.items() if n} for key, counts in found.items()}


@pytest.mark.parametrize(
    ("parts", "counts"),
    [
        ((decided(1, 1, "ana", accept_by=2 * HOUR), act(1.5, "accept", "ana")), {"accepted": 1}),
        ((decided(1, 1, "ana", accept_by=2 * HOUR), act(3, "accept", "ana")), {"accepted": 1, "late": 1}),
        ((decided(1, 1, "ana"), act(3, "accept", "ben")), {}),
        ((decided(1, 1, "ana"), act(3, "accept")), {"accepted": 1}),
        ((decided(1, 1, "ana"), decided(2, 4, "ben", overdue=True)), {"late": 1}),
        ((decided(1, 1, "ana", taken=True),), {"accepted": 1}),
        ((decided(1, 1, "ana"), decided(2, 2, "ana"), act(3, "accept", "ana")), {"accepted": 1}),
        ((decided(1, 1, "ana"), act(0.5, "accepted", "ana")), {"accepted": 1}),
        ((decided(1, 1, "ana"), act(2, "reject", "ana")), {"rejected": 1}),
        ((decided(1, 1, "ana"), act(2, "reply")), {"accepted": 1, "replied": 1}),
        ((decided(1, 1, "ana"), act(2, "meeting_held")), {"accepted": 1, "meetings_held": 1}),
        ((decided(1, 1, "ana"), act(2, "pilot_started")), {"accepted": 1, "pilots": 1}),
    ],
)
def test_what_a_rep_did_with_a_lead(parts: tuple[Any, ...], counts: Counts):
    assert reps(tally_of(history(*parts)).share)["sdr", "ana"] == {"assigned": 1} | counts


def test_an_opportunity_is_credited_to_who_closes_it_and_to_who_booked_the_meeting():
    share = tally_of(
        history(
            decided(1, 1, "bob", "bdr", named=True),
            act(2, "meeting_booked"),
            decided(2, 3, "amy", "senior-ae", named=True),
            act(4, "opportunity", usd=9_000),
            act(5, "won", usd=8_000),
        )
    ).share
    assert reps(share)["bdr", "bob"] == {
        "assigned": 1, "accepted": 1, "meetings": 1, "met": 1, "met_opportunity": 1, "sourced": 1,
        "sourced_usd": 8_000, "named": 1, "named_usd": 8_000,
    }  # fmt: skip
    assert reps(share)["senior-ae", "amy"] == {
        "assigned": 1, "accepted": 1, "opportunities": 1, "opportunity_usd": 8_000, "won": 1, "won_usd": 8_000,
    }  # fmt: skip


def test_a_pipeline_is_open_until_the_opportunity_is_closed():
    opened = history(decided(1, 1, "amy", "ae"), act(2, "opportunity", usd=500, opportunity="D1"))
    lost = history(*opened.decisions, *opened.acts, act(30, "lost"))
    assert reps(tally_of(opened).share)["ae", "amy"]["open_usd"] == 500
    assert "open_usd" not in reps(tally_of(lost).share)["ae", "amy"]
    assert [
        delta.counts
        for delta in deltas_of([(tally_of(opened), tally_of(lost))])
        if delta.table == "rep_counters"
    ] == [{"open_usd": -500, "lost": 1}]


@pytest.mark.parametrize("opportunity", ["", "D1"])
def test_a_lost_deal_that_is_opened_again_is_in_the_pipeline_again(opportunity: str):
    told = [
        act(hour, kind, usd=500, opportunity=opportunity)
        for hour, kind in ((2, "opportunity"), (30, "lost"), (50, "opportunity"), (70, "opportunity"))
    ]
    open_usd = [
        reps(tally_of(history(decided(1, 1, "amy", "ae"), *told[:n])).share)["ae", "amy"] for n in range(1, 5)
    ]
    assert [counts.get("open_usd") for counts in open_usd] == [500, None, 500, 500]
    assert [counts.get("lost") for counts in open_usd] == [None, 1, None, None]
    won = tally_of(
        history(decided(1, 1, "amy", "ae"), *told, act(80, "won", usd=700, opportunity=opportunity))
    ).share
    counts = reps(won)["ae", "amy"]
    assert (counts["won"], counts["won_usd"], counts["opportunities"]) == (1, 700, 1)
    assert "open_usd" not in counts
    by_hour = {key[0]: counts["open_usd"] for (table, key), counts in won.items() if counts.get("open_usd")}
    assert by_hour == {2: 700, 30: -700, 50: 700, 80: -700}


def test_without_an_id_an_opportunity_after_a_win_is_the_next_deal():
    told = (
        act(2, "opportunity", usd=500), act(3, "won", usd=600), act(4, "won"),
        act(30, "opportunity", usd=90), act(40, "lost"), act(50, "opportunity", usd=80),
    )  # fmt: skip
    counts = reps(tally_of(history(decided(1, 1, "amy", "ae"), *told)).share)["ae", "amy"]
    assert (counts["opportunities"], counts["won"], counts["won_usd"]) == (2, 1, 600)
    assert (counts["open_usd"], counts["opportunity_usd"], counts.get("lost")) == (80, 680, None)
    named = [replace(one, opportunity="D1") for one in told[:4]]
    counts = reps(tally_of(history(decided(1, 1, "amy", "ae"), *named)).share)["ae", "amy"]
    assert (counts["opportunities"], counts["won"], counts.get("open_usd")) == (1, 1, None)


def test_an_outcome_that_is_told_last_is_the_result():
    share = tally_of(history(decided(1, 1, "amy", "ae"), act(2, "lost"), act(3, "won", usd=7))).share
    counts = reps(share)["ae", "amy"]
    assert (counts.get("lost"), counts["won"], counts["won_usd"]) == (None, 1, 7)


@pytest.mark.parametrize(
    ("acts", "counts"),
    [
        ((act(2, "won", usd=7, opportunity="D1"), act(3, "won", usd=9, opportunity="D1")), {"won": 1, "won_usd": 9}),
        ((act(2, "won", usd=7, opportunity="D1"), act(3, "won", usd=9, opportunity="D2")), {"won": 1, "won_usd": 16}),
        ((act(2, "won", usd=7), act(3, "lost")), {"lost": 1}),
        ((act(2, "won", usd=7, opportunity="D1"), act(3, "lost", opportunity="D2")), {"won": 1, "won_usd": 7}),
        ((act(2, "opportunity", usd=5), act(3, "won")), {"won": 1, "won_usd": 5}),
    ],
)  # fmt: skip
def test_a_lead_is_won_as_its_opportunities_are(acts: tuple[RepAct, ...], counts: dict[str, int]):
    lead = tally_of(history(decided(1, 1, "amy", "ae"), *acts)).share["lead_counters", (0, "channel", "form")]
    assert {name: lead[name] for name in ("won", "lost", "won_usd") if name in lead} == counts
    assert lead["opportunities"] == 1


def test_after_the_end_the_last_owner_is_credited_unless_the_outcome_names_another():
    closed = (decided(1, 1, "amy", "ae"), decided(2, 2, None, change="closed"))
    share = reps(tally_of(history(*closed, act(9, "renewed", usd=5), act(10, "renewed", "cam", usd=6))).share)
    assert share["ae", "amy"]["renewed_usd"] == 5
    assert share["ae", "cam"]["renewed_usd"] == 6


def test_nobody_is_credited_for_a_lead_that_nobody_had():
    assert reps(tally_of(history(act(1, "meeting_booked"))).share) == {("", ""): {"meetings": 1, "met": 1}}


def test_a_merged_lead_is_no_lead_of_its_own_but_what_reps_did_stays():
    parts = (decided(1, 1, "ana"), act(2, "accept", "ana"))
    share = tally_of(history(*parts, merged=True)).share
    assert not any(table == "lead_counters" for table, _key in share)
    assert reps(share)["sdr", "ana"] == {"assigned": 1, "accepted": 1}


def test_a_lead_counts_from_the_first_decision_on():
    assert tally_of(LeadHistory(0, ORIGIN)).share == {}
    share = tally_of(history(decided(1, 1, None, "", change="suppressed"))).share
    assert share["lead_counters", (0, "campaign", "spring")] == {"captured": 1, "suppressed": 1}


def test_an_erased_person_who_is_a_contact_again_takes_nothing_back():
    before = history(decided(1, 1, "ana"), act(2, "accept", "ana"))
    assert all(
        number > 0
        for delta in deltas_of([(tally_of(before), tally_of(LeadHistory(0, ORIGIN)))])
        for number in delta.counts.values()
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (None, ""),
        ("  Spring\tSale 2026 ", "spring sale 2026"),
        ("21345678901", "21345678901"),
        ("ana@kestrel.example", "(other)"),
        ("ana%40kestrel.example", "(other)"),
        ("call +14155550100", "(other)"),
        ("415 555 0100", "(other)"),
        ("12345 555 0100", "(other)"),
        ("2026-03-15 0100", "(other)"),
        ("newsletter-2026-03-15", "newsletter-2026-03-15"),
        ("2026.03.15 launch", "2026.03.15 launch"),
        ("For Ana", "(other)"),
        ("ruiz family", "(other)"),
        ("a.ruiz offer", "(other)"),
        ("x" * 81, "(other)"),
        ("x" * 80, "x" * 80),
        ("\x00\x1b[31mred", "[31mred"),
    ],
)
def test_a_strangers_text_as_a_name(text: str | None, name: str):
    person = Person(first_name="Ana", last_name="Ruiz", email="a.ruiz@kestrel.example")
    assert counted_name(text, person) == name


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("0001-01-01T00:00:00+14:00", date(1, 1, 1)),
        ("0001-01-01T00:00:00Z", date(1, 1, 1)),
        ("1969-12-31T23:59:59Z", date(1969, 12, 31)),
        ("2026-03-02T01:00:00+02:00", date(2026, 3, 1)),
        ("9999-12-31T23:59:59-14:00", date(9999, 12, 31)),
    ],
)
def test_every_instant_has_a_day_and_a_month(text: str, day: date):
    """The years before and after those that a date has are a time zone away, and a topic may name them."""
    number = milliseconds(datetime.fromisoformat(text)) // 86_400_000
    assert date(1970, 1, 1).toordinal() + number == day.toordinal()
    assert date(1970, 1, 1).toordinal() + month_of(number) == day.replace(day=1).toordinal()


@pytest.mark.parametrize(("ms", "bucket"), [(-5, 0), (0, 0), (1, 1), (2, 5), (1_000, 40), (10**15, 160)])
def test_the_bucket_of_a_duration(ms: int, bucket: int):
    assert bucket_of(ms) == bucket
