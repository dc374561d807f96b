from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.router.domain.day_words import ago
from services.router.domain.trigger_words import recent_events, trigger_in_words
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Activity, Origin, Trigger
from shared.lead.events.scoring import LiveSignal, Signals
from tests.support.scored_leads import AT, scored_lead

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def lead(**given: Any) -> LeadScoredV1:
    changed = {"message": None, "source": Origin(), "trigger": Trigger("lead", "f", None), **given}
    return replace(scored_lead(), **changed)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(), "just now"),
        (timedelta(seconds=61), "a minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (HOUR, "an hour ago"),
        (23 * HOUR, "23 hours ago"),
        (DAY, "a day ago"),
        (12 * DAY, "12 days ago"),
        (90 * DAY, "on 2 December 2025"),
        (-5 * DAY, "on 7 March"),
    ],
)
def test_times_are_relative_to_the_decision(before, words):
    assert ago(AT - before, AT) == words


@pytest.mark.parametrize(
    ("activity", "words"),
    [
        (Activity("demo_request", AT - HOUR), "asked for a demo an hour ago"),
        (Activity("page_view", AT - HOUR, url="https://a.example/pricing/?x=1"), "visited /pricing an hour ago"),
        (Activity("page_view", AT - HOUR, url="https://a.example/"), "visited the website an hour ago"),
        (Activity("page_view", AT - HOUR, url="http://[bad"), "visited the website an hour ago"),
        (Activity("webinar", AT - DAY, details={"title": "Hand-overs"}),
         "attended a webinar (“Hand-overs”) a day ago"),
        (Activity("chat_started", AT - DAY, details={"title": 3}), "chat started a day ago"),
    ],
)  # fmt: skip
def test_an_activity_in_words(activity, words):
    told = trigger_in_words(lead(activities=[activity], trigger=Trigger("lead", "a", activity.type)), AT)
    assert (told.at, told.details) == (activity.at, words)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"message": "Hello"}, "wrote to us just now"),
        ({"source": Origin(name="website", submitted_at=AT - DAY)}, "filled in a form a day ago"),
        ({"source": Origin(name="website"), "answers": {"form name": "Newsletter"}},
         "filled in the form “Newsletter” just now"),
        ({"source": Origin(channel="import")}, "came in by import just now"),
        ({}, "came in just now"),
        ({"trigger": Trigger("account", "a", "target")}, "is a target account now"),
        ({"trigger": Trigger("account", "a", "matched")}, "somebody here put the lead into this account"),
        ({"trigger": Trigger("account", "a", "split")}, "somebody here took the lead out of another account"),
        ({"trigger": Trigger("account", "a", None)}, "what the CRM says of the account has changed"),
        ({"trigger": Trigger("decay", "a", None)}, "the score has changed"),
        ({"trigger": Trigger("signal", "a", "funding_round")}, "funding round"),
        ({"trigger": Trigger("decay", "a", None), "activities": [Activity("webinar", AT - DAY)]},
         "attended a webinar a day ago"),
    ],
)  # fmt: skip
def test_a_trigger_without_an_activity(given, words):
    assert trigger_in_words(lead(**given), AT).details == words


def test_a_signal_is_found_by_its_event_else_by_its_type():
    live = [
        LiveSignal("s1", "funding_round", AT - DAY, 40, True, None, {"round": "A"}),
        LiveSignal("s2", "funding_round", AT - 2 * DAY, 30, True, None, {"round": "B"}),
        LiveSignal("s3", "intent_surge", AT - 2 * DAY, 20),
    ]
    given = {"signals": Signals(True, ["funding_round", "intent_surge", "news"], live)}
    told = trigger_in_words(lead(trigger=Trigger("signal", "s2", "funding_round"), **given), AT)
    assert (told.kind, told.type, told.at) == ("signal", "funding_round", AT - 2 * DAY)
    assert told.details == "raised a Series B, 2 days ago"
    of_type = lead(trigger=Trigger("signal", "unknown", "funding_round"), **given)
    assert trigger_in_words(of_type, AT).details == "raised a Series A, a day ago"
    assert list(recent_events(of_type, AT)) == [
        "raised a Series B, 2 days ago",
        "intent surge, 2 days ago",
        "news",
    ]


def test_what_happened_besides_is_told_once_by_kind_and_bounded():
    views = [Activity("page_view", AT - n * HOUR, url="https://a.example/pricing") for n in (2, 1, 3)]
    others = [Activity(f"kind_{n}", AT - n * DAY) for n in range(1, 9)]
    asked = Activity("demo_request", AT)
    data = lead(activities=[*views, *others, asked], trigger=Trigger("lead", "a", "demo_request"))
    assert list(recent_events(data, AT)) == [
        "visited /pricing an hour ago, 3 times",
        "kind 1 a day ago",
        "kind 2 2 days ago",
        "kind 3 3 days ago",
        "kind 4 4 days ago",
    ]
