"""Account knowledge over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO

import msgspec
import pytest

from services.scorer.domain.state import AccountRow, StoredSignal
from shared.lead.events.account_received import AccountReceivedV1

ACCOUNTS = "accounts.received.v1"
CSV = {"Content-Type": "text/csv; charset=utf-8"}

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


async def test_account_knowledge_is_published(gateway):
    known = {"name": "Kestrel", "relation": "customer", "owner": "ae-1", "open_opportunity": True}
    status, answer, _ = await gateway.ask("PUT", "/v1/accounts/www.Kestrel.example", json=known)
    (event,) = await gateway.events(ACCOUNTS, 1)
    assert (status, answer["account"], answer["event_id"]) == (202, "kestrel.example", event.id)
    assert (event.type, event.key, event.subject) == (
        "baton.account.received.v1",
        "kestrel.example",
        "kestrel.example",
    )
    assert msgspec.json.decode(event.raw) == {**known, "domain": "www.Kestrel.example"}


@pytest.mark.parametrize(
    ("domain", "body", "pointer"),
    [
        ("gmail.com", {}, "/domain"),
        ("com", {}, "/domain"),
        ("kestrel.example", {"domain": "other.example"}, "/domain"),
        ("kestrel.example", {"relation": "friend"}, "/relation"),
        ("kestrel.example", {"aliases": ["kestrel.de", "gmail.com"]}, "/aliases/1"),
        ("kestrel.example", {"realtion": "customer"}, "/realtion"),
        ("kestrel.example", [], ""),
    ],
)
async def test_invalid_account_knowledge_is_refused_with_a_pointer(gateway, domain, body, pointer):
    status, problem, _ = await gateway.ask("PUT", f"/v1/accounts/{domain}", json=body)
    assert (status, problem["errors"][0]["pointer"]) == (422, pointer)


async def test_each_item_of_a_list_of_accounts_is_accepted_or_rejected_by_itself(gateway):
    body = [{"domain": "a.example", "relation": "target"}, {"name": "nobody"}, {"domain": "b.example"}, 7]
    status, answer, _ = await gateway.ask("POST", "/v1/accounts", json=body)
    events = await gateway.events(ACCOUNTS, 2)
    assert status == 202
    assert [result.get("account") for result in answer["results"]] == ["a.example", None, "b.example", None]
    assert {event.key for event in events} == {"a.example", "b.example"}


async def test_each_row_of_csv_is_accepted_or_rejected_by_itself(gateway):
    text = (
        "\ufeffDomain,Name,Relation,Open opportunity,aliases\r\n"
        'a.example,"Alpha, Inc.",Target,yes,a.de; a.fr\r\n'
        "\r\n"
        "b.example,,enemy,,\r\n"
        "c.example,,,maybe,\r\n"
        "d.example,,,,,extra\r\n"
        "e.example\r\n"
    )
    status, answer, _ = await gateway.ask("POST", "/v1/accounts", data=text.encode(), headers=CSV)
    events = {event.key: event.data for event in await gateway.events(ACCOUNTS, 2)}
    assert status == 202
    assert [
        result["problem"]["errors"][0]["pointer"] if "problem" in result else result["account"]
        for result in answer["results"]
    ] == ["a.example", "/relation", "/open_opportunity", "", "e.example"]
    assert events["a.example"] == AccountReceivedV1(
        "a.example", "Alpha, Inc.", "target", None, True, None, ["a.de", "a.fr"]
    )
    assert events["e.example"] == AccountReceivedV1("e.example")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"", 422),
        (b"domain\n", 422),
        (b"name\nAlpha\n", 422),
        (b"domain,realtion\na.example,target\n", 422),
        (b"domain,domain\na.example,b.example\n", 422),
        (b"domain\n\xff\n", 422),
        (b'domain\n"a.example\n', 422),
        (b"domain\n" + b"a.example\n" * 1_001, 422),
        (b"domain\nnobody\n", 422),
        (b"domain\n" + b"a" * 1024 * 1024, 413),
    ],
)
async def test_malformed_csv_is_refused(gateway, text, status):
    assert (await gateway.ask("POST", "/v1/accounts", data=BytesIO(text), headers=CSV))[0] == status


async def test_other_bodies_are_refused(gateway):
    assert (await gateway.ask("POST", "/v1/accounts", json={"domain": "a.example"}))[0] == 422
    assert (await gateway.ask("POST", "/v1/accounts", data=b"x", headers={"Content-Type": "text/xml"}))[
        0
    ] == 415


async def test_an_account_is_seen_with_its_signals(gateway):
    news = StoredSignal(type="news", occurred_at=AT)
    round_ = StoredSignal(type="funding_round", occurred_at=AT, strength=80, event_id="e2", content="c2")
    signals = {"e1": news, "c2": round_}
    known = AccountReceivedV1("kestrel.example", "Kestrel", "target", aliases=["kestrel.de"])
    await gateway.store(AccountRow("kestrel.example", None, known, signals, leads=2))
    await gateway.store(AccountRow("other.example"))
    status, answer, _ = await gateway.ask("GET", "/v1/accounts/www.kestrel.example")
    assert (status, answer["relation"], answer["leads"], answer["aliases"]) == (
        200,
        "target",
        2,
        ["kestrel.de"],
    )
    told = [(signal["event_id"], signal["type"]) for signal in answer["signals"]]
    assert told == [("e2", "funding_round"), ("e1", "news")]
    assert (await gateway.ask("GET", "/v1/accounts/other.example"))[1]["relation"] == "none"
    assert (await gateway.ask("GET", "/v1/accounts/unknown.example"))[0] == 404
    assert (await gateway.ask("GET", "/v1/accounts/gmail.com"))[0] == 422


async def test_account_knowledge_is_written_by_managers(gateway):
    rep = await gateway.key_headers("rep", "intake", rep="sdr-1")
    assert (await gateway.ask("PUT", "/v1/accounts/a.example", json={}, headers=rep))[0] == 403
    assert (await gateway.ask("POST", "/v1/accounts", json=[], headers=rep))[0] == 403
    intake = await gateway.key_headers("intake")
    assert (await gateway.ask("GET", "/v1/accounts/a.example", headers=intake))[0] == 403
