"""A vendor that is a folder alone is played by the stubs: no code knows its name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from services.provider_stubs.bootstrap import StubServer
from shared.clock import SystemClock
from shared.integrations.catalog import load_integrations
from shared.settings import StubsSettings, load

PRESET = """
vendor: rolodex
title: Rolodex
docs: https://rolodex.example/docs
base_url: https://api.rolodex.example
auth: {header: x-rolodex, value: "{key}"}
price: {match: 3}
ask:
  company:
    path: /firms/{domain}
    polled: false
    answer: {company.name: firm.name}
  person:
    method: POST
    path: /people
    body: {hook: "{callback_url}", questions: "{items}"}
    batch: {max: 50, reference: ref, each: {mail: "{email}", ref: "{reference}"}}
    items: people
    answer: {person.title: job}
poll: {path: "/jobs/{job}", job: ticket, webhook: true}
"""
EXAMPLE = """
title: A firm
ask: company
question: {domain: oddfellow.example}
answer: {status: 200, headers: {x-cost: "3"}, json: {firm: {name: Oddfellow}}}
expect: {outcome: match, company: {name: Oddfellow}, cost: 3}
"""
NOBODY = """
title: Nobody
ask: company
question: {domain: nobody.example}
answer: {status: 200, json: {firm: null}}
expect: {outcome: no_match}
"""
STUB = """
vendor: rolodex
coverage: {companies: 100, people: 100, stale: 0, wrong: 0}
answers:
  company:
    match: {json: {firm: {name: "{company.name}", staff: "{company.employees}"}}}
  person:
    match: {json: {people: "{items}"}}
    items: {match: {ref: "{asked.reference}", job: "{person.title}"}}
    accepted: {status: 202, json: {ticket: "{job}"}}
jobs: {pending: {json: {state: working}}, times: 2, webhook_after: 1s}
"""
KEY = {"x-rolodex": "any"}


def write_folder(policy: Path, *, stub: str | None) -> None:
    folder = policy / "integrations" / "providers" / "rolodex"
    (folder / "examples").mkdir(parents=True)
    (folder / "preset.yaml").write_text(PRESET)
    (folder / "examples" / "firm.yaml").write_text(EXAMPLE)
    (folder / "examples" / "nobody.yaml").write_text(NOBODY)
    if stub is not None:
        (folder / "stub.yaml").write_text(stub)


@asynccontextmanager
async def serving(policy: Path) -> AsyncIterator[httpx2.AsyncClient]:
    integrations = load_integrations(policy)
    assert "rolodex" in integrations.providers, integrations.findings
    server = StubServer(SystemClock(), load(StubsSettings, {"BATON_STUBS_PORT": "0"}), integrations)
    await server.start()
    try:
        base_url = f"http://127.0.0.1:{server.port}"
        async with httpx2.AsyncClient(base_url=base_url, headers=KEY, timeout=60) as http:
            yield http
    finally:
        await server.stop()


@asynccontextmanager
async def listening(bodies: asyncio.Queue[bytes]) -> AsyncIterator[str]:
    """Listen for one kind of request: a POST with a JSON body. Yields the URL."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        bodies.put_nowait(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/back"


@pytest.mark.parametrize("stub", [None, STUB], ids=["examples", "stub.yaml"])
async def test_a_request_of_an_example_is_answered_as_in_the_example(tmp_path, stub):
    write_folder(tmp_path, stub=stub)
    async with serving(tmp_path) as http:
        response = await http.get("/rolodex/firms/oddfellow.example")
        assert response.json() == {"firm": {"name": "Oddfellow"}}
        assert response.headers["x-cost"] == "3"
        report = (await http.get("/calls")).json()
    assert report["totals"] == {"rolodex": {"calls": 1, "matches": 1, "billed": 3}}


async def test_without_a_stub_file_everything_else_is_unknown_in_the_vendor_s_own_words(tmp_path):
    write_folder(tmp_path, stub=None)
    async with serving(tmp_path) as http:
        assert (await http.get("/rolodex/firms/brightloom.example")).json() == {"firm": None}
        del http.headers["x-rolodex"]
        assert (await http.get("/rolodex/firms/brightloom.example")).status_code == 401
        assert (await http.get("/rolodex/elsewhere/x")).status_code == 404


async def test_the_world_answers_by_the_stub_file_and_faults_hold_for_every_vendor(tmp_path):
    write_folder(tmp_path, stub=STUB)
    async with serving(tmp_path) as http:
        assert (await http.get("/rolodex/firms/brightloom.example")).json() == {
            "firm": {"name": "Brightloom", "staff": 350}
        }
        await http.put("/faults/rolodex", json={"status": 503})
        assert (await http.get("/rolodex/firms/brightloom.example")).status_code == 503


async def test_a_batch_is_accepted_polled_and_joined_by_reference(tmp_path):
    write_folder(tmp_path, stub=STUB)
    async with serving(tmp_path) as http:
        truth = (await http.get("/world/brightloom.example")).json()
        people = truth["people"][:2]
        questions = [{"mail": person["email"], "ref": f"r{at}"} for at, person in enumerate(people)]
        questions.append({"mail": "a@nowhere.example", "ref": "r9"})
        accepted = await http.post("/rolodex/people", json={"questions": questions})
        assert accepted.status_code == 202
        path = f"/rolodex/jobs/{accepted.json()['ticket']}"
        assert [(await http.get(path)).json() for _ in range(2)] == [{"state": "working"}] * 2
        done = (await http.get(path)).json()
        assert done == {"people": [{"ref": f"r{at}", "job": people[at]["title"]} for at in (1, 0)]}
        assert (await http.get("/rolodex/jobs/unknown")).status_code == 404


async def test_the_answer_of_a_job_is_posted_to_the_callback_url(tmp_path):
    write_folder(tmp_path, stub=STUB)
    bodies: asyncio.Queue[bytes] = asyncio.Queue()
    async with serving(tmp_path) as http, listening(bodies) as callback_url:
        truth = (await http.get("/world/brightloom.example")).json()
        question = {"mail": truth["people"][0]["email"], "ref": "r0"}
        await http.post("/rolodex/people", json={"hook": callback_url, "questions": [question]})
        async with asyncio.timeout(60):
            posted = await bodies.get()
    assert json.loads(posted) == {"people": [{"ref": "r0", "job": truth["people"][0]["title"]}]}
