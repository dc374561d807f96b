"""The order in which a seller works an inbox, and what its filter by text finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.gateway.domain.inbox import InboxRow, by_urgency, matches_text

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROW = InboxRow(
    section="to_accept", lead_id="1", status="routed", grade="A1", band="sql", total=90, name="Zoë Ångström",
    title=None, company="Kestrel", account="kestrel.example", email="zoe@kestrel.example", rule="fits",
    trigger=None, quote=None, queue="sdr", owner="sdr-1", joined=False, assigned_at=NOW, accept_by=None,
    accepted_at=None, waiting_since=None, snoozed=None,
)  # fmt: skip
minutes = st.integers(-600, 600).map(lambda count: NOW + timedelta(minutes=count))


@st.composite
def rows(draw: st.DrawFn) -> InboxRow:
    return replace(
        ROW,
        section=draw(st.sampled_from(["to_accept", "accepted", "waiting"])),
        lead_id=str(draw(st.integers(0, 10_000))),
        total=draw(st.none() | st.integers(0, 100)),
        assigned_at=draw(st.none() | minutes),
        accept_by=draw(st.none() | minutes),
    )


@given(st.lists(rows(), max_size=20), st.data())
def test_the_order_does_not_depend_on_how_the_rows_came(found: list[InboxRow], data: st.DataObject) -> None:
    in_order = by_urgency(found, NOW)
    assert [row.lead_id for row in by_urgency(data.draw(st.permutations(found)), NOW)] == [
        row.lead_id for row in in_order
    ]


@given(st.lists(rows(), min_size=2, max_size=20))
def test_a_late_lead_comes_before_all_that_are_not_and_accepted_ones_come_last(found: list[InboxRow]) -> None:
    for first, second in pairwise(by_urgency(found, NOW)):
        is_late = [
            row.section == "to_accept" and row.accept_by is not None and row.accept_by <= NOW
            for row in (first, second)
        ]
        assert is_late != [False, True]
        assert not (first.section == "accepted" and second.section != "accepted")
        if all(is_late):
            assert (first.total or 0) >= (second.total or 0)


def test_less_than_a_quarter_of_the_clock_is_short_however_long_the_clock() -> None:
    def left(hours: float, *, of: float, total: int) -> InboxRow:
        due = NOW + timedelta(hours=hours)
        return replace(
            ROW, lead_id=f"{total}", total=total, accept_by=due, assigned_at=due - timedelta(hours=of)
        )

    short, long = left(1, of=5, total=1), left(1, of=4, total=2)
    assert by_urgency([long, short], NOW) == [short, long]


def test_a_text_is_found_in_any_case_in_whatever_names_the_lead() -> None:
    assert all(matches_text(ROW, text) for text in ("ZOË å", "kestrel", "@KESTREL", ""))
    assert not matches_text(ROW, "sdr-1")
