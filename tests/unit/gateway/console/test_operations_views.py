"""What the pages of deliveries and dead letters show, from rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.gateway.console.views.dead_letters import (
    LettersPlace,
    cause_in_words,
    group_lines,
    letter_lines,
)
from services.gateway.console.views.deliveries import (
    DeliveriesPlace,
    delivery_lines,
    endpoint_name,
    indented,
)

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
SHORTS = {"baton.lead.routed.v1": "lead.routed"}


def row(**given: Any) -> dict[str, Any]:
    values = {
        "id": "d1", "event_type": "baton.lead.routed.v1", "lead_id": "l", "subscription_id": "s",
        "url": "https://crm.example/hook", "state": "failed", "attempts": 12, "last_status": 503,
        "last_error": "answered 503", "created_at": AT, "next_attempt_at": None,
    }  # fmt: skip
    return values | given


@pytest.mark.parametrize(
    ("state", "words", "tone"),
    [
        ("failed", "failed", "bad"),
        ("gone", "refused for good", "bad"),
        ("pending", "waiting", "warn"),
        ("delivered", "arrived", "ok"),
    ],
)
def test_a_delivery_says_its_state_in_words(state: str, words: str, tone: str):
    (line,) = delivery_lines(DeliveriesPlace("all"), [row(state=state)], SHORTS)
    assert (line.event, line.state, line.tone, line.endpoint) == ("lead.routed", words, tone, "crm.example")


def test_the_last_answer_is_the_error_or_else_the_status():
    lines = delivery_lines(
        DeliveriesPlace(),
        [row(), row(last_error=None, last_status=204), row(last_error=None, last_status=None)],
        SHORTS,
    )
    assert [line.answer for line in lines] == ["answered 503", "answered 204", ""]


def test_an_address_keeps_the_filter_and_leaves_out_what_says_nothing():
    place = DeliveriesPlace("failed", endpoint="queue:sdr", lead="a b", cursor="next", delivery="d")
    assert place.address() == "/deliveries?tab=failed&endpoint=queue%3Asdr&lead=a+b"
    assert place.address(tab="all", delivery="d2").endswith("&delivery=d2")
    assert DeliveriesPlace().address() == "/deliveries"
    assert LettersPlace("open", "enricher", "json", letter="x").address() == (
        "/dead-letters?stage=enricher&kind=json"
    )


def test_an_endpoint_is_called_by_its_host_or_by_what_it_belongs_to():
    assert endpoint_name("queue:sdr", "https://crm.example/hook") == "queue sdr"
    assert endpoint_name("01a2", "https://crm.example:8443/hook") == "crm.example:8443"
    assert endpoint_name("01a2", "nonsense") == "01a2"


def test_json_is_indented_and_any_other_text_stays():
    assert indented('{"a":"é"}') == '{\n  "a": "é"\n}'
    assert indented("<b>no</b>") == "<b>no</b>"


def test_letters_and_their_groups_are_in_words():
    letter = {"id": "1", "topic": "t", "stage": "enricher", "kind": "json", "message": "", "at": AT}
    (line,) = letter_lines(LettersPlace(), [letter])
    assert line.message == cause_in_words("json") == "It is not JSON"
    assert cause_in_words("no_such_kind") == "No such kind"
    (group,) = group_lines(
        LettersPlace(stage="enricher", kind="json"),
        [{"stage": "enricher", "kind": "json", "letters": 3, "last_at": AT}],
    )
    assert (group.shown, group.href) == (True, "/dead-letters?stage=enricher&kind=json")
