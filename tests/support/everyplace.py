"""A person who is in every place where Baton keeps something of people, for the tests of erasure."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tests.support.api import Api, eventually

DOMAIN = "everyplace.example"
EMAIL, PHONE = f"zephyrine.quandt@{DOMAIN}", "+49 30 9018401"
PROFILE = "https://www.linkedin.com/in/zephyrine-quandt-7"
NAME = "Zephyrine Quandt"
PERSON = {"email": EMAIL, "first_name": "Zephyrine", "last_name": "Quandt", "title": "Head of Narwhals"}
TRACES = (
    *("zephyrine", "quandt", "9018401", "head of narwhals"),
    *("want to see the kumquat", "rejected gooseberry", "bring a physalis", "answer tamarillo"),
)
"""Texts that only this person brought, in lower case."""


class Everyplace:
    """A person who is in every place, and a colleague who was told of her."""

    def __init__(self, api: Api, now: Callable[[], datetime]) -> None:
        self.api = api
        self.now = now
        self.lead_id = ""
        self.colleague = ""

    def create(self) -> None:
        self._leads()
        self._signals()
        self._colleague()
        self._refused()

    def _ago(self, hours: float) -> str:
        return (self.now() - timedelta(hours=hours)).isoformat()

    def _leads(self) -> None:
        """Three leads that become one, an outcome, an action with a note, and what she may be asked."""
        api, company = (
            self.api,
            {"name": "Everyplace", "employees": 300, "industry": "software", "country": "US"},
        )
        asked = [{"type": "demo_request", "at": self._ago(1), "details": {"note": "bring a physalis"}}]
        body: dict[str, Any] = {"person": PERSON, "company": company, "activities": asked}
        api.settled(
            api.post_lead({**body, "answers": {"fruit": "answer tamarillo"}}, **{"Idempotency-Key": EMAIL})
        )
        api.settled(api.post_lead({"person": {"phone": PHONE, "first_name": "Zephyrine"}}))
        api.settled(api.post_lead({"person": {"linkedin_url": PROFILE}}))
        both = {"email": EMAIL, "phone": PHONE, "linkedin_url": PROFILE}
        sent = api.post_lead({"person": both, "message": "I want to see the kumquat"})
        api.settled(sent)
        api.settled(api.post_form({"email": EMAIL, "name": NAME, "message": "I want to see the kumquat"}))
        self.lead_id = sent["lead_id"]
        assert api.http.post(f"/v1/leads/{self.lead_id}/accept", json={}).status_code == 200
        outcome = {
            "email": EMAIL,
            "type": "meeting_booked",
            "at": self._ago(0.1),
            "reason": "bring a physalis",
        }
        assert api.http.post("/v1/outcomes", json=outcome).status_code == 202

    def _signals(self) -> None:
        """What happened at her company and was about her, by domain and by name."""
        told = {"person": NAME, "contact": EMAIL}
        for type_ in ("job_change", "executive_hire", "news"):
            for account in ({"domain": DOMAIN}, {"name": "Everyplace"}):
                signal: dict[str, Any] = {"type": type_, "account": account, "details": told}
                signal["occurred_at"] = self._ago(2)
                assert self.api.http.post("/v1/signals", json=signal).status_code == 202
        activity = {"type": "call", "details": {"note": "bring a physalis"}}
        for type_, details in (("activity", {"activity": activity}), ("opt_out", {})):
            signal = {
                "type": type_,
                "person": {"email": EMAIL},
                "occurred_at": self._ago(1),
                "details": details,
            }
            assert self.api.http.post("/v1/signals", json=signal).status_code == 202
        back = {"person": {"email": EMAIL}, "consent": {"opted_out": False}}
        eventually(lambda: (self.api.view(self.lead_id) or {})["status"] == "suppressed", what="the opt-out")
        self.api.settled(self.api.post_lead(back))

    def _colleague(self) -> None:
        """A colleague's brief names her as a stakeholder, and so does the note of a hand-off."""
        sent = self.api.post_lead({"person": {"email": f"bo@{DOMAIN}", "first_name": "Bo", "title": "CFO"}})
        view = self.api.settled(sent)
        self.colleague = sent["lead_id"]
        assert NAME in json.dumps(view["brief"])

    def _refused(self) -> None:
        """A form that could not be read, which is kept for a while."""
        body = json.dumps({"email": EMAIL, "message": "rejected gooseberry"})[:-1]
        answer = self.api.http.post(
            "/hooks/forms/website", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 400, answer.text
