"""The webhook receiver verifies signatures, prints deliveries and forwards what is verified."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from services.cli.webhook_receiver import (
    ReceivedWebhook,
    create_app,
    forward_webhook,
    json_line,
    text_line,
    verified_webhook,
)
from shared.web.signing import new_secret, sign

SECRET, OTHER = new_secret(bytes(24)), new_secret(bytes(range(24)))
BODY = json.dumps(
    {
        "type": "lead.routed",
        "data": {"lead_id": "lead-1", "decision": {"queue": "sdr", "owner": "sdr-1", "rule": "fits"}},
    }
).encode()


def signed(secret: str = SECRET, body: bytes = BODY, *, ago: timedelta = timedelta()) -> dict[str, str]:
    return sign([secret], "msg_1", datetime.now(UTC) - ago, body)


class Receiver:
    """The application, and the deliveries that it handed on."""

    def __init__(self, secret: str | None, status: int = 204) -> None:
        self.received: list[ReceivedWebhook] = []
        self.status = status
        self.app = create_app(self._receive, lambda: secret)

    async def _receive(self, webhook: ReceivedWebhook) -> int:
        self.received.append(webhook)
        return self.status

    async def post(self, body: bytes, headers: Mapping[str, str], path: str = "/in") -> int:
        transport = httpx2.ASGITransport(app=self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://receiver") as http:
            return (await http.post(path, content=body, headers=dict(headers))).status_code


@pytest.mark.parametrize("path", ["/", "/in", "/a/b/c"])
async def test_a_signed_delivery_is_verified_on_any_path(path):
    receiver = Receiver(SECRET)
    assert await receiver.post(BODY, signed(), path) == 204
    assert (receiver.received[0].verified, receiver.received[0].body) == (True, BODY)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(OTHER),
        signed(body=b"{}"),
        signed(ago=timedelta(hours=1)),
        signed() | {"webhook-id": "msg_2"},
        signed() | {"webhook-signature": "v1,AAAA"},
        signed() | {"webhook-timestamp": "soon"},
    ],
    ids=["unsigned", "secret", "body", "old", "id", "signature", "timestamp"],
)
def test_a_delivery_with_a_bad_signature_is_not_verified(headers):
    webhook = verified_webhook(headers, BODY, SECRET)
    assert webhook.verified is False
    assert webhook.reason


def test_without_a_secret_nothing_is_verified():
    assert verified_webhook({}, BODY, None).verified is None


async def test_the_status_is_the_one_that_the_callback_returns():
    assert await Receiver(None, status=503).post(BODY, {}) == 503


async def test_a_body_without_end_is_refused():
    receiver = Receiver(None)
    assert await receiver.post(bytes(2 * 1024 * 1024), {}) == 204
    assert await receiver.post(bytes(2 * 1024 * 1024 + 1), {}) == 413
    assert len(receiver.received) == 1


class TestForwarding:
    async def forwarded(self, respond) -> int:
        headers = signed() | {"content-type": "application/json", "authorization": "secret", "x-other": "1"}
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(respond)) as http:
            return await forward_webhook(
                http, "http://target/in", ReceivedWebhook(headers, BODY, verified=True)
            )

    async def test_a_delivery_goes_on_with_the_headers_that_its_signature_needs(self):
        requests: list[httpx2.Request] = []

        def respond(request: httpx2.Request) -> httpx2.Response:
            requests.append(request)
            return httpx2.Response(202)

        assert await self.forwarded(respond) == 202
        [request] = requests
        assert (str(request.url), request.content) == ("http://target/in", BODY)
        assert request.headers["content-type"] == "application/json"
        assert verified_webhook(request.headers, request.content, SECRET).verified
        assert not {"authorization", "x-other"} & set(request.headers)

    @pytest.mark.parametrize("status", [200, 404, 500])
    async def test_the_answer_of_the_target_is_the_answer_to_the_sender(self, status):
        assert await self.forwarded(lambda _request: httpx2.Response(status)) == status

    async def test_a_target_that_is_not_there_is_a_bad_gateway(self, capsys):
        def respond(_request: httpx2.Request) -> httpx2.Response:
            raise httpx2.ConnectError("connection refused")

        assert await self.forwarded(respond) == 502
        assert "could not forward to http://target/in: connection refused" in capsys.readouterr().err


class TestLines:
    @pytest.mark.parametrize(
        ("verified", "state"), [(True, "[verified]"), (False, "[NOT VERIFIED: old]"), (None, "[not checked]")]
    )
    def test_a_line_says_what_was_routed_and_whether_it_is_verified(self, verified, state):
        line = text_line(ReceivedWebhook({"webhook-id": "msg_1"}, BODY, verified, reason="old"))
        assert line == f"lead.routed  {state}  queue=sdr  owner=sdr-1  rule=fits  lead=lead-1  id=msg_1"

    def test_a_line_says_the_step_of_a_ladder_and_who_is_told(self):
        escalated = {"step": "escalate", "to": "mona", "decision": {"owner": "ana"}}
        body = json.dumps({"type": "lead.escalated", "data": escalated}).encode()
        line = text_line(ReceivedWebhook({}, body, None))
        assert line == "lead.escalated  [not checked]  step=escalate  to=mona  owner=ana  id=-"

    @pytest.mark.parametrize("body", [b"", b"[1]", b"\xff", b'{"type": null}'])
    def test_any_body_has_a_line(self, body):
        assert text_line(ReceivedWebhook({}, body, None)).endswith("id=-")
        assert json.loads(json_line(ReceivedWebhook({}, body, None)))["webhook_id"] == "-"

    def test_a_json_line_has_the_whole_body(self):
        line = json.loads(json_line(ReceivedWebhook({"webhook-id": "msg_1"}, BODY, verified=True)))
        assert line == {"webhook_id": "msg_1", "verified": True, "body": json.loads(BODY)}
