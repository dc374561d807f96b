"""Dead letters over HTTP: by stage and cause, their content, set aside, and replayed all of a cause."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.ledger.domain.rows import DeadLetterRow
from shared.lead.events.dead_letter import REPLAY_HEADER
from shared.messaging.manifest import LEADS_RECEIVED
from tests.support.gateway import RunningGateway

LETTERS = "/v1/dead-letters"


def letter(gateway: RunningGateway, number: int, **given: Any) -> DeadLetterRow:
    """Return a letter of so many minutes ago."""
    at = gateway.resources.clock.now() - timedelta(minutes=number)
    row: dict[str, Any] = {
        "id": f"letter-{number}", "topic": LEADS_RECEIVED.name, "partition": 0, "offset": number,
        "record_key": b"kestrel.example", "value": b'{"person":{"email":"ana@kestrel.example"}}',
        "headers": [("ce_id", b"e\xff"), ("none", None)], "stage": "enricher", "kind": "schema",
        "message": "Expected `int`", "event_id": f"e{number}", "event_type": "baton.lead.received.v1",
        "subject": "", "at": at,
    }  # fmt: skip
    return DeadLetterRow(**{**row, **given})


@pytest.fixture
async def letters(gateway: RunningGateway) -> RunningGateway:
    await gateway.store(
        letter(gateway, 1),
        letter(gateway, 2),
        letter(gateway, 3, kind="json", value=None, record_key=None),
        letter(gateway, 4, stage="router", topic="leads.scored.v1"),
        letter(gateway, 5, replayed_at=gateway.resources.clock.now()),
        letter(gateway, 6, topic="somewhere.else"),
    )
    return gateway


async def ids(gateway: RunningGateway, query: str = "") -> list[str]:
    status, page, _ = await gateway.ask("GET", LETTERS + query)
    assert status == 200, page
    return [one["id"].removeprefix("letter-") for one in page["data"]]


async def groups(gateway: RunningGateway) -> list[tuple[str, str, int]]:
    _, found, _ = await gateway.ask("GET", f"{LETTERS}/groups")
    return [(one["stage"], one["kind"], one["letters"]) for one in found["data"]]


async def test_letters_are_grouped_and_filtered_by_stage_and_cause(letters: RunningGateway) -> None:
    assert await groups(letters) == [
        ("enricher", "schema", 3),
        ("enricher", "json", 1),
        ("router", "schema", 1),
    ]
    assert await ids(letters) == ["1", "2", "3", "4", "5", "6"]
    assert await ids(letters, "?state=open&stage=enricher&kind=schema") == ["1", "2", "6"]
    assert await ids(letters, "?state=replayed") == ["5"]
    assert await ids(letters, "?stage=router") == ["4"]
    assert (await letters.ask("GET", f"{LETTERS}?state=lost"))[0] == 422


async def test_a_letter_shows_its_record_whatever_its_bytes_are(letters: RunningGateway) -> None:
    _, shown, _ = await letters.ask("GET", f"{LETTERS}/letter-1")
    assert (shown["key"], shown["payload_bytes"]) == ("kestrel.example", 42)
    assert shown["payload"] == '{"person":{"email":"ana@kestrel.example"}}'
    assert shown["headers"] == [{"name": "ce_id", "value": "e\ufffd"}, {"name": "none", "value": None}]
    _, empty, _ = await letters.ask("GET", f"{LETTERS}/letter-3")
    assert (empty["payload"], empty["key"], empty["payload_bytes"]) == (None, None, 0)
    assert (await letters.ask("GET", f"{LETTERS}/none"))[0] == 404


async def test_letters_that_are_set_aside_are_open_no_more_until_they_are_taken_back(
    letters: RunningGateway,
) -> None:
    status, shown, _ = await letters.ask("POST", f"{LETTERS}/letter-3/set-aside")
    assert (status, bool(shown["set_aside_at"])) == (200, True)
    assert await ids(letters, "?state=set_aside") == ["3"]
    _, handled, _ = await letters.ask(
        "POST", f"{LETTERS}/set-aside", json={"stage": "enricher", "kind": "schema"}
    )
    assert handled == {"letters": 3, "refused": 0, "more": False}
    assert await groups(letters) == [("router", "schema", 1)]
    _, shown, _ = await letters.ask("DELETE", f"{LETTERS}/letter-3/set-aside")
    assert shown["set_aside_at"] is None
    assert await ids(letters, "?state=open") == ["3", "4"]
    assert (await letters.ask("POST", f"{LETTERS}/none/set-aside"))[0] == 404


async def test_all_letters_of_a_cause_are_replayed_the_oldest_first(letters: RunningGateway) -> None:
    status, handled, _ = await letters.ask(
        "POST", f"{LETTERS}/replay", json={"stage": "enricher", "kind": "schema"}
    )
    assert (status, handled) == (202, {"letters": 2, "refused": 1, "more": False})
    replayed = await letters.records(LEADS_RECEIVED.name, 2)
    assert [dict(record.headers)[REPLAY_HEADER] for record in replayed] == [b"letter-2", b"letter-1"]
    _, trail, _ = await letters.ask("GET", "/v1/audit")
    assert [one["subject"] for one in trail["data"] if one["kind"] == "dead_letter.replayed"] == [
        "letter-1",
        "letter-2",
    ]
