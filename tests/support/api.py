"""What a client of Baton does over HTTP, with bounded waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

T = TypeVar("T")


def eventually(look: Callable[[], T | None], *, within_s: float = 300, what: str = "it") -> T:
    """Return the first true value of `look`; fail when there is none in time."""
    deadline = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not happen within {within_s} s"
        time.sleep(0.05)


class Api:
    """A thin client. Every method asserts the status that it expects."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def post_lead(self, body: dict[str, Any], **headers: str) -> dict[str, Any]:
        answer = self.http.post("/v1/leads", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def post_form(self, fields: dict[str, str], source: str = "website") -> dict[str, Any]:
        answer = self.http.post(f"/hooks/forms/{source}", data=fields)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def view(self, lead_id: str) -> dict[str, Any] | None:
        answer = self.http.get(f"/v1/leads/{lead_id}")
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        return answer.json()

    def timeline(self, lead_id: str) -> list[dict[str, Any]]:
        answer = self.http.get(f"/v1/leads/{lead_id}/timeline")
        return answer.json()["data"] if answer.status_code == 200 else []

    def outcome(self, lead_id: str, event_id: str) -> str | None:
        return next((one.get("outcome") for one in self.timeline(lead_id) if one["id"] == event_id), None)

    def settled(self, sent: dict[str, Any], within_s: float = 300) -> dict[str, Any]:
        """Wait until what was sent has its outcome; return the view of its lead."""
        lead, event = sent["lead_id"], sent["event_id"]
        eventually(lambda: self.outcome(lead, event), within_s=within_s, what=f"the outcome of {event}")
        view = self.view(lead)
        assert view is not None
        return view

    def subscribe(self, url: str, *events: str) -> dict[str, Any]:
        answer = self.http.post(
            "/v1/subscriptions", json={"url": url, "events": list(events or ["lead.routed"])}
        )
        assert answer.status_code == 201, answer.text
        return answer.json()
