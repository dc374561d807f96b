"""The gateway over HTTP: what is accepted is in the stream, what is not gets a problem."""

from __future__ import annotations

import pytest

from shared.identity import lead_id_of
from tests.support.gateway import running_gateway

LEAD = b'{ "person": {"email": "Dana@Ledgerlane.example"}, "unknown": 1 }'


@pytest.fixture
async def gateway(tmp_path):
    async with running_gateway(tmp_path) as running:
        yield running


async def test_an_accepted_lead_is_in_the_stream_as_it_came(gateway):
    headers = {"Content-Type": "application/json"}
    async with gateway.http.post("/v1/leads", data=LEAD, headers=headers) as response:
        assert response.status == 202
        told = await response.json()
    (event,) = await gateway.events("leads.received.v1", 1)
    assert event.raw == LEAD
    assert event.id == told["event_id"]
    assert event.subject == told["lead_id"] == lead_id_of("email:dana@ledgerlane.example")
    assert event.key == "ledgerlane.example"
    assert told["status_url"] == f"/v1/leads/{told['lead_id']}"


async def test_a_lead_that_is_not_recorded_yet_is_not_known_yet(gateway):
    async with gateway.http.get(f"/v1/leads/{lead_id_of('email:a@b.example')}") as response:
        problem = await response.json(content_type="application/problem+json")
        assert (response.status, response.headers["Retry-After"]) == (404, "1")
        assert problem["type"].endswith("not-yet-known")
