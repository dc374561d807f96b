"""Rules and scores in the console: the pages as a server answers them, without a browser."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

import msgspec
import pytest
from msgspec import structs

from services.gateway.queries.backtests import insert_backtest
from services.ledger.domain.backtest.paths import Path
from services.ledger.domain.backtest.report import Move, QueueMove
from services.ledger.tables import backtest_moves
from shared.policy.load import texts_in
from tests.support.gateway import ADMIN_KEY, RunningGateway
from tests.support.statements import statements
from tests.unit.gateway.console.test_policy_preview import AT, REPORT

FILES = texts_in(FilePath("config"))
STRICTER = FILES["routing.yaml"].replace("gte: 80", "gte: 60")
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Authorization": ""}


class Person:
    """Somebody who is signed in with a key, and the forms that they send."""

    def __init__(self, gateway: RunningGateway, cookie: str) -> None:
        self._gateway = gateway
        self._headers = {**SAME_ORIGIN, "Cookie": cookie}
        self.csrf = ""

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self._gateway.http.get(
            path, headers={**self._headers, **headers}, allow_redirects=False
        ) as response:
            text = await response.text()
        if found := re.search('<meta name="csrf" content="([^"]+)"', text):
            self.csrf = found[1]
        return response.status, text

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> tuple[int, str, str]:
        """Return status, text, and where the answer leads."""
        sent = {"csrf": self.csrf, **fields}
        async with self._gateway.http.post(
            path, data=sent, headers={**self._headers, **headers}, allow_redirects=False
        ) as response:
            return response.status, await response.text(), response.headers.get("Location", "")

    async def base(self) -> dict[str, str]:
        """Return the hidden fields that say what the files on the page began from."""
        _, page = await self.get("/policy")
        return dict(re.findall('name="(base_[a-z]+)" value="([^"]*)"', page))


@pytest.fixture
async def gateway(start_gateway):
    """A gateway with the default policy."""
    started = await start_gateway()
    await started.apply_policy()
    return started


async def sign_in(gateway: RunningGateway, key: str = ADMIN_KEY) -> Person:
    async with gateway.http.post(
        "/sign-in", data={"key": key}, headers=SAME_ORIGIN, allow_redirects=False
    ) as response:
        assert response.status == 303
        person = Person(gateway, response.headers["Set-Cookie"].partition(";")[0])
    await person.get("/policy")
    return person


async def key_of(gateway: RunningGateway, *scopes: str, **more: Any) -> str:
    headers = await gateway.key_headers(*scopes, **more)
    return headers["Authorization"].removeprefix("Bearer ")


async def test_a_file_is_edited_without_javascript_and_its_errors_are_listed(gateway):
    ana = await sign_in(gateway)
    base = await ana.base()
    wrong = FILES["routing.yaml"].replace("company.employees", "company.employes", 1)
    fields = {**base, "file": "routing.yaml", "text": wrong.replace("\n", "\r\n")}
    status, _, target = await ana.post("/policy/draft", fields)
    assert (status, target) == (303, "/policy?file=routing.yaml")
    _, page = await ana.get(target)
    assert 'data-line="14" data-column="17"' in page
    assert "did you mean &#34;company.employees&#34;?" in page
    assert "\r" not in page
    _, problem, _ = await gateway.ask("GET", "/v1/policies/draft")
    assert problem["files"]["routing.yaml"] == wrong
    # htmx gets the parts that change, in one answer.
    fragment = (await ana.post("/policy/draft", fields, **{"HX-Request": "true"}))[1]
    assert fragment.count("hx-swap-oob") == 2
    assert "<html" not in fragment
    # What is in force again is no draft.
    await ana.post("/policy/draft", {**fields, "text": FILES["routing.yaml"]})
    assert (await gateway.ask("GET", "/v1/policies/draft"))[0] == 404


async def test_applying_asks_for_a_note_and_a_newer_version_in_the_way_is_shown(gateway):
    ana, bo = await sign_in(gateway), await sign_in(gateway, await key_of(gateway, "admin"))
    base = await ana.base()
    await ana.post("/policy/draft", {**base, "file": "routing.yaml", "text": STRICTER})
    scoring = FILES["scoring.yaml"].replace("points: 90", "points: 80")
    await bo.post("/policy/draft", {**base, "file": "scoring.yaml", "text": scoring})
    _, asked = await ana.get("/policy/apply")
    assert "Suppression spam: condition spam score at least 80 → spam score at least 60" in asked
    assert (await ana.post("/policy/apply", {**base, "source": "draft"}))[0] == 422
    status, _, target = await ana.post("/policy/apply", {**base, "source": "draft", "note": "less spam"})
    assert status == 303
    _, page = await ana.get(target)
    assert "less spam" in page
    assert "is in force. New leads are routed by it" in page
    status, refused, _ = await bo.post("/policy/apply", {**base, "source": "draft", "note": "points"})
    assert status == 409
    assert "A newer version is in force" in refused
    assert "spam score at least 60" in refused
    _, page = await bo.get("/policy")
    assert "Begin from it, and keep my changes" in page
    await bo.post("/policy/rebase", {})
    base = await bo.base()
    assert (await bo.post("/policy/apply", {**base, "source": "draft", "note": "points"}))[0] == 303
    _, active, _ = await gateway.ask("GET", "/v1/policies/active")
    assert active["files"] == {**FILES, "routing.yaml": STRICTER, "scoring.yaml": scoring}
    assert active["note"] == "points"


async def test_versions_are_compared_and_applied_again(gateway):
    _, first, _ = await gateway.ask("GET", "/v1/policies/active")
    await gateway.ask("POST", "/v1/policies", json={"files": {**FILES, "routing.yaml": STRICTER}})
    ana = await sign_in(gateway)
    _, page = await ana.get(f"/policy/versions?before={first['version']}&after=active")
    assert "<del>  - {reason: spam, when: {field: spam_score, gte: 80}}</del>" in page
    assert "<ins>  - {reason: spam, when: {field: spam_score, gte: 60}}</ins>" in page
    source = first["version"]
    _, asked = await ana.get(f"/policy/apply?source={source}", **{"HX-Request": "true"})
    assert "<html" not in asked
    fields = dict(re.findall('name="([a-z_]+)" value="([^"]*)"', asked))
    assert (await ana.post("/policy/apply", {**fields, "note": "back"}))[0] == 303
    assert (await gateway.ask("GET", "/v1/policies/active"))[1]["version"] == source


async def test_managers_edit_and_only_administrators_apply(gateway):
    manager = await sign_in(gateway, await key_of(gateway, "manager"))
    base = await manager.base()
    await manager.post("/policy/draft", {**base, "file": "routing.yaml", "text": STRICTER})
    _, page = await manager.get("/policy")
    assert 'href="/policy/apply"' not in page
    assert (await manager.get("/policy/apply"))[0] == 403
    assert (await manager.post("/policy/apply", {**base, "note": "x"}))[0] == 403
    assert (await manager.get("/policy/versions"))[0] == 200
    assert (await manager.get("/policy/words"))[0] == 200
    assert (await manager.post("/policy/discard", {}))[0] == 303
    assert "Draft saved" not in (await manager.get("/policy"))[1]
    rep = await sign_in(gateway, await key_of(gateway, "rep", rep="sdr-1"))
    for path in ("/policy", "/policy/versions", "/policy/words"):
        assert (await rep.get(path))[0] == 403


@pytest.mark.parametrize("path", ["/policy?file=x.yaml", "/policy/apply?source=none"])
async def test_an_unknown_file_or_version_is_a_page_that_says_so(gateway, path):
    ana = await sign_in(gateway)
    status, page = await ana.get(path)
    assert (status, "There is no such" in page) == (404, True)


async def test_a_page_is_small_and_takes_six_statements_at_most(gateway):
    _, first, _ = await gateway.ask("GET", "/v1/policies/active")
    await gateway.ask("POST", "/v1/policies", json={"files": {**FILES, "routing.yaml": STRICTER}})
    report = msgspec.json.encode(structs.replace(REPORT, moved=1)).decode()
    row = {"id": "one", "candidate": "c" * 64, "created_at": AT, "created_by": "admin", "finished_at": AT}
    async with gateway.database.begin() as tx:
        await insert_backtest(tx, **row, state="done", report=report)
        await tx.execute(backtest_moves.insert(), [move(1, "bdr")])
    ana = await sign_in(gateway)
    await ana.post(
        "/policy/draft", {**await ana.base(), "file": "routing.yaml", "text": STRICTER + "# mine\n"}
    )
    for path in (
        "/policy",
        "/policy/try",
        "/policy/preview",
        "/policy/preview?id=one&before=sdr&after=bdr",
        "/policy/versions",
        f"/policy/versions?before={first['version']}&after=draft",
        "/policy/apply",
        f"/policy/apply?source={first['version']}",
    ):
        with statements() as asked:
            _, page = await ana.get(path)
        # API keys are read each five seconds, whatever page is asked for.
        told = [text for text, _ in asked if text != "BEGIN" and "FROM api_keys" not in text]
        assert len(told) <= 6, (path, told)
        assert len(re.findall("<[a-z]", page)) < 1_500, path
        assert len(gzip.compress(page.encode())) < 12_000, path


def move(number: int, after: str | None) -> dict[str, Any]:
    """Return a row of `backtest_moves`: a lead that goes from sdr elsewhere."""
    before = Path(AT, "assigned", "fits", queue="sdr", owner="sdr-1")
    found = Move(
        f"l{number}", f"/v1/leads/l{number}", "rule", before, Path(AT, "assigned", "new", queue=after)
    )
    data = msgspec.json.encode(found).decode()
    return {"backtest_id": "one", "number": number, "lead_id": f"l{number}", "data": data}


async def test_a_preview_is_started_cancelled_and_read(gateway):
    manager = await sign_in(gateway, await key_of(gateway, "manager"))
    _, page = await manager.get("/policy/preview")
    assert "No preview yet" in page
    base = await manager.base()
    assert (await manager.post("/policy/preview", {"period": "7", "subject": "draft"}))[0] == 404
    await manager.post("/policy/draft", {**base, "file": "routing.yaml", "text": STRICTER})
    assert (await manager.post("/policy/preview", {"period": "8", "subject": "draft"}))[0] == 422
    status, _, target = await manager.post("/policy/preview", {"period": "7", "subject": "draft"})
    assert status == 303
    _, page = await manager.get(target)
    assert "Waits for its turn" in page
    _, fragment = await manager.get(target, **{"HX-Request": "true"})
    assert 'hx-trigger="load delay:1s"' in fragment
    assert "<html" not in fragment
    await manager.post("/policy/preview/cancel", {"id": target.partition("id=")[2]})
    _, page = await manager.get(target)
    assert "The preview was cancelled" in page
    assert (await manager.get("/policy/preview?id=none"))[0] == 404


async def test_a_number_of_the_matrix_leads_to_its_leads(gateway):
    report = structs.replace(REPORT, queues=[QueueMove("sdr", "bdr", "fits", "new", "rule", 40)], moved=41)
    told = {"id": "one", "candidate": "c" * 64, "created_at": AT, "created_by": "admin", "finished_at": AT}
    async with gateway.database.begin() as tx:
        text = msgspec.json.encode(report).decode()
        await insert_backtest(tx, **told, state="done", report=text)
        rows = [move(number, "bdr" if number != 20 else None) for number in range(1, 42)]
        await tx.execute(backtest_moves.insert(), rows)
    ana = await sign_in(gateway)
    _, page = await ana.get("/policy/preview?id=one")
    assert "41 of 40 leads would move" in page
    target = "/policy/preview?id=one&before=sdr&after=bdr"
    assert f'href="{target.replace("&", "&amp;")}#moves"' in page
    _, page = await ana.get(target)
    first = re.findall('href="/leads/(l[0-9]+)"', page)
    assert len(first) == 25
    more = re.search('href="([^"]+start=[^"]+)#moves"', page)
    assert more is not None
    _, page = await ana.get(more[1].replace("&amp;", "&"))
    assert sorted([*first, *re.findall('href="/leads/(l[0-9]+)"', page)]) == sorted(
        f"l{number}" for number in range(1, 42) if number != 20
    )
    status, moves, _ = await gateway.ask("GET", "/v1/backtests/one/moves?before=sdr&after=nobody")
    assert (status, [found["lead_id"] for found in moves["data"]], moves["next"]) == (200, ["l20"], None)


async def test_a_made_up_lead_is_tried_from_the_form_or_from_json(gateway):
    manager = await sign_in(gateway, await key_of(gateway, "manager"))
    fields = {"email": "ana@kestrel.example", "title": "VP Finance", "domain": "kestrel.example"}
    fields |= {"employees": "420", "industry": "software", "country": "US", "activity": "demo_request"}
    status, page, _ = await manager.post("/policy/try", fields)
    assert status == 200
    assert "There is no draft, so the lead is tried by the version in force alone" in page
    assert page.count("<article") == 1
    to_bdr = FILES["routing.yaml"].replace(
        "{use: high_intent}, queue: senior-ae", "{use: high_intent}, queue: bdr"
    )
    await manager.post("/policy/draft", {**await manager.base(), "file": "routing.yaml", "text": to_bdr})
    _, page, _ = await manager.post("/policy/try", fields, **{"HX-Request": "true"})
    assert "The draft leads it elsewhere" in page
    assert re.findall('chip queue [^"]*">([^<]+)<', page) == ["senior-ae", "bdr"]
    status, page, _ = await manager.post(
        "/policy/try", {"json": '{"person": {"email": "bo@kestrel.example"}}'}
    )
    assert (status, "The draft leads it where it goes today" in page) == (200, True)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"json": "{"}, "The text is not JSON"),
        ({"json": '{"person": {"mail": "a@b.example"}}'}, "/person/mail: This field is unknown"),
        ({"json": '{"person": 1}'}, "/person: "),
        ({"email": "nonsense"}, "/person/email"),
        ({}, "is needed"),
        ({"json": "x" * 20_001}, "The JSON is too long"),
    ],
)
async def test_what_is_wrong_with_a_made_up_lead_is_said(gateway, fields, fault):
    ana = await sign_in(gateway)
    status, page, _ = await ana.post("/policy/try", fields)
    assert status == 422
    assert fault in page
