"""A data vendor added as a folder beside the policy files, asked over HTTP: at once, and in jobs that answer later."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.api import Api, eventually

PRESET = """\
vendor: tidedata
docs: https://docs.tidedata.example/api
base_url: https://api.tidedata.example
price: {match: 7, no_match: 2}
auth: {header: Authorization, value: "Bearer {key}"}
limits: {per_second: 100, in_flight: 10}
ask:
  company:
    path: "/companies/{domain}"
    needs: [domain]
    polled: false
    answer: {company.employees: range(size), company.industry: industry, company.country: country}
  person:
    method: POST
    path: /jobs
    body: {people: [{mail: "{email}"}]}
    needs: [email]
    batch: {max: 50, reference: ref}
    answer: {person.title: job.title, person.first_name: name, person.phone: phone}
poll: {path: "/jobs/{job}", job: job_id, every: 1s, for: 5m}
outcomes:
  - {when: "body.state == 'running'", is: pending}
  - {when: "status == `418`", is: no_match, billed: true}
"""


class TidedataServer:
    """Answers about companies at once, and about people at the third poll of their job."""

    def __init__(self) -> None:
        self.people: list[str] = []
        self.keys: set[str] = set()
        self._jobs: list[list[dict[str, Any]]] = []
        self._polls: Counter[str] = Counter()

    def company(self, domain: str) -> tuple[int, Any]:
        if domain != "tidewater.example":
            return 418, {"error": "never heard of it"}
        return 200, {"size": "201-500", "industry": "Computer Software", "country": "United States"}

    def submit(self, body: Any) -> tuple[int, Any]:
        self._jobs.append(body["people"])
        self.people += [person["mail"] for person in body["people"]]
        return 202, {"job_id": str(len(self._jobs) - 1)}

    def poll(self, job: str) -> tuple[int, Any]:
        self._polls[job] += 1
        if self._polls[job] < 3:
            return 200, {"state": "running"}
        people = reversed(self._jobs[int(job)])
        return 200, {
            "state": "done",
            "found": [
                {"ref": person["ref"], "name": person["mail"].partition("@")[0], "job": {"title": "VP Sales"}}
                for person in people
            ],
        }


@pytest.fixture(scope="module")
def vendor() -> Iterator[tuple[TidedataServer, str]]:
    made_up = TidedataServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, name = self.path.strip("/").split("/")
            self._answer(made_up.company(name) if kind == "companies" else made_up.poll(name))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self._answer(made_up.submit(json.loads(body)))

        def _answer(self, answer: tuple[int, Any]) -> None:
            made_up.keys.add(self.headers.get("authorization", ""))
            status, body = answer[0], json.dumps(answer[1]).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield made_up, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture(scope="module")
def policy_dir(default_policy_dir: Path, vendor: tuple[TidedataServer, str]) -> Path:
    """The default policy, in which one made-up vendor gives everything."""
    folder = default_policy_dir / "integrations" / "providers" / "tidedata"
    folder.mkdir(parents=True)
    (folder / "preset.yaml").write_text(PRESET)
    yaml, path = YAML(typ="safe", pure=True), default_policy_dir / "providers.yaml"
    providers = yaml.load(path.read_text())
    fields = ("company.employees", "company.industry", "company.country", "person.title", "person.first_name")
    providers["fields"] = {name: {"order": ["tidedata"]} for name in fields}
    providers["for_sellers"] = ["person.title", "person.first_name"]
    providers["providers"] = {"tidedata": {"integration": "tidedata", "base_url": vendor[1]}}
    with path.open("w") as file:
        yaml.dump(providers, file)
    return default_policy_dir


def test_a_lead_is_enriched_by_the_vendor_at_its_own_prices_and_asked_once(api: Api, vendor):
    made_up, _url = vendor
    sent = [
        api.post_lead(
            {
                "person": {"email": f"{name}@tidewater.example"},
                "activities": [{"type": "demo_request", "at": "2020-01-01T00:00:00Z"}],
                "message": "Could we see a demo?",
            }
        )
        for name in ("ana", "ben")
    ]
    for one, name in zip(sent, ("ana", "ben"), strict=True):
        api.settled(one)

        def with_title(lead_id: str = one["lead_id"]) -> dict[str, Any] | None:
            view = api.view(lead_id)
            return view if view and "person.title" in view["provenance"] else None

        view = eventually(with_title, what="the answer of the job")
        assert (view["company"]["employees"], view["company"]["industry"]) == (350, "software")
        assert (view["person"]["title"], view["person"]["first_name"]) == ("VP Sales", name.title())
        assert view["provenance"]["person.title"]["source"] == "tidedata"
    assert sorted(made_up.people) == ["ana@tidewater.example", "ben@tidewater.example"]
    (provider,) = api.http.get("/v1/providers").json()["data"]
    assert provider["state"] == "active"
    assert provider["cost"] == 7 + 7 + 7  # the company once, and each of the people


def test_a_miss_that_the_vendor_bills_is_paid(api: Api, vendor):
    before = api.http.get("/v1/providers").json()["data"][0]["cost"]
    api.settled(api.post_lead({"company": {"domain": "nowhere.example"}, "message": "demo please"}))
    after = eventually(
        lambda: api.http.get("/v1/providers").json()["data"][0]["cost"] - before, what="the cost of a miss"
    )
    assert after == 2
