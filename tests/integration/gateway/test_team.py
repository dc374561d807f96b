"""Reps and queues over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from services.ledger.tables import lead_views
from services.router.domain.state import AssignmentRow, RepQueueRow, RoutedLeadRow
from shared.policy.load import texts_in
from shared.policy.versions import check_policy, put, seed_policy
from shared.storage.database import Database
from tests.support.fixed_clock import FixedClock

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
async def gateway(start_gateway):
    running = await start_gateway()
    await seed_policy(running.resources.database, Path("config"), running.resources.clock.now())
    return running


async def test_reps_are_listed_with_their_queues_and_open_leads(gateway):
    await gateway.store(RepQueueRow("sdr", "sdr-1", 5, 0, 2), RepQueueRow("bdr", "sdr-1", 1, 0, 1))
    status, answer, _ = await gateway.ask("GET", "/v1/reps")
    assert (status, answer["next"]) == (200, None)
    by_id = {rep["id"]: rep for rep in answer["data"]}
    expected = {
        "id": "sdr-1",
        "name": "Ana Ruiz",
        "queues": ["sdr"],
        "weight": 100,
        "available": True,
        "open_leads": 3,
        "credits": 6,
        "max_open": 60,
        "unaccepted": 0,
        "late": 0,
    }
    assert {name: by_id["sdr-1"].get(name) for name in expected} == expected
    assert not {"weight_now", "away", "no_new_leads", "rejected"} & by_id["sdr-1"].keys()
    assert [(one["queue"], one["assigned"]) for one in by_id["sdr-1"]["turns"]] == [("sdr", 5)]
    assert (await gateway.ask("GET", "/v1/reps/sdr-1"))[1] == by_id["sdr-1"]
    assert by_id["ae-1"]["credits"] == 0
    assert (await gateway.ask("GET", "/v1/reps/nobody"))[0] == 404


TEAM = """
calendars: {de: {holidays: DE, extra: [2026-03-02]}}
reps:
  - {id: away, name: A, queues: [sdr], time_zone: Europe/Berlin, away: [{from: 2026-02-20, to: 2026-02-22}, {from: 2026-03-09, to: 2026-03-10}, {from: 2026-02-27, to: 2026-03-03}]}
  - {id: new, name: B, queues: [bdr], weight: 90, ramp: {from: 2026-02-10, months: 3}}
  - {id: office, name: C, queues: [senior-ae], time_zone: Europe/Berlin, hours: "Mon-Fri 09:00-17:00", calendar: de}
  - {id: off, name: D, queues: [sdr]}
"""


async def test_reps_show_absences_why_they_get_no_leads_and_the_weight_of_a_ramp(start_gateway):
    """It is Sunday, 1 March, 9 o'clock in London, and Monday is a day off in the calendar of the office."""
    gateway = await start_gateway(clock=FixedClock(AT))
    files = texts_in(Path("config")) | {"team.yaml": TEAM}
    async with gateway.resources.database.begin() as tx:
        await put(tx, await check_policy(files), by="test", at=AT)
    await gateway.ask("PATCH", "/v1/reps/off", json={"available": False})
    answer = (await gateway.ask("GET", "/v1/reps"))[1]
    told = {
        rep["id"]: (rep.get("weight_now"), rep.get("away"), rep.get("no_new_leads")) for rep in answer["data"]
    }
    assert told == {
        "away": (
            None,
            [{"from": "2026-02-27", "to": "2026-03-03"}, {"from": "2026-03-09", "to": "2026-03-10"}],
            {"skipped": "unavailable", "detail": "away until 3 March", "until": "2026-03-03T23:00:00Z"},
        ),
        "new": (30, None, None),
        "office": (
            None,
            None,
            {
                "skipped": "off_hours",
                "detail": "back Tuesday 3 March 09:00 CET",
                "until": "2026-03-03T08:00:00Z",
            },
        ),
        "off": (None, None, {"skipped": "unavailable", "detail": "takes no new leads now", "until": None}),
    }
    for rep in answer["data"]:
        assert (await gateway.ask("GET", f"/v1/reps/{rep['id']}"))[1] == rep


async def test_the_leads_that_a_rep_rejected_are_counted_by_reason(gateway):
    await gateway.store(
        RepQueueRow("sdr", "sdr-1", 3, 0, 0),
        *(
            AssignmentRow(
                str(number), "L", "a", "sdr", "sdr-1", "rejected", 1, AT, None, closed_at=AT, reason=reason
            )
            for number, reason in enumerate(("spam", "no_budget", "spam", None))
        ),
    )
    rep = (await gateway.ask("GET", "/v1/reps/sdr-1"))[1]
    assert rep["rejected"] == {"spam": 2, "no_budget": 1}


