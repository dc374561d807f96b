"""Leaves a trace of what a source could not read: a count, a line in the log, and the body."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
import structlog
from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from services.gateway.dependencies import IDEMPOTENCY_KEY_LENGTH_MAX
from services.gateway.domain.arrival import uuid7
from services.gateway.domain.rejected import TRUNCATED_BYTES_MAX, RejectedSubmission, detail_of, is_kept
from services.gateway.domain.sources import HookSource
from services.gateway.intake.post_limits import RATE_LIMITED
from services.gateway.intake.sender import check_sender, client_name
from services.gateway.request_body import ApiRequest, BodyTooLarge, items, read_encoded_body
from services.gateway.state import GatewayState
from shared.errors import Reject
from shared.web.problem import TYPE_PREFIX, Problem

log = structlog.get_logger()

CONTENT_TYPE_LENGTH_MAX: Final = 200


class _ListItem(msgspec.Struct):
    index: int
    problem: Problem | None = None


class _ListAnswer(msgspec.Struct):
    results: list[_ListItem]


async def record_rejected(request: ApiRequest, source: HookSource, reject: Reject) -> None:
    """Count and log a refused post; keep its body if the sender proved itself. Raises `Retry`."""
    gateway: GatewayState = request.app.state.gateway
    gateway.metrics.rejected_submissions.labels(source.name, reject.kind).inc()
    kept = await _kept_submission(request, source, reject) if is_kept(reject) else None
    # A flood is counted, and not written line by line.
    write = log.debug if reject.kind == RATE_LIMITED else log.warning
    write("submission rejected", source=source.name, cause=reject.kind, kept=kept is not None)
    if kept is not None:
        await gateway.rejected.keep(kept)


async def keep_rejected_items(request: Request, source: HookSource, raw: bytes, answer: Response) -> None:
    """Keep the items of a list that were not accepted, each as a submission of its own. Raises `Retry`.

    `answer` is that of `batch_response`. A list without any accepted item is recorded as a whole by
    `HookRoute`, if it raises; this one did not.
    """
    gateway: GatewayState = request.app.state.gateway
    sent = items(raw)
    kept = []
    for result in msgspec.json.decode(bytes(answer.body), type=_ListAnswer).results:
        if result.problem is None:
            continue
        cause = result.problem.type.removeprefix(TYPE_PREFIX)
        gateway.metrics.rejected_submissions.labels(source.name, cause).inc()
        log.warning("submission rejected", source=source.name, cause=cause, kept=True)
        problem, item = result.problem, sent[result.index]
        reject = Reject(problem.status, cause, problem.title, problem.detail, errors=problem.errors)
        submission = _submission(request, source, reject, item, len(item))
        kept.append(gateway.rejected.keep(msgspec.structs.replace(submission, idempotency_key="")))
    await asyncio.gather(*kept)


async def _kept_submission(
    request: ApiRequest, source: HookSource, reject: Reject
) -> RejectedSubmission | None:
    """Return what is kept of a refused post, None when its sender did not prove itself."""
    gateway: GatewayState = request.app.state.gateway
    try:
        if isinstance(reject, BodyTooLarge):
            body, size = reject.start[:TRUNCATED_BYTES_MAX], reject.size
        elif reject.kind == "unsupported-encoding":
            body = await read_encoded_body(request.receive)
            size = len(body)
        else:
            body = await request.body()
            size = len(body)
        check_sender(gateway, source, request, body)
    except (Reject, ClientDisconnect):
        return None
    return _submission(request, source, reject, body, size)


def _submission(
    request: Request, source: HookSource, reject: Reject, body: bytes, size: int
) -> RejectedSubmission:
    gateway: GatewayState = request.app.state.gateway
    now = gateway.clock.now()
    key = client_name(source, request.headers)
    return RejectedSubmission(
        id=uuid7(now, gateway.random),
        source=source.name,
        received_at=now,
        status=reject.status,
        cause=reject.kind,
        detail=detail_of(reject),
        content_type=request.headers.get("content-type", "")[:CONTENT_TYPE_LENGTH_MAX],
        idempotency_key=key if len(key) <= IDEMPOTENCY_KEY_LENGTH_MAX else "",
        size=size,
        body=body,
    )
