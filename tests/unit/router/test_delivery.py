from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from services.router.domain.delivery import (
    ATTEMPTS_MAX,
    Attempt,
    DeliveryRow,
    Target,
    attempted,
    redacted,
    webhook_body,
)
from services.tables import metadata
from tests.support.scored_leads import AT, scored_lead

REFUSED = Attempt(error="no answer in time")


def pending() -> DeliveryRow:
    return DeliveryRow("d", "s", "e", "t", "lead", "https://x", "pending", 0, AT, None, None, AT, None, b"{}")


def target(events: tuple[str, ...] = ("lead.*",), **given) -> Target:
    return Target("s", "https://hooks.example/", events, ("whsec_x",), **given)


def test_a_delivery_has_the_columns_of_its_table_in_order():
    table = metadata.tables[DeliveryRow.table]
    assert [column.name for column in table.columns] == list(DeliveryRow.__struct_fields__)


def test_the_body_carries_the_data_as_it_came():
    raw = b'{"lead_id": "1",   "spaced": true}'
    body = webhook_body("lead.routed", AT, raw)
    assert raw in body
    assert msgspec.json.decode(body) == {
        "type": "lead.routed",
        "timestamp": "2026-03-02T09:00:00Z",
        "data": {"lead_id": "1", "spaced": True},
    }


@pytest.mark.parametrize("status", [200, 204, 299])
def test_what_was_taken_needs_no_body_any_more(status):
    row = attempted(pending(), Attempt(status), AT)
    assert (row.state, row.body, row.next_attempt_at, row.delivered_at) == ("delivered", None, None, AT)


@pytest.mark.parametrize("attempt", [Attempt(500, "answered 500"), Attempt(302, "moved"), REFUSED])
def test_what_was_not_taken_is_tried_again_for_days_and_then_given_up(attempt):
    row, at = pending(), AT
    while row.state == "pending":
        assert row.next_attempt_at is not None
        assert row.body is not None
        at = row.next_attempt_at
        row = attempted(row, attempt, at)
    assert row.state == "failed"
    assert row.attempts == ATTEMPTS_MAX
    assert timedelta(days=2) < at - AT < timedelta(days=3)
    assert row.last_error == attempt.error


def test_an_endpoint_that_is_gone_is_not_asked_again():
    row = attempted(pending(), Attempt(410, "answered 410"), AT)
    assert (row.state, row.next_attempt_at) == ("gone", None)


def test_an_endpoint_may_ask_for_more_time_but_not_for_less():
    later = attempted(pending(), Attempt(429, "slow down", timedelta(minutes=5)), AT)
    sooner = attempted(pending(), Attempt(429, "slow down", timedelta(seconds=1)), AT)
    assert later.next_attempt_at == AT + timedelta(minutes=5)
    assert sooner.next_attempt_at == AT + timedelta(seconds=5)


def test_an_erased_person_is_not_written_about():
    row = redacted(pending(), "hash")
    assert (row.state, row.lead_id, row.body, row.next_attempt_at) == ("failed", "hash", None, None)
    done = attempted(pending(), Attempt(200), AT)
    assert redacted(done, "hash").state == "delivered"


@pytest.mark.parametrize(
    ("events", "takes"),
    [(("lead.routed",), True), (("lead.*",), True), (("*",), True), (("account.*",), False), ((), False)],
)
def test_an_endpoint_gets_the_types_it_asked_for(events, takes):
    assert target(events).takes("lead.routed", scored_lead()) is takes


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        ({"score.band": "mql"}, True),
        ({"score.band": ["sql", "mql"], "company.employees": 200}, True),
        ({"score.band": "mql", "company.employees": 201}, False),
        ({"answers.plan": "pro"}, False),
        ({"no.such.field": None}, True),
        ({"revision": 1}, True),
        ({"revision": True}, False),
        ({"revision": [True, "1"]}, False),
    ],
)
def test_every_condition_of_a_filter_must_hold(wanted, takes):
    assert target(wanted=wanted).takes("lead.routed", scored_lead()) is takes