async def test_a_manager_and_the_rep_itself_change_its_availability(gateway):
    own, manager = await gateway.key_headers("rep", rep="sdr-1"), await gateway.key_headers("manager")
    for headers, available in ((own, False), (manager, True), (own, False)):
        status, answer, _ = await gateway.ask(
            "PATCH", "/v1/reps/sdr-1", json={"available": available}, headers=headers
        )
        assert (status, answer["available"]) == (200, available)
    assert (await gateway.ask("GET", "/v1/reps/sdr-1", headers=own))[1]["available"] is False
    assert (await gateway.ask("GET", "/v1/reps/sdr-2", headers=own))[1]["available"] is True
    queues = {queue["name"]: queue for queue in (await gateway.ask("GET", "/v1/queues"))[1]["data"]}
    assert "sdr-1" in queues["sdr"]["reps"]
    assert "sdr-1" not in queues["sdr"]["available_reps"]


@pytest.mark.parametrize("body", [{}, {"available": "no"}, {"available": True, "weight": 2}, []])
async def test_only_the_availability_of_a_rep_can_be_changed(gateway, body):
    assert (await gateway.ask("PATCH", "/v1/reps/sdr-1", json=body))[0] == 422


async def test_nobody_else_changes_a_rep(gateway):
    change = {"json": {"available": False}}
    other, reader = await gateway.key_headers("rep", rep="sdr-2"), await gateway.key_headers("read")
    intake = await gateway.key_headers("intake")
    for headers in (other, reader, intake):
        assert (await gateway.ask("PATCH", "/v1/reps/sdr-1", headers=headers, **change))[0] == 403
    assert (await gateway.ask("PATCH", "/v1/reps/nobody", **change))[0] == 404
    for path in ("/v1/reps", "/v1/reps/sdr-1", "/v1/queues", "/v1/queues/sdr/leads"):
        assert (await gateway.ask("GET", path, headers=intake))[0] == 403


async def test_a_queue_has_the_leads_that_are_owned_or_wait_in_it(gateway):
    for number, name in enumerate(("owned", "waiting", "lost")):
        at = AT + timedelta(minutes=number)
        await _lead(gateway.database, name, at)
        await gateway.store(
            RoutedLeadRow(
                name,
                "a.example",
                1,
                1,
                1,
                "waiting" if name == "waiting" else "routed",
                "sdr",
                "work",
                "fits",
                False,
                AT if name == "waiting" else None,
            ),
        )
    held = AssignmentRow("1", "owned", "a.example", "sdr", "sdr-1", "open", 1, AT, AT + timedelta(hours=4))
    lost = AssignmentRow("2", "lost", "a.example", "sdr", "sdr-1", "lost", 1, AT, None, closed_at=AT)
    await gateway.store(held, lost, RepQueueRow("sdr", "sdr-1", 2, 0, 1))
    _, page, _ = await gateway.ask("GET", "/v1/queues/sdr/leads?limit=1")
    _, rest, _ = await gateway.ask("GET", f"/v1/queues/sdr/leads?limit=1&cursor={page['next']}")
    assert rest["next"] is None
    waiting, owned = page["data"][0], rest["data"][0]
    assert (waiting["lead_id"], waiting["owner"], waiting["accept_by"]) == ("waiting", None, None)
    assert (owned["lead_id"], owned["owner"], owned["accept_by"]) == (
        "owned",
        "sdr-1",
        "2026-03-01T13:00:00Z",
    )
    _, own, _ = await gateway.ask("GET", "/v1/queues/sdr/leads?owner=sdr-1")
    assert [lead["lead_id"] for lead in own["data"]] == ["owned"]
    queues = {queue["name"]: queue for queue in (await gateway.ask("GET", "/v1/queues"))[1]["data"]}
    assert (queues["sdr"]["open_leads"], queues["sdr"]["waiting"]) == (1, 1)
    assert (queues["sdr"]["accept_within"], queues["senior-ae"]["fallback"]) == ("4h business", "sdr")
    assert queues["sdr"]["ladder"] == []
    assert (await gateway.ask("GET", "/v1/queues/none/leads"))[0] == 404
    assert (await gateway.ask("GET", "/v1/queues/sdr/leads?limit=0"))[0] == 422
    assert (await gateway.ask("GET", "/v1/queues/sdr/leads?owner=%00"))[0] == 422


async def test_without_a_policy_the_answer_is_503(start_gateway):
    gateway = await start_gateway()
    assert (await gateway.ask("GET", "/v1/reps"))[0] == 503


async def _lead(database: Database, name: str, at: datetime) -> None:
    values = {
        "lead_id": name,
        "account": "a.example",
        "email": None,
        "status": "routed",
        "queue": "sdr",
        "owner": "sdr-1",
        "revision": 1,
        "first_at": at,
        **{f"{stage}_sequence": 1 for stage in ("enriched", "scored", "routed", "owned")},
        **{f"{stage}_revision": 1 for stage in ("enriched", "scored", "routed")},
    }
    async with database.begin() as tx:
        await tx.execute(insert(lead_views), values)
