"""The webhook sender: one signed attempt, its result, and the bulkhead of each target."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from services.router.delivery.sender import IN_FLIGHT_MAX, LIMITS, WebhookSender
from services.router.domain.delivery import DeliveryAttempt, WebhookTarget
from shared.errors import Retry
from shared.observability.metrics import Metrics
from shared.resilience.bulkhead import Bulkheads
from shared.web.egress import EgressRefused
from shared.web.egress_client import EgressResponse
from shared.web.signing import new_secret, verify
from tests.support.fixed_clock import FixedClock
from tests.support.scored_leads import AT
from tests.support.scripted_egress import Post, ScriptedEgress

SECRET, OLD_SECRET = new_secret(b"n" * 24), new_secret(b"o" * 24)
BODY = b'{"type":"lead.routed"}'


def target(id_: str = "hooks", *secrets: str) -> WebhookTarget:
    return WebhookTarget(id_, f"https://{id_}.example/", ("*",), secrets or (SECRET,))


class Sending:
    """A sender with two slots for each target."""

    def __init__(self) -> None:
        self.egress, self.clock, self.metrics = ScriptedEgress(), FixedClock(AT), Metrics()
        self.bulkheads = Bulkheads(self.clock, slots=2)
        self.sender = WebhookSender(self.egress, self.bulkheads, self.clock, self.metrics)

    def count(self, result: str) -> float:
        value = self.metrics.registry.get_sample_value("baton_deliveries_total", {"result": result})
        return value or 0.0

    def answers(self, status: int, *, retry_after_s: float | None = None) -> None:
        self.egress.respond = lambda _post: EgressResponse(status, b"", 0.1, retry_after_s)

    def raises(self, error: Exception) -> None:
        def respond(_post: Post) -> EgressResponse:
            raise error

        self.egress.respond = respond


@pytest.fixture
def sending() -> Sending:
    return Sending()


async def test_an_attempt_posts_the_body_as_json_with_a_signature_of_this_moment(sending):
    attempt = await sending.sender.attempt(target(), "event-1", BODY)
    assert attempt == DeliveryAttempt(status=204, ms=100, answer=b"")
    [post] = sending.egress.posts
    assert (post.url, post.body) == ("https://hooks.example/", BODY)
    assert post.headers["content-type"] == "application/json"
    assert post.headers["webhook-id"] == "event-1"
    verify(SECRET, post.headers, BODY, AT)
    assert "traceparent" not in post.headers


async def test_every_secret_of_a_target_signs_and_a_changed_secret_counts_at_once(sending):
    await sending.sender.attempt(target("hooks", SECRET, OLD_SECRET), "event-1", BODY)
    verify(SECRET, sending.egress.posts[0].headers, BODY, AT)
    verify(OLD_SECRET, sending.egress.posts[0].headers, BODY, AT)
    await sending.sender.attempt(target("hooks", OLD_SECRET), "event-2", BODY)
    verify(OLD_SECRET, sending.egress.posts[1].headers, BODY, AT)


async def test_the_trace_of_the_event_is_passed_on(sending):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await sending.sender.attempt(target(), "event-1", BODY, traceparent=trace)
    await sending.sender.first_attempt(target(), "event-2", BODY, traceparent=trace)
    assert [post.headers["traceparent"] for post in sending.egress.posts] == [trace, trace]


@pytest.mark.parametrize("status", [199, 300, 302, 404, 410, 500, 503])
async def test_any_status_but_2xx_is_a_failure_that_names_the_status(sending, status):
    sending.answers(status)
    attempt = await sending.sender.attempt(target(), "event-1", BODY)
    assert attempt == DeliveryAttempt(status=status, error=f"answered {status}", ms=100, answer=b"")
    assert (sending.count("failed"), sending.count("delivered")) == (1, 0)


async def test_retry_after_is_part_of_the_result(sending):
    sending.answers(429, retry_after_s=90.0)
    attempt = await sending.sender.attempt(target(), "event-1", BODY)
    assert attempt.retry_after == timedelta(seconds=90)


@pytest.mark.parametrize("error", [Retry("no answer in time"), EgressRefused("the host may not be reached")])
async def test_a_request_without_a_response_is_a_failure_with_the_reason(sending, error):
    sending.raises(error)
    attempt = await sending.sender.attempt(target(), "event-1", BODY)
    assert attempt == DeliveryAttempt(error=str(error), ms=attempt.ms)


@pytest.mark.parametrize(
    ("secrets", "reason"),
    [
        ((), "there is no webhook secret to sign with"),
        (("whsec_!",), "a webhook secret is base64, with or without whsec_ in front"),
    ],
)
async def test_without_a_usable_secret_nothing_is_sent(sending, secrets, reason):
    unsigned = WebhookTarget("hooks", "https://hooks.example/", ("*",), secrets)
    attempt = await sending.sender.attempt(unsigned, "event-1", BODY)
    assert attempt == DeliveryAttempt(error=reason)
    assert sending.egress.posts == []


async def test_results_are_counted_and_responses_are_timed(sending):
    await sending.sender.attempt(target(), "event-1", BODY)
    sending.raises(Retry("no answer in time"))
    await sending.sender.attempt(target(), "event-2", BODY)
    assert (sending.count("delivered"), sending.count("failed"), sending.count("deferred")) == (1, 1, 0)
    assert sending.metrics.registry.get_sample_value("baton_delivery_seconds_count") == 1


async def test_a_target_without_a_free_slot_gets_no_attempt_and_holds_up_no_other(sending):
    """A slot is free again when its attempt has ended."""
    may_answer = asyncio.Event()
    sending.egress.before = may_answer.wait
    async with asyncio.TaskGroup() as tasks:
        for number in range(2):
            tasks.create_task(sending.sender.attempt(target(), f"event-{number}", BODY))
        await asyncio.sleep(0)
        assert await sending.sender.attempt(target(), "event-2", BODY) is None
        assert sending.count("deferred") == 1
        other = tasks.create_task(sending.sender.attempt(target("other"), "event-3", BODY))
        may_answer.set()
        assert await other == DeliveryAttempt(status=204, ms=100, answer=b"")
    assert await sending.sender.attempt(target(), "event-4", BODY) == DeliveryAttempt(
        status=204, ms=100, answer=b""
    )


async def test_the_first_attempt_waits_for_a_slot_for_a_moment(sending):
    may_answer = asyncio.Event()
    sending.egress.before = may_answer.wait
    async with asyncio.TaskGroup() as tasks:
        for number in range(2):
            tasks.create_task(sending.sender.attempt(target(), f"event-{number}", BODY))
        await asyncio.sleep(0)
        assert await sending.sender.first_attempt(target(), "event-2", BODY) is None
        may_answer.set()


async def test_a_cancelled_attempt_frees_its_slot_and_counts_as_unanswered(sending):
    sending.egress.before = asyncio.Event().wait
    for number in range(5):
        hanging = asyncio.create_task(sending.sender.attempt(target(), f"event-{number}", BODY))
        await asyncio.sleep(0)
        hanging.cancel()
        await asyncio.wait({hanging})
    sending.egress.before = None
    assert await sending.sender.attempt(target(), "event-5", BODY) is None  # paused after five in a row
    sending.clock.advance(timedelta(seconds=5))
    assert await sending.sender.attempt(target(), "event-6", BODY) == DeliveryAttempt(
        status=204, ms=100, answer=b""
    )


async def test_a_target_that_answers_with_errors_is_not_paused(sending):
    sending.answers(500)
    for number in range(10):
        assert await sending.sender.attempt(target(), f"event-{number}", BODY) is not None


def test_the_connections_of_a_host_are_enough_for_the_attempts_to_one_target():
    assert LIMITS.connections_per_host_max >= IN_FLIGHT_MAX
