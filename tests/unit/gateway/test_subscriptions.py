"""What a webhook subscription may name: the events that are sent."""

from __future__ import annotations

import pytest

from services.gateway.domain.subscriptions import EVENT_NAMES, check_event_name
from shared.lead.events.registry import EVENT_TYPES
from shared.messaging.manifest import LEADS_ROUTED, PEOPLE_ERASED


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
