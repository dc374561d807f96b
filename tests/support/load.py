"""Clients that keep sending leads while things die, and remember what was accepted.

A request that got no answer, or was told to come back, is sent again with the same event id (or, for a
form, the same `Idempotency-Key`): whatever the first try did, there is one event. What was answered 202 is
in `accepted`; any other answer than 202 and 503 is in `refused`, and is a fault.
"""

from __future__ import annotations

import os
import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

_TIMEOUT_S = 120.0
_AGAIN_S = 0.1
_LIST_MAX = 12


@dataclass(frozen=True)
class Request:
    """One request. `event_ids` are what the client itself calls its leads, "" where it gives no name."""

    path: str
    event_ids: tuple[str, ...]
    json: Any = None
    form: dict[str, str] | None = None
    key: str = ""

    @property
    def leads(self) -> int:
        return len(self.event_ids)


class Crowd:
    """What people send: new ones, colleagues, the same one spelled otherwise, the same request again."""

    def __init__(self, chance: random.Random, accounts: list[str]) -> None:
        self._chance = chance
        self._accounts = accounts
        self._emails: list[tuple[str, str]] = []
        self._phones: list[str] = []
        self._sent: list[Request] = []

    def next(self) -> Request:
        kinds = (self._one, self._form, self._list, self._again, self._by_phone)
        request = self._chance.choices(kinds, (8, 3, 2, 3, 2))[0]()
        self._sent.append(request)
        return request

    def _one(self) -> Request:
        lead = self._lead(*self._person())
        return Request("/v1/leads", (lead["event_id"],), json=lead)

    def _list(self) -> Request:
        leads = [self._lead(*self._person()) for _ in range(self._chance.randint(2, _LIST_MAX))]
        return Request("/v1/leads", tuple(lead["event_id"] for lead in leads), json=leads)

    def _form(self) -> Request:
        name, domain = self._person()
        fields = {"Work Email": f"{name}@{domain}", "message": "When can we talk?", "Company Size": "201-500"}
        return Request("/hooks/forms/website", ("",), form=fields, key=self._token())

    def _again(self) -> Request:
        return self._chance.choice(self._sent) if self._sent else self._one()

    def _by_phone(self) -> Request:
        """Somebody who gives a phone number first, and an e-mail with it the next time."""
        if self._phones and self._chance.random() < 0.5:
            phone, (name, domain) = self._phones.pop(), self._stranger()
            lead = self._lead(name, domain, phone=phone)
        else:
            phone = f"+1415{self._chance.randrange(2_000_000, 9_999_999)}"
            self._phones.append(phone)
            lead = {"event_id": self._token(), "person": {"phone": phone}}
        return Request("/v1/leads", (lead["event_id"],), json=lead)

    def _person(self) -> tuple[str, str]:
        if self._emails and self._chance.random() < 0.35:
            name, domain = self._chance.choice(self._emails)
            return self._spelled(name), domain.upper() if self._chance.random() < 0.3 else domain
        return self._stranger()

    def _stranger(self) -> tuple[str, str]:
        person = (f"p{self._token()[:12]}", self._chance.choice(self._accounts))
        self._emails.append(person)
        return person

    def _spelled(self, name: str) -> str:
        return self._chance.choice((name, name.upper(), f"{name}+{self._chance.randrange(99)}"))

    def _lead(self, name: str, domain: str, **person: str) -> dict[str, Any]:
        company = {
            "employees": self._chance.choice((8, 120, 900, 5_000)),
            "industry": "software",
            "country": "US",
        }
        title = self._chance.choice(("CEO", "VP Sales", "Engineer", "Student"))
        return {
            "event_id": self._token(),
            "person": {"email": f"{name}@{domain}", "title": title, **person},
            "company": company,
            "activities": [{"type": "demo_request", "at": "2026-01-05T10:00:00Z"}],
        }

    def _token(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))


@dataclass
class Load:
    """A few clients at `per_s` requests a second in all, from `with` on until `stop`.

    `accepted` has the lead id that each event id was answered with. What is sent follows from `seed`, the seed of
    the test run, so that a run that failed can be repeated.
    """

    url: str
    key: str
    per_s: float = 20.0
    clients: int = 3
    seed: str = field(default_factory=lambda: os.environ.get("BATON_TEST_SEED", ""))
    accepted: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    requests: int = 0

    def __post_init__(self) -> None:
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        run = f"{random.Random(self.seed).getrandbits(32):08x}"
        accounts = [f"a{number}-{run}.example" for number in range(25)]
        self._named: dict[str, str] = {}
        self._threads = [
            threading.Thread(target=self._work, args=(random.Random(f"{self.seed}-{number}"), accounts))
            for number in range(self.clients)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let every client finish the request in hand; none is retried any more."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(_TIMEOUT_S + 5)

    def await_accepted(self, more: int, within_s: float = 600) -> None:
        """Return when that many events more than now are accepted."""
        wanted, deadline = len(self.accepted) + more, time.monotonic() + within_s
        while len(self.accepted) < wanted:
            assert time.monotonic() < deadline, f"{len(self.accepted)} accepted, {wanted} wanted"
            time.sleep(0.02)

    def _work(self, chance: random.Random, accounts: list[str]) -> None:
        crowd = Crowd(chance, accounts)
        headers = {"authorization": f"Bearer {self.key}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=_TIMEOUT_S) as http:
            while not self._stopped.is_set():
                self._insist(http, crowd.next())
                self._stopped.wait(chance.uniform(0, 2) * self.clients / self.per_s)

    def _insist(self, http: httpx.Client, request: Request) -> None:
        while True:
            answer = _send(http, request)
            if answer is not None and answer.status_code != 503:
                self._note(request, answer)
                return
            if self._stopped.wait(_AGAIN_S):
                return

    def _note(self, request: Request, answer: httpx.Response) -> None:
        with self._lock:
            self.requests += 1
            if answer.status_code != 202:
                self.refused.append(f"{request.path}: {answer.status_code} {answer.text[:300]}")
                return
            body = answer.json()
            for name, result in zip(request.event_ids, body.get("results", [body]), strict=True):
                self._note_lead(name or request.key, result)

    def _note_lead(self, name: str, result: dict[str, Any]) -> None:
        if "problem" in result:
            self.refused.append(f"{name}: {result['problem']}")
            return
        event_id = self._named.setdefault(name, result["event_id"])
        if event_id != result["event_id"]:
            self.refused.append(f"{name} became two events: {event_id} and {result['event_id']}")
        self.accepted[result["event_id"]] = result["lead_id"]


def _send(http: httpx.Client, request: Request) -> httpx.Response | None:
    """Return the answer, or None when there is none."""
    headers = {"idempotency-key": request.key} if request.key else {}
    try:
        return http.post(request.path, json=request.json, data=request.form, headers=headers)
    except httpx.TransportError:
        return None
