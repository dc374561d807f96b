"""Answers a call of a vendor: as the vendor would, or as the fault in force demands; logs every call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx2
import msgspec
import structlog
from fastapi import Request, Response

from services.provider_stubs.asked_values import StubRequest
from services.provider_stubs.call_log import CallLog, LoggedCall
from services.provider_stubs.faults import FaultRegistry, ProviderFault
from services.provider_stubs.request_body import bounded_body
from services.provider_stubs.vendor_jobs import JobRegistry
from services.provider_stubs.vendor_stub import Job, Prepared, StubAnswer, VendorQuestion, VendorStub
from services.provider_stubs.world import World
from shared.clock import Clock
from shared.errors import Reject
from shared.resilience.lru import LruCache

HANG_S_MAX: Final = 30
QUERY_LENGTH_MAX: Final = 8 * 1024
BODY_LENGTH_MAX: Final = 256 * 1024
_ANSWERS_CACHED_MAX: Final = 4_096
_QUESTIONS_KEPT_MAX: Final = 10_000
_CALLBACK_TRIES: Final = 3
_CALLBACK_TIMEOUT_S: Final = 10
_MALFORMED: Final = b'{"name": "Half an ans'

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StubState:
    """What all vendors share. Calls that wait on purpose end when `stopping` is set."""

    world: World
    faults: FaultRegistry
    calls: CallLog
    clock: Clock
    stopping: asyncio.Event
    callbacks: set[asyncio.Task[None]] = field(default_factory=set)


class VendorCalls:
    """The calls of one vendor. Answers depend on the question, the key and the day only, so they are kept."""

    def __init__(self, stub: VendorStub, state: StubState) -> None:
        self._stub = stub
        self._state = state
        self._jobs = JobRegistry()
        self._answers = LruCache[tuple[bytes, bool, date], Prepared](_ANSWERS_CACHED_MAX)
        self._asked: dict[str, int] = {}
        """How often each question was asked whose first answers are others than its last."""

    async def handle(self, request: Request, path: str) -> Response:
        """Answer one request for a path of the vendor."""
        if len(request.scope["query_string"]) > QUERY_LENGTH_MAX:
            raise Reject(414, "too-long", "The query is too long")
        raw = await bounded_body(request, BODY_LENGTH_MAX) if request.method != "GET" else b""
        body, is_readable = decode_body(raw, request.headers.get("content-type", ""))
        asked = StubRequest(path, dict(request.query_params), request.headers, body)
        job_id = None if asked.body is None and raw else self._stub.read_poll(asked)
        question = self._stub.read(asked)
        if question is None and job_id is None:
            raise Reject(404, "not-found", "The vendor has no such path", path[:100])
        if not is_readable:
            return await self._send(path, Prepared("", (self._stub.error(400),)), None)
        if question is None or (job_id is not None and request.method == "GET"):
            return await self._send(path, self._poll(job_id or "", asked), None)
        return await self._send(path, self._prepare(question, self._stub.has_key(asked)), question)

    def _prepare(self, question: VendorQuestion, has_key: bool) -> Prepared:  # noqa: FBT001 - part of a key
        today = self._state.clock.now().date()
        key = (question.key, has_key, today)
        prepare = partial(self._stub.prepare, question, today, has_key=has_key)
        return self._answers.get_or_compute(key, prepare)

    def _poll(self, id_: str, asked: StubRequest) -> Prepared:
        if not self._stub.has_key(asked):
            return Prepared(id_, (self._stub.error(401),))
        return Prepared(id_, (self._jobs.poll(id_) or self._stub.lost_job(),))

    async def _send(self, path: str, prepared: Prepared, question: VendorQuestion | None) -> Response:
        fault = self._fault(prepared)
        answer = self._choose(prepared, fault, question)
        self._log(path, prepared.subject, answer, None if fault.hang else answer.status)
        delay_s = HANG_S_MAX if fault.hang else fault.latency_ms / 1000
        if delay_s:
            with suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await self._state.stopping.wait()
        headers = dict(answer.headers)
        if answer.status in {429, self._stub.limit_status}:
            headers.setdefault("retry-after", "1")
        return Response(answer.body, answer.status, headers, "application/json")

    def _fault(self, prepared: Prepared) -> ProviderFault:
        """Return what goes wrong with this call. A fixed outage goes before all else."""
        if prepared.outage:
            return ProviderFault(hang=True) if prepared.outage == "hang" else ProviderFault(status=500)
        fault = self._state.faults.next_call(self._stub.name)
        if self._state.faults.exceeds_rate_limit(self._stub.name, asyncio.get_running_loop().time()):
            return ProviderFault(status=self._stub.limit_status)
        return fault

    def _choose(
        self, prepared: Prepared, fault: ProviderFault, question: VendorQuestion | None
    ) -> StubAnswer:
        if fault.malformed:
            return StubAnswer(fault.status or 200, _MALFORMED)
        if fault.replaces_answer:
            status = fault.status or 504
            # Whatever status the vendor reports this with, the fault's status is what was asked for.
            return StubAnswer(status, self._stub.error(status).body)
        if prepared.job is not None:
            self._start(prepared.job)
        if len(prepared.answers) == 1 or question is None:
            return prepared.answers[-1]
        key = f"{question.subjects[0]} {prepared.subject}"
        before = self._asked.get(key, 0)
        if len(self._asked) >= _QUESTIONS_KEPT_MAX:
            self._asked.clear()
        self._asked[key] = before + 1
        return prepared.answers[min(before, len(prepared.answers) - 1)]

    def _start(self, job: Job) -> None:
        self._jobs.start(job)
        if job.callback_url is not None:
            task = asyncio.get_running_loop().create_task(
                post_back(job, self._stub.webhook_after_s, self._state.stopping)
            )
            self._state.callbacks.add(task)
            task.add_done_callback(self._state.callbacks.discard)

    def _log(self, path: str, subject: str, answer: StubAnswer, status: int | None) -> None:
        self._state.calls.add(
            LoggedCall(
                provider=self._stub.name,
                path=path,
                key=subject,
                at=self._state.clock.now(),
                status=status,
                matched=answer.matched,
                billed=answer.billed,
            )
        )


def decode_body(raw: bytes, content_type: str) -> tuple[Any, bool]:
    """Return a body as a JSON value or the fields of a form, and whether it could be read."""
    if not raw:
        return None, True
    if content_type.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(raw.decode(errors="replace"), keep_blank_values=True)), True
    try:
        return msgspec.json.decode(raw), True
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, False


async def post_back(job: Job, after_s: float, stopping: asyncio.Event) -> None:
    """Post the answer of a job to the callback URL of its question, and again while that cannot take it."""
    url, answer = job.callback_url or "", job.answers[-1]
    headers: Mapping[str, str] = {"content-type": "application/json", **answer.headers}
    async with httpx2.AsyncClient(timeout=_CALLBACK_TIMEOUT_S) as http:
        for _ in range(_CALLBACK_TRIES):
            with suppress(TimeoutError):
                async with asyncio.timeout(after_s):
                    await stopping.wait()
            if stopping.is_set():
                return
            try:
                response = await http.post(url, content=answer.body, headers=headers)
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                log.info("the callback of a job failed", error=str(error)[:200])
                continue
            if response.is_success:
                return
