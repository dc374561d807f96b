"""Answers a call of a vendor: as the vendor would, or as the fault in force demands; logs every call."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from services.provider_stubs import golden
from services.provider_stubs.call_log import CallLog, LoggedCall
from services.provider_stubs.faults import FaultRegistry, ProviderFault
from services.provider_stubs.request_body import REQUEST_BYTES_MAX, bounded_body
from services.provider_stubs.vendors.vendor import Vendor, VendorEndpoint, VendorParameters, VendorReply
from services.provider_stubs.world import World
from shared.clock import Clock
from shared.errors import Reject
from shared.resilience.lru import LruCache

HANG_S_MAX: Final = 30
_ANSWERS_CACHED_MAX: Final = 4_096
_SUBJECTS_KEPT_MAX: Final = 10_000
_SUBJECT_LENGTH_MAX: Final = 254
_MALFORMED: Final = b'{"name": "Half an ans'


class EncodedReply(msgspec.Struct, frozen=True):
    """A vendor's answer as it is sent, and what is logged of it."""

    status: int
    body: bytes
    billed: int = 0
    matched: bool = False


class PreparedAnswer(msgspec.Struct, frozen=True):
    """The answer to a call, another one for the first caller if the vendor has that, and a fixed outage."""

    subject: str
    reply: EncodedReply
    first: EncodedReply | None
    outage: golden.Outage | None


@dataclass(frozen=True, slots=True)
class StubState:
    """What all vendors share. Calls that wait on purpose end when `stopping` is set."""

    world: World
    faults: FaultRegistry
    calls: CallLog
    clock: Clock
    stopping: asyncio.Event


def vendor_router(vendor: Vendor, state: StubState) -> APIRouter:
    """Return the vendor's own paths under its name."""
    router = APIRouter(prefix=f"/{vendor.name}", tags=[vendor.name])
    for endpoint in vendor.endpoints:
        stub = _EndpointStub(vendor, endpoint, state)
        router.add_api_route(
            endpoint.path,
            _handler(stub),
            methods=list(endpoint.methods),
            summary=(endpoint.answer.__doc__ or "").partition("\n")[0],
            operation_id=f"{vendor.name}{endpoint.path.replace('/', '_')}",
        )
    return router


def _handler(stub: "_EndpointStub"):  # type: ignore[no-untyped-def]  # noqa: ANN202 - FastAPI reads its signature
    parameters_of_query = stub.endpoint.parameters

    async def handle(
        request: Request, parameters: Annotated[VendorParameters, Depends(parameters_of_query)]
    ) -> Response:
        return await stub.handle(request, parameters)

    return handle


class _EndpointStub:
    """One endpoint of one vendor. Its answers depend on parameters, key and day only, so they are cached."""

    def __init__(self, vendor: Vendor, endpoint: VendorEndpoint, state: StubState) -> None:
        self.endpoint = endpoint
        self._vendor = vendor
        self._state = state
        self._answers = LruCache[tuple[VendorParameters, bool, date], PreparedAnswer](_ANSWERS_CACHED_MAX)
        self._known_subjects: set[str] = set()

    async def handle(self, request: Request, parameters: VendorParameters) -> Response:
        if len(request.scope["query_string"]) > REQUEST_BYTES_MAX:
            raise Reject(414, "too-long", "The query is too long")
        answer = await self._answer(request, parameters)
        fault = self._fault(answer)
        reply = self._choose_reply(answer, fault)
        self._log(answer.subject, reply, None if fault.hang else reply.status)
        delay_s = HANG_S_MAX if fault.hang else fault.latency_ms / 1000
        if delay_s:
            with suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await self._state.stopping.wait()
        headers = {"retry-after": "1"} if reply.status in {429, self._vendor.limit_status} else None
        return Response(reply.body, reply.status, headers, "application/json")

    async def _answer(self, request: Request, parameters: VendorParameters) -> PreparedAnswer:
        if request.method == "POST" and (body := await bounded_body(request)):
            try:
                parameters = parameters.with_body(msgspec.json.decode(body, type=dict[str, object]))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return PreparedAnswer("", _encode(self._vendor.error(400)), None, None)
        has_key = any(name in request.headers for name in self._vendor.key_headers) or (
            self._vendor.takes_key_parameter and parameters.api_key is not None
        )
        today = self._state.clock.now().date()
        key = (parameters.model_copy(update={"api_key": None}), has_key, today)
        return self._answers.get_or_compute(key, partial(self._prepare, *key))

    def _prepare(self, parameters: VendorParameters, has_key: bool, today: date) -> PreparedAnswer:  # noqa: FBT001
        subject = parameters.subject[:_SUBJECT_LENGTH_MAX]
        outage = golden.outage(self._vendor.name, subject)
        if not has_key:
            return PreparedAnswer(subject, _encode(self._vendor.error(401)), None, outage)
        reply = self.endpoint.answer(self._state.world, parameters, today)
        return PreparedAnswer(subject, _encode(reply), _encode(reply.first) if reply.first else None, outage)

    def _fault(self, answer: PreparedAnswer) -> ProviderFault:
        """Return what goes wrong with this call. A fixed outage goes before all else."""
        if answer.outage:
            return ProviderFault(hang=True) if answer.outage == "hang" else ProviderFault(status=500)
        fault = self._state.faults.next_call(self._vendor.name)
        if self._state.faults.exceeds_rate_limit(self._vendor.name, asyncio.get_running_loop().time()):
            return ProviderFault(status=self._vendor.limit_status)
        return fault

    def _choose_reply(self, answer: PreparedAnswer, fault: ProviderFault) -> EncodedReply:
        if fault.malformed:
            return EncodedReply(fault.status or 200, _MALFORMED)
        if fault.replaces_answer:
            status = fault.status or 504
            # Whatever status the vendor reports this with, the fault's status is what was asked for.
            return EncodedReply(status, _encode(self._vendor.error(status)).body)
        if answer.first and answer.subject not in self._known_subjects:
            if len(self._known_subjects) >= _SUBJECTS_KEPT_MAX:
                self._known_subjects.clear()
            self._known_subjects.add(answer.subject)
            return answer.first
        return answer.reply

    def _log(self, subject: str, reply: EncodedReply, status: int | None) -> None:
        self._state.calls.add(
            LoggedCall(
                provider=self._vendor.name,
                path=self.endpoint.path,
                key=subject,
                at=self._state.clock.now(),
                status=status,
                matched=reply.matched,
                billed=reply.billed,
            )
        )


def _encode(reply: VendorReply) -> EncodedReply:
    return EncodedReply(reply.status, msgspec.json.encode(reply.body), reply.billed, reply.matched)
