"""What a webhook subscription may name: events that are sent, and a flat filter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.subscriptions import EVENT_NAMES, check_event_name, check_filter
from shared.lead.events.registry import EVENT_TYPES
from shared.messaging.manifest import LEADS_ROUTED, PEOPLE_ERASED

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10)
conditions = st.dictionaries(st.text(max_size=20), scalars | st.lists(scalars, max_size=3), max_size=20)


def test_every_event_of_a_delivered_topic_may_be_named_alone_by_family_or_by_the_star():
    for event_type in EVENT_TYPES:
        family = f"{event_type.short.partition('.')[0]}.*"
        assert (event_type.short in EVENT_NAMES) == (event_type.topic in (LEADS_ROUTED, PEOPLE_ERASED))
        assert event_type.topic is not LEADS_ROUTED or family in EVENT_NAMES
    assert "*" in EVENT_NAMES


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_a_name_of_a_sent_event_is_accepted(name: str):
    assert check_event_name(name) == name


@pytest.mark.parametrize("name", ["lead.scored", "lead", "Lead.routed", "", "webhook.test"])
def test_an_event_that_is_never_sent_is_refused_with_those_that_are(name: str):
    with pytest.raises(ValueError, match=r"lead\.routed"):
        check_event_name(name)


@given(conditions)
def test_a_flat_filter_is_accepted_unchanged(filter_: dict[str, object]):
    assert check_filter(filter_) == filter_


@pytest.mark.parametrize("value", [{}, [{}], [["a"]], {"a": 1}])
def test_a_nested_value_is_refused(value: object):
    with pytest.raises(ValueError, match=r"The value of decision\.queue"):
        check_filter({"ok": 1, "decision.queue": value})


def test_more_than_20_conditions_are_refused():
    check_filter({str(number): number for number in range(20)})
    with pytest.raises(ValueError, match="more than 20"):
        check_filter({str(number): number for number in range(21)})
