"""A lead keeps what the person wrote before its present message."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.enricher.domain.merge import merge
from services.enricher.domain.merge_leads import merge_leads
from services.enricher.domain.messages import (
    EARLIER_MAX,
    TEXT_LENGTH_MAX,
    earlier_messages,
    merge_messages,
)
from services.enricher.domain.record import LeadRow
from shared.lead.bounds import LEAD_BYTES_MAX
from shared.lead.events.parts import Message, Origin
from tests.support.forms import AT, form, merged

messages = st.lists(
    st.builds(Message, text=st.sampled_from("abcdefgh"), at=st.integers(0, 5).map(lambda h: AT + timedelta(hours=h))),
    max_size=15,
)  # fmt: skip


def _lead(*texts: str | None) -> LeadRow:
    """Return the lead of one form an hour, with these messages."""
    lead = LeadRow("lead")
    for hour, text in enumerate(texts):
        source = Origin(name="website", page_url=f"https://www.example.com/{hour}")
        lead = merge(lead, form(message=text, source=source), AT + timedelta(hours=hour))
    return lead


def test_earlier_messages_come_newest_first_with_their_time_source_and_page():
    lead = _lead("We lose leads.", None, "Any news?", "Call me.")
    assert lead.message == "Call me."
    assert earlier_messages(lead) == [
        Message("Any news?", AT + timedelta(hours=2), "website", "https://www.example.com/2"),
        Message("We lose leads.", AT, "website", "https://www.example.com/0"),
    ]


def test_a_message_that_is_repeated_is_kept_once():
    lead = _lead("Call me.", "Any news?", "Call me.")
    assert [message.text for message in earlier_messages(lead)] == ["Any news?"]


def test_an_older_form_that_arrives_late_takes_its_place_among_them():
    lead = merge(_lead("second", "third"), form(message="first"), AT - timedelta(hours=1))
    assert lead.message == "third"
    assert [message.text for message in earlier_messages(lead)] == ["second", "first"]


def test_nine_earlier_messages_are_kept_and_long_ones_are_cut():
    lead = _lead(*(f"{number} {'x' * 20_000}"[:20_000] for number in range(30)))
    told = earlier_messages(lead)
    assert [message.text.split()[0] for message in told] == [str(number) for number in range(28, 19, -1)]
    assert {len(message.text) for message in told} == {TEXT_LENGTH_MAX}
    assert len(msgspec.json.encode(lead)) < LEAD_BYTES_MAX


def test_a_row_from_before_messages_were_kept_loses_none():
    lead = replace(_lead("We lose leads."), messages=None)
    again = merge(lead, form(message="Call me."), AT + timedelta(days=1))
    assert [message.text for message in earlier_messages(again)] == ["We lose leads."]
    assert earlier_messages(replace(merged(form()), messages=None)) == []


def test_the_messages_of_a_merged_lead_are_kept():
    lead = merge_leads(_lead("one", "three"), replace(_lead(None, "two"), lead_id="other"))
    assert {lead.message, *(message.text for message in earlier_messages(lead))} == {"one", "two", "three"}


@given(messages, messages)
def test_messages_are_the_same_in_whatever_order_they_are_merged(one, other):
    together = merge_messages(one, other)
    assert together == merge_messages(other, one) == merge_messages(together, other)
    assert len({message.text for message in together}) == len(together) <= EARLIER_MAX + 1
    assert [message.at for message in together] == sorted((m.at for m in together), reverse=True)
