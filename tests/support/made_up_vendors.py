"""Vendors that exist in tests only, as presets, and the server of one that answers batches later."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from services.enricher.domain.providers import LookupTarget, ProviderQuery
from services.enricher.provider_client import ProviderClient
from services.enricher.providers.integration import Integration
from services.enricher.vendor_jobs import CallbackAddresses, JobStore
from shared.integrations.provider_preset import ProviderPreset
from shared.observability.metrics import Metrics
from shared.policy.models import Provider
from shared.rules.times import Duration

BATCHED: dict[str, Any] = {
    "vendor": "slowdata",
    "title": "Slowdata",
    "docs": "https://docs.slowdata.example/enrich",
    "base_url": "https://api.slowdata.example",
    "price": {"match": 4, "polled": 0},
    "auth": {"header": "Authorization", "value": "Bearer {key}"},
    "limits": {"per_second": 1_000, "in_flight": 50},
    "ask": {
        "person": {
            "method": "POST",
            "path": "/jobs",
            "body": {"items": "{items}", "webhook": "{callback_url}"},
            "needs": ["email"],
            "batch": {
                "max": 10,
                "reference": "ref",
                "wait_ms": 50,
                "each": {"email": "{email}", "ref": "{reference}"},
            },
            "items": "results",
        }
    },
    "poll": {"path": "/jobs/{job}", "job": "id", "every": "2s", "for": "60s", "webhook": True},
    "outcomes": [
        {"when": "status == `404`", "is": "job_lost"},
        {"when": "status == `200` && body.state == 'running'", "is": "pending"},
    ],
    "answer": {"person.title": "title", "person.first_name": "first_name", "confidence": {"default": 90}},
}
"""A vendor that takes several questions at once and answers them later, by poll or post."""


class LoopClock:
    """The wall clock of an event loop whose time is virtual."""

    def __init__(self, at: datetime = datetime(2026, 3, 1, tzinfo=UTC)) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at + timedelta(seconds=asyncio.get_running_loop().time())


class JobVendorSimulator(httpx2.AsyncBaseTransport):
    """The server of `BATCHED`: it knows a title for everybody, and answers in the reverse order.

    An address with `nobody` is unknown to it. Jobs are ready `ready_after_s` seconds after they were posted;
    those in `lost` it does not have any more.
    """

    def __init__(self, *, ready_after_s: float = 3.0) -> None:
        self.ready_after_s = ready_after_s
        self.asked: list[list[dict[str, Any]]] = []
        self.webhooks: list[str | None] = []
        self.polled_at: list[float] = []
        self.lost: set[str] = set()
        self._began: list[float] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(0.01)
        if request.method == "POST":
            body = json.loads(request.content)
            self.asked.append(body["items"])
            self.webhooks.append(body.get("webhook"))
            self._began.append(now)
            return answered({"id": str(len(self.asked) - 1)})
        self.polled_at.append(now)
        job = request.url.path.rpartition("/")[2]
        if job in self.lost:
            return answered({"error": "unknown job"}, 404)
        if now < self._began[int(job)] + self.ready_after_s:
            return answered({"state": "running"})
        return answered(self.results(int(job)))

    def results(self, job: int) -> dict[str, Any]:
        """Return the answer of a job."""
        known = [item for item in self.asked[job] if "nobody" not in item["email"]]
        return {
            "state": "done",
            "results": [
                {"ref": item["ref"], "title": f"Head of {item['email'].partition('@')[0]}"}
                for item in reversed(known)
            ],
        }


def answered(body: Any, status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, stream=httpx2.ByteStream(json.dumps(body).encode()))


def vendor_client(
    vendor: httpx2.AsyncBaseTransport,
    preset: dict[str, Any] = BATCHED,
    *,
    jobs: JobStore | None = None,
    callbacks: CallbackAddresses | None = None,
    **terms: Any,
) -> ProviderClient:
    """Return a client of a made-up vendor, in virtual time."""
    made = ProviderPreset.model_validate_json(json.dumps(preset))
    return ProviderClient(
        made.vendor,
        Provider(integration=made.vendor, **({"timeout": Duration(2)} | terms)),
        Integration(made),
        key="secret",
        http=httpx2.AsyncClient(transport=vendor, base_url=made.base_url),
        clock=LoopClock(),
        metrics=Metrics(),
        jobs=jobs,
        callbacks=callbacks,
        monotonic_s=asyncio.get_running_loop().time,
    )


def person_query(name: str, provider: str = "slowdata") -> ProviderQuery:
    """Return the question about a person of this name at Brightloom."""
    target = LookupTarget("brightloom.example", f"{name}@brightloom.example", lead_id=f"lead-{name}")
    return ProviderQuery(provider, "person", f"lead-{name}", target, ("person.title",))
