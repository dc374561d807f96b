"""Webhook deliveries: the rows, which events a target receives, and the result of an attempt."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from services.router.delivery.retry_schedule import RETRIES, after_attempt
from services.router.domain.delivery import (
    DeliveryAttempt,
    DeliveryRow,
    NotifiedLeadRow,
    WebhookTarget,
    delivery_id,
    destination_target,
    new_delivery,
    new_test_delivery,
    notifications_in,
    notifying,
    redacted,
    struck_out,
    webhook_body,
    webhook_test_body,
)
from services.router.domain.target_index import TargetIndex
from services.tables import metadata
from shared.lead.mentions import Mentions
from shared.webhooks import TRIAL
from tests.support.scored_leads import AT, scored_lead

TIMEOUT = DeliveryAttempt(error="no answer in time")


def pending() -> DeliveryRow:
    return DeliveryRow("d", "s", "e", "t", "lead", "https://x", "pending", 0, AT, None, None, AT, None, b"{}")


def target(events: tuple[str, ...] = ("lead.*",), **given) -> WebhookTarget:
    return WebhookTarget("s", "https://hooks.example/", events, ("whsec_x",), **given)


def test_the_fields_of_a_delivery_row_are_the_columns_of_its_table_in_order():
    table = metadata.tables[DeliveryRow.table]
    assert [column.name for column in table.columns] == list(DeliveryRow.__struct_fields__)


def test_the_webhook_body_contains_the_event_data_unchanged():
    raw = b'{"lead_id": "1",   "spaced": true}'
    body = webhook_body("lead.routed", AT, raw)
    assert raw in body
    assert msgspec.json.decode(body) == {
        "type": "lead.routed",
        "timestamp": "2026-03-02T09:00:00Z",
        "data": {"lead_id": "1", "spaced": True},
    }


@pytest.mark.parametrize("status", [200, 204, 299])
def test_a_delivered_delivery_drops_its_body(status):
    row = after_attempt(pending(), DeliveryAttempt(status), AT)
    assert (row.state, row.body, row.next_attempt_at, row.delivered_at) == ("delivered", None, None, AT)


@pytest.mark.parametrize(
    "attempt", [DeliveryAttempt(500, "answered 500"), DeliveryAttempt(302, "moved"), TIMEOUT]
)
def test_a_failed_delivery_is_retried_for_days_and_then_fails(attempt):
    row, at = pending(), AT
    while row.state == "pending":
        assert row.next_attempt_at is not None
        assert row.body is not None
        at = row.next_attempt_at
        row = after_attempt(row, attempt, at)
    assert row.state == "failed"
    assert row.attempts == RETRIES.attempts_max
    assert timedelta(days=2) < at - AT < timedelta(days=3)
    assert row.last_error == attempt.error


def test_status_410_ends_the_retries():
    row = after_attempt(pending(), DeliveryAttempt(410, "answered 410"), AT)
    assert (row.state, row.next_attempt_at) == ("gone", None)


def test_retry_after_may_postpone_the_next_attempt_but_not_bring_it_forward():
    later = after_attempt(pending(), DeliveryAttempt(429, "slow down", timedelta(minutes=5)), AT)
    sooner = after_attempt(pending(), DeliveryAttempt(429, "slow down", timedelta(seconds=1)), AT)
    assert later.next_attempt_at == AT + timedelta(minutes=5)
    assert sooner.next_attempt_at == AT + timedelta(seconds=5)


def test_a_redacted_delivery_is_not_sent_any_more():
    row = redacted(pending(), "hash")
    assert (row.state, row.lead_id, row.body, row.next_attempt_at) == ("failed", "hash", None, None)
    done = after_attempt(pending(), DeliveryAttempt(200), AT)
    assert redacted(done, "hash").state == "delivered"


@pytest.mark.parametrize(
    ("events", "matches"),
    [(("lead.routed",), True), (("lead.*",), True), (("*",), True), (("account.*",), False), ((), False)],
)
def test_a_target_receives_the_event_types_of_its_subscription(events, matches):
    assert target(events).subscribes_to("lead.routed") is matches


@pytest.mark.parametrize(
    ("filter_", "matches"),
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
def test_every_entry_of_a_filter_must_match(filter_, matches):
    assert target(filter=filter_).is_wanted(scored_lead(), AT) is matches
    assert [*TargetIndex([target(filter=filter_)]).wanting("lead.routed", scored_lead(), AT)] == [
        target(filter=filter_)
    ] * matches


def sent_to(type_: str, data: msgspec.Struct, *ids: str) -> list[str]:
    """Return which of these destinations receive an event."""
    targets = [destination_target(id_, "https://hooks.example/", ()) for id_ in ids]
    return [target.id for target in TargetIndex(targets).wanting(type_, data, AT)]


class Said(msgspec.Struct, frozen=True):
    decision: dict[str, str | None]
    previous_queue: str | msgspec.UnsetType | None = None
    previous_owner: str | None = None
    joined: dict[str, str] | None = None
    to: str | None = None


def test_a_queue_destination_hears_that_a_lead_leaves_the_queue():
    for type_ in ("lead.reassigned", "lead.handed_off", "lead.routed", "lead.closed"):
        assert sent_to(type_, Said({"queue": "bdr"}, "sdr"), "queue:sdr") == ["queue:sdr"]
    assert sent_to("lead.suppressed", Said({"reason": "spam"}, "sdr"), "queue:sdr") == ["queue:sdr"]
    for queue in (None, msgspec.UNSET, "bdr"):
        assert sent_to("lead.routed", Said({"queue": "bdr"}, queue), "queue:sdr") == []


def test_a_queue_destination_receives_only_decisions_for_its_queue():
    assert sent_to("lead.routed", Said({"queue": "sdr"}), "queue:sdr", "queue:bdr") == ["queue:sdr"]
    assert sent_to("lead.routed", scored_lead(), "queue:sdr") == []
    assert sent_to("account.qualified", Said({"queue": "sdr"}), "queue:sdr") == []


def test_a_rep_hears_of_own_leads_of_leads_that_were_theirs_and_of_those_joined():
    owned = Said({"queue": "sdr", "owner": "ana"}, previous_owner="ben", joined={"rep": "cy", "queue": "se"})
    everybody = ("rep:ana", "rep:ben", "rep:cy", "rep:dee", "queue:se", "queue:bdr")
    assert sent_to("lead.handed_off", owned, *everybody) == ["rep:ana", "rep:ben", "rep:cy", "queue:se"]


def test_a_manager_hears_only_of_leads_that_are_escalated_to_them():
    escalated = Said({"queue": "sdr", "owner": "ana"}, to="mona")
    everybody = ("manager:mona", "manager:max", "rep:mona", "rep:ana")
    assert sent_to("lead.escalated", escalated, *everybody) == ["manager:mona", "rep:mona", "rep:ana"]
    assert sent_to("lead.escalated", Said({"queue": "sdr", "owner": "mona"}), "manager:mona") == []


def test_an_owner_learns_of_a_lead_by_a_destination_and_without_one_by_any_subscription():
    owned = Said({"queue": "sdr", "owner": "ana"})
    queue, other = destination_target("queue:sdr", "https://hooks.example/", ()), target(("*",))
    assert notifying([other, queue], owned) == {queue.id}
    assert notifying([other], owned) == {other.id}
    assert notifying([other, queue], Said({"queue": "sdr", "owner": None})) == frozenset()
    former = destination_target("rep:ben", "https://ben.example/", ())
    assert notifying([former], owned) == frozenset()
    assert notifying([former, other], owned) == {other.id}


def test_only_what_has_arrived_and_notifies_counts_as_a_notification():
    row = replace(pending(), notifies=True)
    assert notifications_in([row]) == []
    arrived = after_attempt(row, DeliveryAttempt(200), AT)
    assert notifications_in([arrived]) == [NotifiedLeadRow(row.lead_id, AT)]
    assert notifications_in([replace(arrived, notifies=False)]) == []


def test_a_test_delivery_is_due_at_once_and_names_its_subscription():
    row = new_test_delivery("order-1", "s", "https://hooks.example/", AT)
    assert (row.id, row.event_id, row.next_attempt_at) == (delivery_id("order-1", "s"), "order-1", AT)
    body = msgspec.json.decode(webhook_test_body(row))
    assert (body["type"], body["data"]["subscription_id"]) == ("webhook.test", "s")


def test_the_latest_twenty_failures_are_kept_and_long_errors_are_cut():
    row = pending()
    for number in range(RETRIES.attempts_max):
        row = after_attempt(row, DeliveryAttempt(500 + number, "x" * 600), AT)
    row = msgspec.structs.replace(row, failures=[*(row.failures or []), *(row.failures or [])][:20])
    row = after_attempt(row, DeliveryAttempt(599, None), AT)
    assert row.failures is not None
    assert len(row.failures) == 20
    assert (row.failures[-1].status, row.failures[-1].error) == (599, "")
    assert len(row.failures[0].error) == 500


def test_a_retried_delivery_that_arrives_keeps_its_failures():
    row = after_attempt(after_attempt(pending(), TIMEOUT, AT), DeliveryAttempt(204), AT)
    assert (row.state, row.attempts, row.last_status, row.last_error) == ("delivered", 2, 204, None)
    assert [failure.error for failure in row.failures or []] == ["no answer in time"]


def test_a_new_delivery_is_due_at_once_and_was_not_attempted():
    row = new_delivery(
        "d", "hooks", "https://hooks.example/",
        event_id="event-1", event_type="baton.lead.routed.v1", lead_id="lead-1", body=b"{}", at=AT,
    )  # fmt: skip
    assert row == DeliveryRow(
        id="d",
        subscription_id="hooks",
        event_id="event-1",
        event_type="baton.lead.routed.v1",
        lead_id="lead-1",
        url="https://hooks.example/",
        state="pending",
        attempts=0,
        next_attempt_at=AT,
        last_status=None,
        last_error=None,
        created_at=AT,
        delivered_at=None,
        body=b"{}",
        failures=None,
    )


def test_a_test_delivery_is_about_no_lead_and_its_body_says_what_it_is():
    row = new_test_delivery("order-1", "hooks", "https://hooks.example/", AT)
    assert (row.url, row.event_type, row.lead_id, row.body) == ("https://hooks.example/", TRIAL, "", None)
    assert msgspec.json.decode(webhook_test_body(row)) == {
        "type": "webhook.test",
        "timestamp": "2026-03-02T09:00:00Z",
        "data": {"subscription_id": "hooks", "says": "Baton can reach you."},
    }


def test_the_id_of_a_delivery_is_the_same_in_every_process_and_version():
    """A record that is read again after an upgrade is recognised by it."""
    assert delivery_id("event-1", "hooks") == "e5a7fe49-1c58-5589-8d96-cc6e80146542"
    assert len({delivery_id(event, id_) for event in ("a", "b") for id_ in ("a", "b")}) == 4


def test_a_queue_destination_receives_the_events_of_leads_signed_with_its_secrets():
    assert destination_target("queue:sdr", "https://hooks.example/", ("whsec_x",)) == WebhookTarget(
        "queue:sdr", "https://hooks.example/", ("lead.*",), ("whsec_x",), filter={}, is_destination=True
    )


def test_the_family_of_a_type_is_its_first_word():
    assert target(("lead.*",)).subscribes_to("lead.handed.off")
    assert not target(("lead.handed.*",)).subscribes_to("lead.handed.off")


def test_erasing_a_person_ends_a_pending_delivery_with_the_reason_and_leaves_a_finished_one_as_it_ended():
    assert redacted(pending(), "hash").last_error == "the person was erased"
    gone = after_attempt(pending(), DeliveryAttempt(410, "answered 410"), AT)
    assert redacted(gone, "hash") == msgspec.structs.replace(gone, lead_id="hash")


def test_a_delivery_about_a_colleague_names_an_erased_person_no_more():
    mentions = Mentions(frozenset({"hash of name:ana ruiz"}), "hash of {}".format)
    body = {
        "data": {"brief": {"stakeholders": [{"name": "Ana Ruiz"}, {"name": "Ben"}], "markdown": "- Ana Ruiz"}}
    }
    named = msgspec.structs.replace(pending(), body=msgspec.json.encode(body))
    without = msgspec.json.decode(struck_out(named, mentions).body or b"")
    assert without == {"data": {"brief": {"stakeholders": [{"name": "Ben"}], "markdown": ""}}}
    for row in (pending(), msgspec.structs.replace(pending(), body=None)):
        assert struck_out(row, mentions) is row
